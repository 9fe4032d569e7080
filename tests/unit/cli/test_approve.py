"""What is checked of a decision before it is sent, and what is printed of it before and after."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from handrail import Approval, Context, Effect, Refused, Topic, agent, results, tool
from handrail.bus.settings import Settings
from handrail.bus.settings_file import load_settings
from handrail.cli.approve import (
    SOMEBODY_WAS_FIRST,
    approve,
    check_by_contract,
    decide_on_act,
    stop_at_act,
)
from handrail.cli.projection import known_task
from handrail.errors import AnswerRefused, DecisionNotTaken, RequestUnknown
from handrail.ledger.event import RequestKind
from handrail.ledger.projection import Projection
from handrail.runtime.approvals import approval_of, denial_of
from handrail.runtime.follow import catch_up
from handrail.runtime.people import give_answer, one_request
from handrail.testing import Team, TeamTask
from handrail.wire.human import Request

AGENT = '''
from handrail import Topic, agent


@agent(reads=Topic("jobs", carries=str))
async def clerk(text: str) -> None:
    """Do nothing."""
'''
TOOL = '''
from typing import Annotated
from pydantic import AfterValidator
from handrail import tool


def even(value: int) -> int:
    if value % 2:
        raise ValueError("an even number of them")
    return value


@tool
async def send(count: Annotated[int, AfterValidator(even)]) -> None:
    """Send so many."""
'''


def request(tool: str) -> Request:
    act: dict[str, object] = {"tool": tool}
    return Request("i/1.a0/1", "t", "default", "clerk", "Send?", {}, kind="approval", act=act)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {"agents/clerk.py": AGENT, "tools/send.py": TOOL}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    return tmp_path


def test_changed_arguments_that_only_the_contract_refuses_are_not_sent(project: Path) -> None:
    check_by_contract(load_settings(project, {}), request("send"), {"count": 2})

    with pytest.raises(AnswerRefused, match=r"the changed arguments: send: .*an even number"):
        check_by_contract(load_settings(project, {}), request("send"), {"count": 3})


def test_where_the_tool_is_not_at_hand_the_schema_is_all_that_is_checked(
    project: Path, tmp_path: Path
) -> None:
    check_by_contract(load_settings(project, {}), request("tool_of_a_server"), {"count": 3})
    (tmp_path / "empty").mkdir()
    check_by_contract(load_settings(tmp_path / "empty", {}), request("send"), {"count": 3})


DONE: list[str] = []


@tool(effect=Effect.UNSAFE, approval=Approval(by="role:finance", text="Pay {amount}"))
async def pay(amount: int) -> str:
    """Pay."""
    DONE.append(f"pay {amount}")
    return "paid"


@tool(effect=Effect.UNSAFE)
async def complain(text: str) -> None:
    """Tell somebody outside."""
    DONE.append(text)


@agent(reads=Topic("jobs", carries=str), writes=results)
async def payer(text: str, ctx: Context) -> str:
    try:
        return await ctx.call(pay, int(text))
    except Refused:
        await ctx.call(complain, "nobody pays")
        return "nobody pays"


async def test_denied_and_stopped_a_task_does_nothing_more_not_even_about_the_denial(
    tmp_path: Path,
) -> None:
    DONE.clear()
    projection = Projection(tmp_path / "ns.sqlite")
    async with Team(payer, tools=[pay, complain], partitions=1) as team:
        team.allow(pay)
        team.allow(complain)
        settings = Settings(namespace=team.namespace)
        task = await team.submit("jobs", "5", reference="invoice-7")
        await task.until("auth_required")
        await catch_up(team.bus, team.namespace, projection)
        facts = await known_task(settings, projection, team.bus, "invoice-7")

        with pytest.raises(RequestUnknown):
            await stop_at_act(settings, projection, team.bus, facts, "7.a0", ("", "fay"))
        with pytest.raises(RequestUnknown) as unknown:
            await one_request(team.bus, team.namespace, facts)  # an answer to a question
        assert f"waits for an approval: handrail approve {task.id}" in str(unknown.value)
        await stop_at_act(settings, projection, team.bus, facts, None, ("too much", "fay"))
        await team.advance(seconds=2)
        await task.until("canceled")

        assert "fay: not approved: Pay 5 (too much)" in await task.task.explanation()
        assert DONE == []
    projection.close()


@agent(reads=Topic("jobs", carries=str), writes=results)
async def twice(text: str, ctx: Context) -> str:
    try:
        await ctx.call(pay, int(text))
        return await ctx.call(pay, int(text))
    except Refused as no:
        return no.state.value


async def decided(team: Team, task: TeamTask, by: str, decision: Callable[[Request], bytes]) -> int:
    """Do what the command does, while time passes for the lane."""
    facts = await task.task.facts()
    assert facts is not None
    command = asyncio.create_task(
        decide_on_act(team.bus, team.namespace, facts, None, (by, decision))
    )
    while not command.done():
        await team.advance(seconds=1)
        await asyncio.sleep(0)
    return await command


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Give what the command has said; the lane, in this very process, says things of its own."""
    return [line for line in capsys.readouterr().err.splitlines() if " warning " not in line]


