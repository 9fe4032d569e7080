"""The first texts that a developer reads run, type-check, and have their faults reported."""

import asyncio
import inspect
import json
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest

from handrail import Client, Context, Parts, Passage, Refused, State, ToolContext, agent
from handrail.contract.parts import Missing
from handrail.contract.tool import Tool
from handrail.testing import Team
from tests.unit.contract import first_texts

ROOT = Path(__file__).resolve().parents[3]
P = ParamSpec("P")
R = TypeVar("R")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write every text, sound and faulty, as a module into one folder."""
    where = tmp_path_factory.mktemp("texts")
    for name, text in {**first_texts.GOOD, **first_texts.with_faults()}.items():
        (where / f"{name}.py").write_text(text.lstrip(), encoding="utf-8")
    return where


@pytest.fixture(scope="module")
def mypy_says(folder: Path) -> dict[str, list[str]]:
    """Give what mypy --strict says, by module."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--no-error-summary"]
    command += ["--cache-dir", str(ROOT / ".mypy_cache" / "texts"), "--follow-imports=silent"]
    ran = subprocess.run([*command, "."], cwd=folder, capture_output=True, text=True, check=False)
    assert not ran.stderr
    return _by_module(
        (Path(line.split(":")[0]).stem, line)
        for line in ran.stdout.splitlines()
        if ": error:" in line
    )


@pytest.fixture(scope="module")
def pyright_says(folder: Path) -> dict[str, list[str]]:
    """Give what pyright says in its strict mode, by module."""
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11", "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = json.loads(ran.stdout)["generalDiagnostics"]
    return _by_module(
        (Path(one["file"]).stem, one["message"]) for one in found if one["severity"] == "error"
    )


def _by_module(found: Any) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for module, line in found:
        said.setdefault(module, []).append(line)
    return said


def test_both_type_checkers_accept_every_text(
    mypy_says: dict[str, list[str]], pyright_says: dict[str, list[str]]
) -> None:
    for name in first_texts.GOOD:
        assert mypy_says.get(name, []) == []
        assert pyright_says.get(name, []) == []


def test_both_type_checkers_report_every_planted_fault(
    mypy_says: dict[str, list[str]], pyright_says: dict[str, list[str]]
) -> None:
    planted = set(first_texts.with_faults())

    assert planted - set(mypy_says) == set()
    assert planted - set(pyright_says) == set()


def run(name: str, *changes: tuple[str, str]) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": name}
    text = first_texts.GOOD[name]
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    exec(compile(text, f"{name}.py", "exec"), names)
    return names


async def test_hello_greets() -> None:
    hello = run("hello")

    assert await hello["greeter"]("Ada") == hello["Greeting"](text="Hello, Ada")


async def test_the_desk_splits_and_gathers() -> None:
    desk = run("desk")

    questions = await desk["planner"](desk["Ask"](text="why and how"))
    parts = Parts([desk["Finding"](claim="so")], missing=[Missing(1, "attempts")])
    brief = await desk["writer"](parts, Asked())

    assert [q.text for q in questions] == ["why", "how"]
    assert (brief.claims, brief.gaps) == (["so"], ["attempts"])
    assert desk["planner"].fans_out
    assert desk["writer"].gathers


class Asked:
    """A context that carries tools out at once and answers every model call with `answer`."""

    task_id, tenant, invocation_id, attempt, deadline_ms = "t", "default", "i", 1, 1
    random = random.Random(7)

    def __init__(self, answer: Any = None, refusal: Refused | None = None) -> None:
        self.answer, self.refusal = answer, refusal

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    async def model(
        self,
        prompt: str,
        *,
        returns: type[R],
        tools: Sequence[Tool[..., Any]] = (),
        sources: Sequence[Passage] = (),
        context: object = None,
        turns_max: int = 8,
    ) -> R:
        assert isinstance(self.answer, returns)
        return self.answer

    def call(self, tool: Tool[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        if self.refusal:
            raise self.refusal
        facts = ToolContext(idem_key="k", task_id="t", tenant="default", deadline_ms=1)
        return tool.run(facts, tool.bind(*args, **kwargs))

    async def step(self, function: Callable[..., Any], /, *args: Any, **_: Any) -> Any:
        made = function(*args)
        return await made if inspect.isawaitable(made) else made

    async def gather(self, *steps: Awaitable[Any]) -> tuple[Any, ...]:
        return tuple(await asyncio.gather(*steps))


async def test_the_clerk_refunds_or_says_why_not() -> None:
    clerk = run("clerk")
    complaint = clerk["Complaint"](order="42", text="broken")
    answer = clerk["Verdict"](amount=Decimal(150))
    willing: Context = Asked(answer)
    unwilling: Context = Asked(answer, Refused(State.APPROVAL_REJECTED, "finance said no"))

    paid, refused = (
        await clerk["clerk"](complaint, willing),
        await clerk["clerk"](complaint, unwilling),
    )

    assert paid.text == "Refunded, receipt r-42-150"
    assert refused.text == "finance said no"


async def test_the_clerks_own_test_passes_and_fails_with_another_answer() -> None:
    named = "test_a_refund_over_100_waits_for_finance"
    await run("clerk_test")[named]()

    with pytest.raises(AssertionError):
        await run("clerk_test", ('Receipt(id="r1")', 'Receipt(id="r2")'))[named]()


async def test_the_client_asks_and_gets_what_the_writer_gave() -> None:
    # The writer hands on to `drafts`; what the client gets is what an agent sends to `results`.
    # Client() looks for the project around the working directory; here it is a team in memory.
    client = run(
        "client",
        ("writes=drafts", "writes=results"),
        ("Parts, Topic", "Parts, Topic, results"),
        ("async with Client()", "async with own"),
    )

    @agent(reads=client["questions"], writes=client["findings"])
    async def researcher(question: Any) -> Any:
        return client["Finding"](claim=question.text.upper())

    async with Team(client["planner"], researcher, client["writer"]) as team:
        client["own"] = Client(bus=team.bus, namespace=team.namespace, clock=team.clock)

        assert await client["ask_the_desk"]() == client["Brief"](claims=["WHY", "HOW"], gaps=[])


def test_unions_and_several_topics_run() -> None:
    unions = run("unions")

    assert sorted(unions["both"].models) == ["a.v1", "b.v1"]
    assert unions["chooser"].topic_for(unions["A"](n=1))[0] == unions["both"]


async def test_what_is_remembered_is_there_and_its_own_test_fails_for_another_value() -> None:
    await run("memory_test")["test_a_payment_is_remembered"]()

    wrong = run("memory_test", ("found.value == Fact(paid=True)", "not found.value.paid"))
    with pytest.raises(AssertionError):
        await wrong["test_a_payment_is_remembered"]()
