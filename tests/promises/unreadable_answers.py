"""What a lane promises about answers that nobody can read, on whatever broker `team_of` uses."""

from collections.abc import Callable

import pytest

from handrail import Context, Topic, agent, results
from handrail.ledger.event import AnswerDropped
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.wire.answer import REPLY_TYPE
from handrail.wire.decision import DECISION_TYPE
from handrail.wire.human import ANSWER_TYPE
from handrail.wire.record import Outgoing
from tests.promises.gate import Gate
from tests.promises.step_tools import jobs, ledger
from tests.waiting import until

TeamOf = Callable[..., Team]

asks = Topic("asks", carries=str, replies=str)
GATES: list[Gate] = []

__all__ = [
    "test_an_answer_that_nobody_can_read_is_told_to_the_task_that_it_names_and_harms_nothing"
]


@agent(reads=jobs, writes=results)
async def asker(text: str, ctx: Context) -> str:
    return await ctx.ask(asks, text)


@agent(reads=asks)
async def helper(text: str) -> str:
    await GATES[-1].pass_through()
    return text.upper()


async def question_of(team: Team) -> bytes:
    """Give the key of the answers to the one question: who asks."""
    (question,) = await read_all(team.bus, team.full("asks"))
    return question.header("ce_causationid") or b""


@pytest.mark.parametrize("kind", [REPLY_TYPE, DECISION_TYPE, ANSWER_TYPE, "of-tomorrow.v9"])
async def test_an_answer_that_nobody_can_read_is_told_to_the_task_that_it_names_and_harms_nothing(
    team_of: TeamOf, kind: str
) -> None:
    GATES.append(Gate())
    async with team_of(asker, helper, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await GATES[-1].entered.wait()
        for key in (await question_of(team), b"nobody"):
            odd = Outgoing(
                team.full("asker.answers"), key, b"\xff{", (("ce_type", kind.encode()),), 0
            )
            await team.bus.sender().send(odd)

        async def told() -> list[AnswerDropped]:
            await team.advance(seconds=1)
            return [one for one in await ledger(team) if isinstance(one, AnswerDropped)]

        found = await until(told, what="the ledger is told")
        await team.kill(asker)
        await team.restart(asker)
        GATES[-1].opened.set()
        await team.advance(seconds=2)

        assert await task.result(str) == "X"
        assert [one.task_id for one in found] == [task.id]
        assert found[0].answer.startswith("asker.answers/0/")
        assert found[0].sentence.startswith("it cannot be read: ")
        assert await told() == found, "nobody is told again"
