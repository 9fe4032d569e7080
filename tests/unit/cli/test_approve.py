"""What is checked of a decision before it is sent, on a project folder without a broker."""

from pathlib import Path

import pytest

from handrail import Approval, Context, Effect, Refused, Topic, agent, results, tool
from handrail.bus.settings import Settings
from handrail.cli.approve import check_by_contract, stop_at_act
from handrail.cli.projection import known_task
from handrail.errors import AnswerRefused, RequestUnknown
from handrail.ledger.projection import Projection
from handrail.runtime.follow import catch_up
from handrail.runtime.people import one_request
from handrail.testing import Team
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
    check_by_contract(project, request("send"), {"count": 2})

    with pytest.raises(AnswerRefused, match=r"the changed arguments: send: .*an even number"):
        check_by_contract(project, request("send"), {"count": 3})


def test_where_the_tool_is_not_at_hand_the_schema_is_all_that_is_checked(
    project: Path, tmp_path: Path
) -> None:
    check_by_contract(project, request("tool_of_a_server"), {"count": 3})
    (tmp_path / "empty").mkdir()
    check_by_contract(tmp_path / "empty", request("send"), {"count": 3})


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
