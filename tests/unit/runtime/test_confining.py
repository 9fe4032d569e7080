"""A tool that declares a level runs in the sandbox of its process, or is refused in words."""

import os
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from handrail.contract.confinement import Level, Limits
from handrail.contract.failure import Refused, RetryClass, State
from handrail.contract.tool import Tool, ToolContext
from handrail.lane.failure_class import RaisedElsewhere
from handrail.models.extractive import ExtractiveModel
from handrail.rails.sandbox.outcome import Ending, ended
from handrail.runtime.confining import Confining, _result, confining
from handrail.runtime.discovery import ToolFiles, load_single_file, load_team
from handrail.runtime.team_imports import close_projects, load_file

TOOLS = '''
import os
from decimal import Decimal

from pydantic import BaseModel

from handrail import Effect, Level, Refused, State, tool
from handrail.contract.failure import RetryClass


class Sum(BaseModel):
    amount: Decimal
    pid: int


@tool(effect=Effect.PURE, sandbox=Level.STANDARD)
async def add(first: Decimal, more: list[Decimal]) -> Sum:
    """Add amounts."""
    return Sum(amount=first + sum(more), pid=os.getpid())


@tool(effect=Effect.READ, sandbox=Level.STANDARD)
async def look(path: str) -> str:
    """Read a file."""
    with open(path) as file:
        return file.read()


@tool(effect=Effect.READ, sandbox=Level.STANDARD, timeout_s=0.5)
async def linger() -> None:
    """Never end."""
    while True:
        pass


@tool(effect=Effect.UNSAFE, sandbox=Level.STANDARD, timeout_s=0.5)
async def pay() -> None:
    """Pay, and never end."""
    while True:
        pass


@tool(effect=Effect.PURE, sandbox=Level.STANDARD)
async def miss() -> None:
    """Find nothing, and never will."""
    raise Refused(State.NOT_FOUND, "There is no order 42.", retry=RetryClass.NEVER)


@tool(effect=Effect.PURE)
async def free() -> int:
    """Say which process it runs in."""
    return os.getpid()
'''
CONTEXT = ToolContext(idem_key="k", task_id="t-1", tenant="acme", deadline_ms=1)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with tools and a password."""
    made = tmp_path_factory.mktemp("project")
    (made / "tools").mkdir()
    (made / "handrail.toml").write_text('password = "s3cret"')
    (made / "tools" / "sums.py").write_text(TOOLS)
    yield made
    close_projects(made)


@pytest.fixture(scope="module")
def tools(folder: Path) -> dict[str, Tool[..., Any]]:
    """Its tools, by name."""
    found = vars(load_file(folder, folder / "tools" / "sums.py")).values()
    return {one.name: one for one in found if isinstance(one, Tool)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def confined(folder: Path, tools: dict[str, Tool[..., Any]]) -> AsyncIterator[Confining]:
    """What a process that serves the project starts."""
    async with confining(folder, tools.values(), files_of(tools, folder)) as made:
        yield made


def files_of(tools: Iterable[str], folder: Path) -> ToolFiles:
    """Give what discovery finds of tools that stand in one file."""
    return ToolFiles(folder, dict.fromkeys(tools, folder / "tools" / "sums.py"))


def offered(confined: Confining) -> bool:
    """Say whether this machine holds level `standard`."""
    return confined.sandbox is not None and confined.sandbox.proof.level.holds(Level.STANDARD)


async def ran(confined: Confining, tool: Tool[..., Any], **arguments: Any) -> Any:
    """Carry a tool out as a worker does; gives its result, or what it raised."""
    try:
        return await confined.steps(ExtractiveModel()).tool(tool, CONTEXT, arguments)
    except (Refused, RaisedElsewhere) as error:
        return error


async def test_the_gateway_is_told_which_level_is_to_be_had(
    confined: Confining, tools: dict[str, Tool[..., Any]]
) -> None:
    refused = confined.confines(tools["add"])

    assert confined.confines(tools["free"]) is None
    if offered(confined):
        assert refused is None
    else:
        assert refused is not None
        assert "does not hold here" in refused.detail


async def test_a_confined_tool_gives_its_result_with_its_types_from_another_process(
    confined: Confining, tools: dict[str, Tool[..., Any]]
) -> None:
    found = await ran(confined, tools["add"], first=Decimal("1.10"), more=[Decimal("2.20")])

    if not offered(confined):
        assert found.state is State.SANDBOX_UNAVAILABLE
        return
    assert found.amount == Decimal("3.30")
    assert found.pid != os.getpid()


async def test_a_tool_that_asks_for_no_level_runs_where_it_always_did(
    confined: Confining, tools: dict[str, Tool[..., Any]]
) -> None:
    assert await ran(confined, tools["free"]) == os.getpid()


async def test_a_confined_tool_does_not_read_the_settings_of_its_project(
    confined: Confining, tools: dict[str, Tool[..., Any]], folder: Path
) -> None:
    found = await ran(confined, tools["look"], path=str(folder / "handrail.toml"))

    assert "s3cret" not in str(found)
    if offered(confined):
        assert (type(found), found.kind) == (RaisedElsewhere, "PermissionError")
    else:
        assert found.state is State.SANDBOX_UNAVAILABLE


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("linger", State.TIMEOUT_NO_EFFECT),
        ("pay", State.OUTCOME_UNKNOWN),
        ("miss", State.NOT_FOUND),
    ],
)
async def test_what_a_confined_tool_ends_in_follows_from_its_effect(
    confined: Confining, tools: dict[str, Tool[..., Any]], name: str, state: State
) -> None:
    found = await ran(confined, tools[name])

    assert found.state is (state if offered(confined) else State.SANDBOX_UNAVAILABLE)
    assert found.remedy


async def test_what_a_confined_tool_says_may_be_done_now_is_told(
    confined: Confining, tools: dict[str, Tool[..., Any]]
) -> None:
    found = await ran(confined, tools["miss"])

    assert found.retry is RetryClass.NEVER


ENDINGS = set(Ending) - {Ending.DONE, Ending.REFUSED, Ending.FAILED, Ending.UNAVAILABLE}


@pytest.mark.parametrize("ending", sorted(ENDINGS))
@pytest.mark.parametrize("name", ["look", "pay"])
async def test_no_cure_of_a_confined_tool_names_a_bound_that_no_tool_can_declare(
    tools: dict[str, Tool[..., Any]], name: str, ending: Ending
) -> None:
    with pytest.raises(Refused) as refused:
        _result(tools[name], ended(ending, "7"))

    assert not [one.name for one in fields(Limits) if one.name in refused.value.remedy]


@pytest.mark.parametrize("ending", [Ending.TIMED_OUT, Ending.OUT_OF_CPU])
async def test_an_act_that_ran_out_of_time_is_told_by_the_term_that_gives_it_more(
    tools: dict[str, Tool[..., Any]], ending: Ending
) -> None:
    with pytest.raises(Refused) as refused:
        _result(tools["pay"], ended(ending, "7"))

    assert refused.value.state is State.OUTCOME_UNKNOWN
    assert "timeout_s" in refused.value.remedy
    assert "Find out at the other side" in refused.value.remedy


async def test_without_a_sandbox_its_tools_are_refused_with_the_reason(
    tools: dict[str, Tool[..., Any]], tmp_path: Path
) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "sums.py").write_text("raise OSError('no such printer')")

    async with confining(tmp_path, tools.values(), files_of(tools, tmp_path)) as broken:
        found = await ran(broken, tools["add"], first=1, more=[])
        beside = await ran(broken, tools["free"])

    refused = broken.confines(tools["add"])

    assert refused is not None
    assert refused.detail == found.detail
    assert (found.state, "no such printer" in found.detail) == (State.SANDBOX_UNAVAILABLE, True)
    assert beside == os.getpid()


async def test_a_team_whose_tools_ask_for_none_starts_none(
    tools: dict[str, Tool[..., Any]], folder: Path
) -> None:
    async with confining(folder, [tools["free"]], files_of(["free"], folder)) as none:
        assert none.sandbox is None
        assert none.confines(tools["free"]) is None


@pytest.mark.parametrize("beside", [[], ["add"]])
async def test_a_confined_tool_that_the_team_does_not_declare_is_refused_with_its_cure(
    tools: dict[str, Tool[..., Any]], folder: Path, beside: list[str]
) -> None:
    declared = files_of(["free", *beside], folder)

    async with confining(folder, [tools[name] for name in declared.by_name], declared) as confined:
        found = await ran(confined, tools["miss"])
        told = confined.confines(tools["miss"])

    assert told is not None
    assert (found.state, found.detail) == (State.SANDBOX_UNAVAILABLE, told.detail)
    assert "stands in no file" in told.detail
    assert "declare it in a file of tools/" in told.remedy


DECLARING = """
import os

