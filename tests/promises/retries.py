"""What a lane promises about handoffs that fail, on whatever broker the fixture `team_of` uses."""

from collections.abc import Callable, Iterator

import pytest

from handrail import (
    Context,
    Effect,
    Idempotent,
    Integrity,
    Reach,
    Refused,
    State,
    ToolContext,
    agent,
    results,
    tool,
)
from handrail.ledger.event import DeadLettered, Finished, Rested, StepWasted
from handrail.models.port import ModelReply, ModelRequest
from handrail.testing import Team
from handrail.testing.task import TeamTask
from tests.promises.step_tools import jobs, ledger
from tests.waiting import until

TeamOf = Callable[..., Team]


class World:
    """What was done, and what goes wrong next."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.attempts: list[int] = []
        self.keys: list[str] = []
        self.errors: list[Exception] = []

    def fail(self) -> None:
        """Raise the next error, if there is one."""
        if self.errors:
            raise self.errors.pop(0)


WORLD = World()


class Paid:
    """A model that is billed, and fails as often as it is told to."""

    name = "paid"
    effect = Effect.PAID

    def __init__(self, errors: list[Exception]) -> None:
        self.errors, self.asked_count = errors, 0

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Answer with the number of the call."""
        del request
        self.asked_count += 1
        if self.errors:
            raise self.errors.pop(0)
        return ModelReply(model=self.name, text=f"answer {self.asked_count}")


@pytest.fixture(autouse=True)
def world() -> Iterator[World]:
    WORLD.__init__()  # type: ignore[misc]  # the tools below know it by its name
    return WORLD


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(text: str) -> str:
    """Look something up."""
    WORLD.done.append(f"look {text}")
    WORLD.fail()
    return text


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(text: str) -> str:
    """Pay, which nobody can take back."""
    WORLD.done.append(f"pay {text}")
    WORLD.fail()
    return f"paid {text}"


