"""What a lane promises about handoffs that follow a dead one of their key, on any broker."""

import asyncio
from collections.abc import Callable

from handrail import Context, Effect, Topic, agent, results
from handrail.lane.redrives import KEPT_MS
from handrail.testing import Team, TeamTask
from tests.promises.gate import Gate
from tests.promises.redrives import NO, WORLD, Order, World, world
from tests.promises.step_tools import jobs
from tests.waiting import until

TeamOf = Callable[..., Team]

__all__ = [
    "test_a_redriven_handoff_runs_before_those_behind_it_and_after_the_one_that_runs",
    "test_a_redriven_handoff_that_runs_again_stays_before_an_earlier_one",
    "test_a_redriven_handoff_waits_for_one_of_its_key_whose_act_goes_on_elsewhere",
    "test_a_redriven_handoff_waits_for_one_of_its_key_whose_process_was_killed",
    "test_what_follows_a_dead_one_goes_on_once_its_letter_is_no_longer_kept",
    "test_what_follows_a_dead_one_goes_on_when_it_is_given_up",
    "test_what_follows_a_dead_one_of_its_key_waits_until_it_is_sent_back",
    "world",
]

keyed = Topic(
    "keyed", carries=Order, key=lambda order: "another" if order.text == "other" else "same"
)


@agent(reads=jobs, writes=keyed)
async def sender(text: str) -> Order:
    return Order(text=text)


GATE: list[Gate] = []


@agent(reads=keyed, writes=results, followers="block_key")
async def careful(order: Order) -> str:
    return await handled(order)


@agent(reads=keyed, writes=results)
async def easy(order: Order) -> str:
    return await handled(order)


async def one_rests(team: Team) -> bool:
    """Let the time pass after which what waits behind a dead one rests; say whether one does."""
    await team.advance(seconds=31)
    lanes = [runner.lane for one in team.members for runner in one.process.lanes]
    return sum(lane.parked_count for lane in lanes if lane is not None) == 1


@agent(reads=keyed, writes=results)
async def thorough(order: Order, ctx: Context) -> str:
    """Take two steps, of which the second may be held."""
    if order.text in WORLD.wrong:
        raise NO
    await ctx.step(one, order.text, effect=Effect.PAID)
    await ctx.step(two, order.text, effect=Effect.PAID)
    return order.text


async def one(text: str) -> str:
    return WORLD.does(f"{text}.1")


async def two(text: str) -> str:
    WORLD.does(f"{text}.2")
    if text.startswith("held"):
        await GATE[-1].pass_through()
    return WORLD.does(f"{text}.2 ends")


async def handled(order: Order) -> str:
    if order.text == "held":
        await GATE[-1].pass_through()
    WORLD.does(order.text)
    return order.text