from handrail import Topic, agent, results, tool
from tools.sums import add

names = Topic("names", carries=str)


@tool
async def plain(order: str) -> str:
    "Say nothing of oneself."
    return f"{order} by {os.getpid()}"


@agent(reads=names, writes=results)
async def clerk(name: str) -> str:
    return name
"""
OTHER = """
import os

from handrail import Topic, agent, results

guarded = Topic("guarded", carries=str)
GUARDED = os.environ["GUARDED"]


@agent(reads=guarded, writes=results)
async def guard(name: str) -> str:
    return name
"""


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Path]:
    """A team with a confined tool in its agent's file, and files that load in no other process."""
    for name, text in {
        "team/tools/sums.py": TOOLS,
        "team/tools/_draft.py": "raise RuntimeError('a draft')",
        "team/agents/clerk.py": DECLARING,
        "team/agents/guard.py": OTHER,
        "team/clerk.py": DECLARING,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    yield tmp_path / "team"
    close_projects(tmp_path)


@pytest.mark.parametrize("whole", [True, False], ids=["project", "single file"])
async def test_a_confined_tool_runs_whichever_file_of_its_team_declares_it(
    team: Path, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARDED", "by the environment of the agents")
    loaded = load_team(team) if whole else load_single_file(team / "clerk.py")
    tools = loaded.tools
    # A file that stands alone has its own folder as its project, wherever the command was given.
    where = team if whole else team.parent

    async with confining(where, tools.values(), loaded.tool_files) as confined:
        found = await ran(confined, tools["plain"], order="42")
        imported = await ran(confined, tools["add"], first=Decimal(1), more=[])

    assert confined.sandbox is not None, "a file was loaded that declares none of them"
    if not offered(confined):
        assert found.state is imported.state is State.SANDBOX_UNAVAILABLE
        return
    assert found.startswith("42 by ")
    assert found != f"42 by {os.getpid()}"
    assert imported.amount == Decimal(1)