@tool(effect=Idempotent(ttl_s=86_400), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def book(ctx: ToolContext, text: str) -> str:
    """Book at somebody who honours our key."""
    WORLD.done.append(f"book {text}")
    WORLD.keys.append(ctx.idem_key)
    WORLD.fail()
    return f"booked {text}"


TOOLS = [look, pay, book]


async def says_so(task: TeamTask) -> bool:
    """Say whether the task tells that it rests after the quick tries."""
    return "failed 3 times and tries again" in await task.task.explanation()


def real(team: Team) -> Team:
    for one in TOOLS:
        team.allow(one)
    return team


@agent(reads=jobs, writes=results)
async def shaky(text: str) -> str:
    WORLD.done.append(text)
    WORLD.fail()
    return text


@agent(reads=jobs, writes=results)
async def looker(text: str, ctx: Context) -> str:
    WORLD.attempts.append(ctx.attempt)
    paid = await ctx.call(pay, text)
    return await ctx.call(look, paid)


@agent(reads=jobs, writes=results)
async def payer(text: str, ctx: Context) -> str:
    WORLD.attempts.append(ctx.attempt)
    return await ctx.call(pay, text)


@agent(reads=jobs, writes=results)
async def booker(text: str, ctx: Context) -> str:
    return await ctx.call(book, text)


@agent(reads=jobs, writes=results)
async def thinker(text: str, ctx: Context) -> str:
    return await ctx.model(text, returns=str)


async def test_an_unknown_error_is_tried_three_times_and_then_a_dead_letter_that_says_so(
    team_of: TeamOf, world: World
) -> None:
    world.errors = [ValueError(f"no {number}") for number in range(9)]
    async with team_of(shaky) as team:
        began_ms = team.clock.now_ms()
        task = await team.submit(jobs, "x")
        await task.until("failed")

        (letter,) = await task.dead_letters()
        assert world.done == ["x", "x", "x"]
        failure = letter.failure
        assert (failure.reason, failure.attempts) == ("attempts", 3)
        assert failure.exception_message == "no 2"
        assert failure.first_failed_ms is not None
        assert began_ms <= failure.first_failed_ms <= failure.failed_ms
        (dead,) = [e for e in await ledger(team) if isinstance(e, DeadLettered)]
        assert dead.attempts == 3


LOOK_FAILED = (
    f"internal: look failed with ConnectionError; its words are in the log. {State.INTERNAL.remedy}"
)


async def test_what_fails_twice_and_then_works_is_done_once_and_told(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(looker, tools=TOOLS) as team:
        real(team)
        task = await team.submit(jobs, "x")
        world.errors = []
        await task.until("completed")

        world.errors = [ConnectionError("away"), ConnectionError("still away")]
        world.done.clear()
        world.attempts.clear()
        team.fake(pay, returns="paid y")
        again = await team.submit(jobs, "y")
        assert await again.result(str) == "paid y"
        assert len(team.calls(pay)) == 2, "once for each of the two tasks"
        assert world.done == ["look paid y"] * 3
        assert world.attempts == [1, 2, 3]
        rested = [e for e in await ledger(team) if isinstance(e, Rested)]
        assert [(e.why, e.failed_count, e.sentence) for e in rested] == [
            ("retry", 1, LOOK_FAILED),
            ("retry", 2, LOOK_FAILED),
        ]


async def test_others_of_its_key_wait_behind_it_and_other_keys_do_not(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(shaky, partitions=1) as team:
        world.errors = [ConnectionError("away") for _ in range(3)]
        first = await team.submit(jobs, "first")
        await until(lambda: len(world.done) == 3)
        second = await team.submit(jobs, "second")

        assert await second.result(str) == "second"
        assert await first.state() == "working"
        await until(lambda: says_so(first))
        await team.advance(seconds=5)
        assert await first.result(str) == "first"


async def test_what_rests_for_a_retry_goes_on_after_its_process_was_killed(
    team_of: TeamOf, world: World
) -> None:
    world.errors = [ConnectionError("away") for _ in range(3)]
    async with team_of(payer, tools=TOOLS, partitions=1) as team:
        team.fake(pay, raises=Refused(State.DEPENDENCY_UNAVAILABLE, "the bank is closed"))
        task = await team.submit(jobs, "x")
        await until(lambda: world.attempts == [1, 2, 3])
        await until(lambda: says_so(task))
        await team.kill(payer)
        await team.restart(payer)
        team.fake(pay, returns="paid x")
        await team.advance(seconds=10)

        assert await task.result(str) == "paid x"
        assert world.attempts == [1, 2, 3, 4]


async def test_what_is_tried_again_at_once_does_not_wait_for_its_rest_to_be_written(
    team_of: TeamOf, world: World
) -> None:
    world.errors = [RuntimeError("first"), RuntimeError("second")]
    async with team_of(shaky) as team:
        await team.kill(shaky, at="after_final_commit:3")
        task = await team.submit(jobs, "once")
        await team.restart(shaky)

        assert await task.result(str) == "once"
        assert world.done == ["once"] * 3


async def test_an_unsafe_step_that_failed_in_an_unknown_way_is_never_done_again(
    team_of: TeamOf, world: World
) -> None:
    world.errors = [ConnectionError("reset by the bank")]
    async with team_of(payer, tools=TOOLS) as team:
        real(team)
        task = await team.submit(jobs, "x")
        await task.until("failed")

        (letter,) = await task.dead_letters()
        assert world.done == ["pay x"]
        assert (letter.failure.reason, letter.failure.attempts) == ("in_doubt", 1)
        assert letter.failure.exception_message.startswith("outcome_unknown: pay failed with")
        assert "reset by the bank" not in str(letter.failure)


async def test_an_unsafe_step_of_which_it_is_known_that_nothing_happened_is_done_again(
    team_of: TeamOf, world: World
) -> None:
    world.errors = [Refused(State.RATE_LIMITED, "slowly")]
    async with team_of(payer, tools=TOOLS) as team:
        real(team)
        task = await team.submit(jobs, "x")

        assert await task.result(str) == "paid x"
        assert world.done == ["pay x", "pay x"]


async def test_an_idempotent_step_is_done_again_under_the_same_key(
    team_of: TeamOf, world: World
) -> None:
    world.errors = [ConnectionError("reset"), Refused(State.OUTCOME_UNKNOWN, "it took too long")]
    async with team_of(booker, tools=TOOLS) as team:
        real(team)
        task = await team.submit(jobs, "x")

        assert await task.result(str) == "booked x"
        assert len(world.keys) == 3
        assert len(set(world.keys)) == 1


async def test_a_final_refusal_is_a_dead_letter_at_once(team_of: TeamOf, world: World) -> None:
    world.errors = [Refused(State.PRECONDITION_FAILED, "not here")]
    async with team_of(booker, tools=TOOLS) as team:
        real(team)
        task = await team.submit(jobs, "x")
        await task.until("failed")

        assert world.done == ["book x"]


async def test_a_model_turn_that_failed_is_asked_for_again_and_not_booked_as_waste(
    team_of: TeamOf,
) -> None:
    model = Paid([ConnectionError("reset"), TimeoutError("silent")])
    async with team_of(thinker, model=model) as team:
        task = await team.submit(jobs, "x")

        assert await task.result(str) == "answer 3"
        told = await ledger(team)
        assert not [e for e in told if isinstance(e, StepWasted)]
        assert len([e for e in told if isinstance(e, Finished)]) == 1


async def test_a_cancel_ends_what_rests_for_a_retry(team_of: TeamOf, world: World) -> None:
    world.errors = [ConnectionError("away") for _ in range(9)]
    async with team_of(shaky) as team:
        task = await team.submit(jobs, "x")
        await until(lambda: says_so(task))
        await task.cancel("no longer needed")
        await team.advance(seconds=2)
        await task.until("canceled")

        assert world.done == ["x", "x", "x"]


@agent(reads=jobs, writes=results)
async def careful(text: str, ctx: Context) -> str:
    """Catches the error of a step and takes another way."""
    try:
        return await ctx.call(look, text)
    except Refused:
        WORLD.done.append("another way")
    booked = await ctx.call(book, text)
    WORLD.fail()
    return booked


async def test_a_handler_that_has_caught_an_error_takes_the_same_way_in_its_next_try(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(careful, tools=TOOLS) as team:
        team.fake(look, raises=ConnectionError("away"))
        team.fake(book, returns="booked x")
        world.errors = [ConnectionError("a stumble after the booking")]
        task = await team.submit(jobs, "x")

        assert await task.result(str) == "booked x"
        assert (len(team.calls(look)), len(team.calls(book))) == (1, 1)
        assert world.done == ["another way", "another way"]


@agent(reads=jobs, writes=results)
async def both(text: str, ctx: Context) -> str:
    """Does two things side by side, which may both fail."""
    left, right = await ctx.gather(ctx.call(book, text), ctx.call(look, text))
    return f"{left}, {right}"


async def test_steps_that_failed_side_by_side_are_all_done_again(
    team_of: TeamOf, world: World
) -> None:
    world.errors = [ConnectionError("left"), ConnectionError("right")]
    async with team_of(both, tools=TOOLS) as team:
        real(team)
        task = await team.submit(jobs, "x")

        assert await task.result(str) == "booked x, x"
        assert len(world.done) == 4
        assert len([e for e in await ledger(team) if isinstance(e, Rested)]) == 1