async def test_what_follows_a_dead_one_of_its_key_waits_until_it_is_sent_back(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["first"] = NO
    async with team_of(sender, careful, partitions=1) as team:
        first = await team.submit(jobs, "first")
        await first.until("failed")
        second = await team.submit(jobs, "second")
        third = await team.submit(jobs, "third")
        await team.advance(minutes=2)
        await team.kill(careful)
        await team.restart(careful)
        await team.advance(minutes=1)
        assert world.done == ["first"]
        world.wrong.clear()
        await team.redrive(first)

        assert await third.result(str) == "third"
        assert await second.result(str) == "second"
        assert world.done == ["first", "first", "second", "third"]


async def test_what_follows_a_dead_one_goes_on_when_it_is_given_up(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["first"] = NO
    async with team_of(sender, careful, partitions=1) as team:
        first = await team.submit(jobs, "first")
        await first.until("failed")
        second = await team.submit(jobs, "second")
        await team.advance(seconds=2)
        assert world.done == ["first"]
        await team.discard(first, "not worth it")

        assert await second.result(str) == "second"
        assert world.done == ["first", "second"]


async def test_what_follows_a_dead_one_goes_on_once_its_letter_is_no_longer_kept(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["first"] = NO
    async with team_of(sender, careful, partitions=1) as team:
        first = await team.submit(jobs, "first")
        await first.until("failed")
        died_ms = team.clock.now_ms()  # a slow broker takes many half minutes until one rests
        second = await team.submit(jobs, "second")
        await until(lambda: one_rests(team), what="the second one rests")
        await team.kill(careful)
        team.clock.move_to(died_ms + KEPT_MS - 300_000)
        await team.restart(careful)
        await team.advance(seconds=5)
        assert await second.state() == "working"
        await team.advance(minutes=5)
        await second.until("failed")
        (letter,) = await second.dead_letters()
        assert letter.failure.reason == "deadline", "it has a letter of its own to be settled"
        await team.redrive(second)

        assert await second.result(str) == "second"
        assert world.done == ["first", "second"]


async def test_a_redriven_handoff_runs_before_those_behind_it_and_after_the_one_that_runs(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["first"] = NO
    GATE.append(Gate())
    async with team_of(sender, easy, partitions=1) as team:
        first = await team.submit(jobs, "first")
        await first.until("failed")
        held = await team.submit(jobs, "held")
        last = await team.submit(jobs, "last")
        await GATE[-1].entered.wait()
        world.wrong.clear()
        await team.redrive(first)
        GATE[-1].opened.set()

        assert await last.result(str) == "last"
        assert await held.result(str) == "held"
        assert await first.result(str) == "first"
        assert world.done == ["first", "held", "first", "last"]


async def sent_back_behind_one_that_runs(team: Team, world: World) -> tuple[TeamTask, TeamTask]:
    """Let one die, another of its key begin and stand still, and send the first one back."""
    world.wrong["first"] = NO
    GATE.append(Gate())
    first = await team.submit(jobs, "first")
    await first.until("failed")
    held = await team.submit(jobs, "held")
    await GATE[-1].entered.wait()
    world.wrong.clear()
    await team.redrive(first)
    return first, held


async def test_a_redriven_handoff_waits_for_one_of_its_key_whose_process_was_killed(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(sender, thorough, partitions=1) as team:
        first, held = await sent_back_behind_one_that_runs(team, world)
        await team.kill(thorough)
        GATE[-1].opened.set()
        await team.restart(thorough)

        assert await held.result(str) == "held"
        assert await first.result(str) == "first"
        own = [what for what in world.done if what.startswith("first")]
        assert world.done[-len(own) :] == own == ["first.1", "first.2", "first.2 ends"]


async def test_a_redriven_handoff_waits_for_one_of_its_key_whose_act_goes_on_elsewhere(
    team_of: TeamOf, world: World
) -> None:
    async with team_of(sender, thorough, partitions=1) as team:
        first, held = await sent_back_behind_one_that_runs(team, world)
        await team.start(thorough)
        stopping = asyncio.ensure_future(team.stop(thorough))
        other = await team.submit(jobs, "other")
        assert await other.result(str) == "other"
        GATE[-1].opened.set()
        await stopping
        await team.advance(seconds=2)

        assert await held.result(str) == "held"
        assert await first.result(str) == "first"
        assert [what for what in world.done if what.startswith(("held", "first"))] == [
            "held.1",
            "held.2",
            "held.2 ends",
            "first.1",
            "first.2",
            "first.2 ends",
        ]


async def test_a_redriven_handoff_that_runs_again_stays_before_an_earlier_one(
    team_of: TeamOf, world: World
) -> None:
    world.wrong |= {"first": NO, "held": NO}
    GATE.append(Gate())
    async with team_of(sender, thorough, partitions=1) as team:
        first = await team.submit(jobs, "first")
        await first.until("failed")
        held = await team.submit(jobs, "held")
        await held.until("failed")
        world.wrong.clear()
        await team.redrive(held)
        await GATE[-1].entered.wait()
        await team.redrive(first)
        await team.kill(thorough)
        GATE[-1].opened.set()
        await team.restart(thorough)

        assert await held.result(str) == "held"
        assert await first.result(str) == "first"
        own = [what for what in world.done if what.startswith("first")]
        assert world.done[-len(own) :] == own == ["first.1", "first.2", "first.2 ends"]