ASKED = 'Asked: Pay 5   pay {"amount":5}'


async def test_what_is_printed_before_is_asked_and_what_is_printed_after_is_what_the_lane_took(
    capsys: pytest.CaptureFixture[str],
) -> None:
    DONE.clear()
    async with Team(twice, tools=[pay], partitions=1) as team:
        team.allow(pay)
        task = await team.submit("jobs", "5")
        await task.until("auth_required")

        def seen(request: Request) -> bytes:
            assert capsys.readouterr().err == ""  # what cannot be sent is not printed either
            return approval_of(request, for_task=1)

        code = await decided(team, task, "fay (role:finance)", seen)

        assert await task.result(str) == "paid"
        assert printed(capsys) == [
            ASKED,
            "And for the task: up to 1 further call just like it, until it expires.",
            "It is approved, by fay (role:finance). The task goes on.",
            'What runs is pay {"amount":5}',
            "Without asking go on up to 1 further call just like it, until it expires.",
        ]
        assert (code, DONE) == (0, ["pay 5", "pay 5"])


async def test_where_somebody_was_first_what_that_one_decided_is_printed_and_the_own_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    DONE.clear()
    async with Team(payer, tools=[pay, complain], partitions=1) as team:
        team.allow(pay)
        task = await team.submit("jobs", "5")
        await task.until("auth_required")
        facts = await task.task.facts()
        assert facts is not None
        request = await one_request(team.bus, team.namespace, facts, kind=RequestKind.APPROVAL)
        first = approval_of(request, arguments={"amount": 3})
        await give_answer(team.bus, team.namespace, request, first, "gus (role:finance)", 1)

        code = await decided(team, task, "fay (role:finance)", lambda one: denial_of(one, "no"))

        assert await task.result(str) == "paid"
        assert printed(capsys) == [
            ASKED,
            "gus (role:finance) was first: it is approved. Your decision is not used.",
            'What runs is pay {"amount":3}',
        ]
        assert (code, DONE) == (SOMEBODY_WAS_FIRST, ["pay 3"])


async def test_what_the_lane_does_not_take_is_never_printed_as_decided(
    capsys: pytest.CaptureFixture[str],
) -> None:
    DONE.clear()
    async with Team(payer, tools=[pay, complain], partitions=1) as team:
        team.allow(complain)
        task = await team.submit("jobs", "5")
        await task.until("auth_required")

        with pytest.raises(DecisionNotTaken, match="mallory is not role:finance"):
            await decided(team, task, "mallory", approval_of)

        assert printed(capsys) == [ASKED]
        assert DONE == []
        await team.deny(task, by="fay (role:finance)")
        assert await task.result(str) == "nobody pays"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--calls", "3"], "--calls says how many further calls go on with --for-task"),
        (["--for-task", "--edit", __file__], "What --edit changes is approved once"),
    ],
)
def test_what_an_approval_for_the_task_cannot_be_is_refused_before_anything_is_read(
    given: list[str], why: str
) -> None:
    came = CliRunner().invoke(approve, ["invoice-7", *given])

    assert came.exit_code == 2
    assert why in " ".join(came.output.split())
