"""The loop of tool calls as a lane carries it out, with Claude over a real socket."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from handrail import Approval, Context, Effect, Refused, State, agent, results, tool
from handrail.ledger.event import Finished
from handrail.models.claude import ClaudeModel, ClaudeSettings
from handrail.testing import Team
from tests.messages_api import (
    KEY,
    Cut,
    ErrorInStream,
    MessagesApi,
    Status,
    calls,
    calls_badly,
    says,
    serving,
)
from tests.promises.step_tools import jobs, ledger
from tests.waiting import until

DONE: list[str] = []


@pytest.fixture(autouse=True)
def done() -> list[str]:
    DONE.clear()
    return DONE


@tool(effect=Effect.READ)
async def look(text: str) -> str:
    """Look something up."""
    DONE.append(f"look {text}")
    if text == "nothing":
        raise Refused(State.NOT_FOUND, "there is no such thing")
    return f"found {text}"


@tool(effect=Effect.UNSAFE, approval=Approval(by="role:finance", text="Pay {amount}"))
async def pay(amount: int) -> str:
    """Pay."""
    DONE.append(f"pay {amount}")
    return f"paid {amount}"


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    return await ctx.model(text, returns=str, tools=[look, pay])


@asynccontextmanager
async def desk() -> AsyncIterator[tuple[Team, MessagesApi]]:
    for slow_to_load in ("anthropic", "genai_prices"):
        importlib.import_module(slow_to_load)
    async with serving() as api:
        model = ClaudeModel(ClaudeSettings(api_key=KEY, base_url=api.url))
        assert model.effect is Effect.PAID
        async with Team(clerk, tools=[look, pay], model=model, partitions=1) as team:
            team.allow(look)
            team.allow(pay)
            yield team, api
        await model.close()


async def test_parallel_calls_pass_the_gateway_one_by_one_and_all_results_go_back_at_once() -> None:
    async with desk() as (team, api):
        api.script(
            calls(("look", {"text": "a"}), ("look", {"text": "nothing"}), ("look", {"n": 1})),
            says("Two of three."),
        )
        task = await team.submit(jobs, "Look for a, nothing and n")

        assert await task.result(str) == "Two of three."
        good, gone, odd = api.requests[1].body["messages"][-1]["content"]
        assert (good["is_error"], good["content"]) == (False, '"found a"')
        assert "there is no such thing" in gone["content"]
        assert "text" in odd["content"]
        assert DONE == ["look a", "look nothing"]
        (finished,) = [one for one in await ledger(team) if isinstance(one, Finished)]
        assert finished.model_calls == 2
        assert finished.cost_micros is not None
        assert finished.cost_micros > 0


async def test_a_call_that_needs_approval_parks_and_runs_as_it_was_without_asking_again() -> None:
    async with desk() as (team, api):
        api.script(calls(("look", {"text": "a"}), ("pay", {"amount": 5})), says("Paid."))
        task = await team.submit(jobs, "Pay 5")
        await task.until("auth_required")
        assert (len(api.requests), DONE) == (1, ["look a"])
        await team.restart(clerk)
        await team.approve(task, by="role:finance")

        assert await task.result(str) == "Paid."
        assert DONE == ["look a", "pay 5"]
        assert len(api.requests) == 2
        told = api.requests[1].body["messages"][-1]["content"]
        assert [one["content"] for one in told] == ['"found a"', '"paid 5"']


async def test_what_a_person_denies_is_told_to_the_model_in_words() -> None:
    async with desk() as (team, api):
        api.script(calls(("pay", {"amount": 5})), says("Then not."))
        task = await team.submit(jobs, "Pay 5")
        await task.until("auth_required")
        await team.deny(task, by="role:finance", reason="too much")

        assert await task.result(str) == "Then not."
        assert DONE == []
        assert "too much" in api.requests[1].body["messages"][-1]["content"][0]["content"]


@pytest.mark.parametrize(
    "trouble",
    [
        Status(529, "overloaded_error"),
        Status(429, "rate_limit_error", headers=(("retry-after", "2"),)),
        Cut(says("It is broken off."), 4),
        ErrorInStream(says("It is broken off."), 4),
    ],
    ids=["529", "429", "cut", "error"],
)
async def test_a_turn_that_fails_is_asked_again_by_the_engine_alone(
    trouble: Status | Cut | ErrorInStream,
) -> None:
    async with desk() as (team, api):
        api.script(calls(("look", {"text": "a"})), trouble, says("Well."))
        task = await team.submit(jobs, "Look for a")

        async def completed() -> bool:
            # Time of the team moves on while the socket takes its own.
            await team.advance(seconds=1)
            return await task.state() == "completed"

        await until(completed, within_s=60)
        assert await task.result(str) == "Well."
        assert DONE == ["look a"], "the call before it is recorded"
        assert len(api.requests) == 3, "the SDK repeats nothing by itself"


async def test_arguments_that_are_no_json_are_told_and_the_loop_goes_on() -> None:
    async with desk() as (team, api):
        api.script(calls_badly("look", '{"text": '), calls(("look", {"text": "a"})), says("Yes."))
        task = await team.submit(jobs, "Look for a")

        assert await task.result(str) == "Yes."
        assert DONE == ["look a"]
