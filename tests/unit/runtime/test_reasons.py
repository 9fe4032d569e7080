"""A dead letter names the finest reason that is known for its end."""

import pytest
from pydantic import BaseModel, ValidationError

from handrail import Context, Effect, Integrity, Reach, Refused, State, agent, results, tool
from handrail.errors.wire import BodyNotJson
from handrail.testing import Team
from tests.promises.step_tools import jobs

ENDS: list[Exception] = []


class Amount(BaseModel):
    number: int


def invalid() -> ValidationError:
    """Give what a model raises for a value that it does not take."""
    with pytest.raises(ValidationError) as raised:
        Amount.model_validate({"number": "many"})
    return raised.value


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(text: str) -> str:
    """Pay, and fail."""
    raise ENDS[0]


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    if text == "pay":
        return await ctx.call(pay, text)
    raise ENDS[0]


@pytest.mark.parametrize(
    ("text", "end", "reason"),
    [
        ("x", Refused(State.INVALID_INPUT, "no such order"), "validation"),
        ("x", invalid(), "validation"),
        ("x", BodyNotJson(detail="it is cut off"), BodyNotJson.reason),
        ("x", Refused(State.DENIED_BY_POLICY, "not by night"), "denied"),
        ("x", Refused(State.APPROVAL_REJECTED, "too much"), "denied"),
        ("x", Refused(State.NOT_FOUND, "no such order"), "attempts"),
        ("x", ValueError("no idea"), "attempts"),
        ("pay", ConnectionError("reset by the bank"), "in_doubt"),
        ("pay", Refused(State.OUTCOME_UNKNOWN, "no answer"), "in_doubt"),
        ("pay", Refused(State.INVALID_INPUT, "no such account"), "validation"),
        ("pay", Refused(State.NOT_FOUND, "no such account"), "attempts"),
    ],
    ids=str,
)
async def test_a_dead_letter_names_the_finest_reason_there_is(
    text: str, end: Exception, reason: str
) -> None:
    ENDS[:] = [end]
    async with Team(clerk, tools=[pay]) as team:
        team.allow(pay)
        task = await team.submit(jobs, text)
        await task.until("failed")

        (letter,) = await task.dead_letters()
        assert letter.failure.reason == reason
