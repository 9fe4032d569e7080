"""What is told of a tool that has failed, on whatever broker is used."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from handrail import (
    Context,
    Effect,
    Idempotent,
    Integrity,
    Reach,
    Refused,
    State,
    TaskFailed,
    agent,
    results,
    tool,
)
from handrail.contract.acted import LOOK_FIRST, OF_ENGINE
from handrail.contract.failure import RetryClass
from handrail.contract.tool import Tool
from handrail.testing import Team, calls, says
from handrail.testing.accounting import read_all
from tests.promises.step_tools import jobs

TeamOf = Callable[..., Team]
SECRET_WORDS = "psycopg://user:hunter2@db/x"


class Bank:
    """The outside: what was paid, and what is raised or given after it was."""

    paid: ClassVar[list[str]] = []
    after: ClassVar[list[Any]] = []
    heard: ClassVar[list[Refused]] = []


@pytest.fixture
def bank() -> type[Bank]:
    Bank.paid, Bank.after, Bank.heard = [], [], []
    return Bank


class Receipt(BaseModel):
    number: int


async def _paid(to: str) -> Receipt:
    Bank.paid.append(to)
    then = Bank.after.pop(0) if Bank.after else Receipt(number=len(Bank.paid))
    if isinstance(then, Exception):
        raise then
    return then  # type: ignore[no-any-return]  # perhaps no receipt at all


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(to: str) -> Receipt:
    """Pay somebody."""
    return await _paid(to)


@tool(effect=Idempotent(ttl_s=3600), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay_once(to: str) -> Receipt:
    """Pay somebody, under the key of the call."""
    return await _paid(to)


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(to: str) -> Receipt:
    """Look up what was paid."""
    return await _paid(to)


TOOLS: dict[str, Tool[..., Any]] = {one.name: one for one in (pay, pay_once, look)}


@agent(reads=jobs, writes=results)
async def caller(name: str, ctx: Context) -> str:
    try:
        return str((await ctx.call(TOOLS[name], "ann")).number)
    except Refused as refused:
        Bank.heard.append(refused)
        return f"{refused.state}: {refused.detail}. {refused.remedy}"


@agent(reads=jobs, writes=results)
async def clerk(name: str, ctx: Context) -> str:
    return await ctx.model("Pay ann.", returns=str, tools=[TOOLS[name]])


@agent(reads=jobs, writes=results)
async def trusting(name: str, ctx: Context) -> str:
    return str((await ctx.call(TOOLS[name], "ann")).number)


def real(team: Team) -> Team:
    for one in TOOLS.values():
        team.allow(one)
    return team


@pytest.mark.parametrize("name", ["pay", "pay_once"])
async def test_a_model_is_not_told_to_ask_again_for_what_has_acted(
    team_of: TeamOf, bank: type[Bank], name: str
) -> None:
    bank.after = ["no receipt"]
    async with team_of(clerk, tools=TOOLS.values(), partitions=1) as team:
        real(team).model.script(calls(TOOLS[name], {"to": "ann"}), says("I cannot know."))
        await (await team.submit(jobs, name)).result(str)

        told = str(team.model.asked[-1].turns)

    assert LOOK_FIRST in told
    assert "Ask again" not in told
    assert bank.paid == ["ann"]


async def test_a_handler_hears_that_an_act_with_an_invalid_answer_has_acted_also_after_a_kill(
    team_of: TeamOf, bank: type[Bank]
) -> None:
    bank.after = ["no receipt"]
    async with team_of(caller, tools=TOOLS.values(), partitions=1) as team:
        await real(team).kill(caller, at="after_outcome_commit/pay")
        task = await team.submit(jobs, "pay")
        await team.restart(caller)

        told = await task.result(str)

    assert told.startswith("output_invalid: pay: ")
    assert told.endswith(LOOK_FIRST)
    assert bank.heard[-1].retry is RetryClass.AFTER_PROBE
    assert bank.paid == ["ann"]


@pytest.mark.parametrize(
    ("name", "state", "tries", "reason"),
    [
        ("pay", "outcome_unknown", 1, "in_doubt"),
        ("pay_once", "outcome_unknown", 3, "attempts"),
        ("look", "internal", 3, "attempts"),
    ],
)
async def test_the_words_of_an_error_reach_nobody_and_it_is_tried_as_what_it_was(
    team_of: TeamOf, bank: type[Bank], name: str, state: str, tries: int, reason: str
) -> None:
    bank.after = [ValueError(SECRET_WORDS) for _ in range(9)]
    async with team_of(trusting, tools=TOOLS.values(), partitions=1) as team:
        task = await real(team).submit(jobs, name)
        with pytest.raises(TaskFailed) as failed:
            await task.result(str)
        (letter,) = await task.dead_letters()
        written = [
            f"{record.key!r} {record.value!r} {record.headers!r}"
            for topic in await team.bus.admin.topics()
            if topic.startswith(team.full(""))
            for record in await read_all(team.bus, topic)
        ]

    assert f"{state}: {name} failed with ValueError" in str(failed.value)
    assert (letter.failure.reason, len(bank.paid)) == (reason, tries)
    assert [one for one in [str(failed.value), *written] if "hunter2" in one] == []


class Gone(Exception):
    """As HTTP clients say that an answer was a final no."""

    def __init__(self) -> None:
        super().__init__(SECRET_WORDS)
        self.status = 404


@pytest.mark.parametrize(
    ("name", "reason"), [("pay", "in_doubt"), ("pay_once", "in_doubt"), ("look", "attempts")]
)
async def test_a_final_no_of_a_tool_that_acts_is_tried_once_and_leaves_open_whether_it_acted(
    team_of: TeamOf, bank: type[Bank], name: str, reason: str
) -> None:
    bank.after = [Gone() for _ in range(9)]
    async with team_of(trusting, tools=TOOLS.values(), partitions=1) as team:
        task = await real(team).submit(jobs, name)
        with pytest.raises(TaskFailed):
            await task.result(str)
        (letter,) = await task.dead_letters()

    assert (letter.failure.reason, len(bank.paid)) == (reason, 1)


@pytest.mark.parametrize("name", ["pay", "look"])
async def test_a_handler_hears_of_any_error_of_a_tool_in_a_state_and_the_log_has_its_words(
    team_of: TeamOf, bank: type[Bank], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bank.after = [ValueError(SECRET_WORDS)]
    async with team_of(caller, tools=TOOLS.values(), partitions=1) as team:
        told = await (await real(team).submit(jobs, name)).result(str)

    assert told.startswith("internal: look" if name == "look" else "outcome_unknown: pay")
    assert "hunter2" not in told
    assert bank.heard[0].__cause__ is None
    assert "hunter2" in "".join(capsys.readouterr())


class Busy(Exception):
    """As HTTP clients say that a server wants to be left alone, for as long as it likes to say."""

    def __init__(self, wait: str) -> None:
        super().__init__("busy")
        self.status, self.headers = 429, {"retry-after": wait}


@pytest.mark.parametrize("wait", ["9" * 20, "1e308"])
@pytest.mark.parametrize("name", ["look", "pay_once"])
async def test_a_server_that_asks_for_a_wait_that_no_record_holds_ends_its_own_task_alone(
    team_of: TeamOf, bank: type[Bank], name: str, wait: str
) -> None:
    bank.after = [Busy(wait)]
    async with team_of(trusting, tools=TOOLS.values(), partitions=1) as team:
        task = await real(team).submit(jobs, name)
        with pytest.raises(TaskFailed, match="deadline"):
            await task.result(str)

        assert await (await team.submit(jobs, name)).result(str) == "2"
    assert len(bank.paid) == 2


async def test_half_a_character_in_the_words_of_a_refusal_is_shown_and_leaves_nothing_in_doubt(
    team_of: TeamOf, bank: type[Bank]
) -> None:
    bank.after = [Refused(State.NOT_FOUND, "there is no file a\udcff.txt")]
    async with team_of(caller, tools=TOOLS.values(), partitions=1) as team:
        told = await (await real(team).submit(jobs, "pay")).result(str)

    assert told.startswith("not_found: there is no file a\\udcff.txt")
    assert bank.paid == ["ann"]


@pytest.mark.parametrize("state", sorted(OF_ENGINE))
async def test_a_tool_that_says_what_only_the_engine_can_know_is_told_to_have_broken(
    team_of: TeamOf, bank: type[Bank], state: State
) -> None:
    bank.after = [Refused(state, "nobody was asked"), Refused(state, "nobody was asked")]
    async with team_of(caller, tools=TOOLS.values(), partitions=1) as team:
        real(team)
        looked = await (await team.submit(jobs, "look")).result(str)
        paid = await (await team.submit(jobs, "pay")).result(str)

    assert looked.startswith(f"internal: look ended as {state}, which only the engine can say")
    assert paid.startswith(f"outcome_unknown: pay ended as {state}, which only the engine can say")
    assert not any(state.remedy in said for said in (looked, paid))
