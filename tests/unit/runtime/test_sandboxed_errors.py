"""What a tool raises is told alike wherever it runs: by its effect, and without its words."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from handrail import Context, Refused, TaskFailed, agent, results
from handrail.contract.confinement import Limits
from handrail.contract.failure import State
from handrail.contract.tool import Tool, ToolContext
from handrail.errors import FailureClass
from handrail.lane.failure_class import Failure, RaisedElsewhere, ToolBroke, classify
from handrail.models.extractive import ExtractiveModel
from handrail.rails.egress import Egress
from handrail.rails.sandbox.call import OneCall, RanAtAll
from handrail.rails.sandbox.outcome import Ending
from handrail.runtime.confining import Confining, confining
from handrail.runtime.discovery import ToolFiles
from handrail.runtime.team_imports import close_projects, load_file
from handrail.runtime.worker.tool_failure import tool_failed_in_words
from handrail.testing import Team, calls, says
from handrail.testing.accounting import read_all
from tests.promises.step_tools import jobs

CANARY = "canary-7d1e-words"
TOOLS = f'''
import urllib.error
from email.message import Message

from handrail import Effect, Integrity, Level, Reach, tool


@tool(effect=Effect.READ, sandbox=Level.STANDARD, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(how: str) -> str:
    """Look, and fail."""
    fail(how)


@tool(effect=Effect.UNSAFE, sandbox=Level.STANDARD, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(how: str) -> str:
    """Pay, and fail."""
    fail(how)


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look_here(how: str) -> str:
    """Look without a sandbox, and fail."""
    fail(how)


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay_here(how: str) -> str:
    """Pay without a sandbox, and fail."""
    fail(how)


def fail(how):
    words = "{CANARY}: psycopg://user:hunter2@db/x"
    if how == "http":
        headers = Message()
        headers["retry-after"] = "7"
        raise urllib.error.HTTPError("http://x", 429, words, headers, None)
    if how == "name":
        raise type(words, (Exception,), {{}})(words)
    raise {{"value": ValueError, "gone": ConnectionError, "late": TimeoutError}}[how](words)
'''
CONTEXT = ToolContext(idem_key="k", task_id="t-1", tenant="acme", deadline_ms=1)
NAMES = {"look": "internal", "pay": "outcome_unknown"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose tools fail."""
    made = tmp_path_factory.mktemp("failing")
    (made / "tools").mkdir()
    (made / "tools" / "failing.py").write_text(TOOLS)
    yield made
    close_projects(made)


@pytest.fixture(scope="module")
def tools(folder: Path) -> dict[str, Tool[..., Any]]:
    """Its tools, by name."""
    found = vars(load_file(folder, folder / "tools" / "failing.py")).values()
    return {one.name: one for one in found if isinstance(one, Tool)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def confined(folder: Path, tools: dict[str, Tool[..., Any]]) -> AsyncIterator[Confining]:
    """What a process that serves the project starts."""
    files = dict.fromkeys(tools, folder / "tools" / "failing.py")
    async with confining(folder, tools.values(), ToolFiles(folder, files)) as made:
        yield made


def runs(confined: Confining, tool: Tool[..., Any]) -> bool:
    """Say whether it runs here; where it cannot be confined there is nothing to compare."""
    return confined.confines(tool) is None


async def told(confined: Confining, tool: Tool[..., Any], how: str) -> Exception:
    """Have a tool fail as a worker does, and give what is recorded of it."""
    try:
        await confined.steps(ExtractiveModel()).tool(tool, CONTEXT, {"how": how})
    except Exception as error:  # noqa: BLE001 - whatever it raises
        return tool_failed_in_words(tool, error, task="t-1", step="1", trace="i")
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("how", ["value", "gone", "late", "http", "name"])
@pytest.mark.parametrize("name", NAMES)
async def test_what_a_tool_raises_is_told_alike_in_its_sandbox_and_without_one(
    confined: Confining, tools: dict[str, Tool[..., Any]], name: str, how: str
) -> None:
    if not runs(confined, tools[name]):
        return
    apart = await told(confined, tools[name], how)
    here = await told(confined, tools[f"{name}_here"], how)

    assert isinstance(apart, ToolBroke)
    assert apart.state == NAMES[name]
    assert str(apart) == str(here).replace(f"{name}_here", name)
    assert classify(apart) == classify(here)
    assert "canary" not in f"{apart}{here}"


@pytest.mark.parametrize("where", ["", "_here"])
@pytest.mark.parametrize("name", NAMES)
async def test_the_words_of_an_error_reach_nobody_but_the_log_wherever_the_tool_runs(
    confined: Confining,
    tools: dict[str, Tool[..., Any]],
    name: str,
    where: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not runs(confined, tools[name + where]):
        return
    failing = tools[name + where]

    @agent(reads=jobs, writes=results)
    async def clerk(how: str, ctx: Context) -> str:
        said = await ctx.model("Do it.", returns=str, tools=[failing])
        try:
            await ctx.call(failing, how)
        except Refused as refused:
            said += f"{refused.state}: {refused.detail} {refused.remedy} {refused.__cause__}"
        await ctx.call(failing, how)
        return said

    async def run(how: str) -> Any:
        return await confined.steps(ExtractiveModel()).tool(failing, CONTEXT, {"how": how})

    async with Team(clerk, tools=[failing], partitions=1) as team:
        team.fake(failing, does=run)
        team.model.script(calls(failing, {"how": "value"}), says("It failed."))
        task = await team.submit(jobs, "value")
        with pytest.raises(TaskFailed) as failed:
            await task.result(str)
        asked = str([turn.turns for turn in team.model.asked])
        written = [
            f"{record.key!r} {record.value!r} {record.headers!r}"
            for topic in await team.bus.admin.topics()
            if topic.startswith(team.full(""))
            for record in await read_all(team.bus, topic)
        ]

    assert f"{NAMES[name]}: {failing.name} failed with ValueError" in str(failed.value)
    assert f"{failing.name} failed with ValueError" in asked
    places = [str(failed.value), asked, *written]
    assert [one for one in places if "canary" in one or "hunter2" in one] == []
    assert CANARY in "".join(capsys.readouterr())


async def test_what_a_sandbox_sends_of_an_error_is_believed_no_words() -> None:
    outcomes = []
    for answer in (
        {"kind": "failed", "error": CANARY, "judged": {"class": CANARY, "retry_after_ms": CANARY}},
        {"kind": CANARY},
    ):
        one = OneCall(1, Limits(), Egress(), {})
        outcomes.append(one.outcome(RanAtAll(answer)))
        one.close()
    failed, forged = outcomes

    assert (failed.ending, failed.state) == (Ending.FAILED, State.INTERNAL)
    assert Failure.of(failed.judged) == Failure(FailureClass.TRANSIENT, quick_only=True)
    assert forged.ending is Ending.DIED
    assert "canary" not in f"{failed.detail}{failed.remedy}{forged.detail}{forged.remedy}"


async def test_a_name_that_is_none_is_not_told(tools: dict[str, Tool[..., Any]]) -> None:
    judged = Failure(FailureClass.TRANSIENT, quick_only=True)
    error = RaisedElsewhere("pass: hunter2", judged)

    said = tool_failed_in_words(tools["pay"], error, task="t-1", step="1", trace="i")

    assert str(said).startswith("outcome_unknown: pay failed with an error, and may have acted")
    assert classify(said) == judged
