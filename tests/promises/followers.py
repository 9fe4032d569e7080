"""What a lane promises about handoffs that follow a dead one of their key, on any broker."""

from collections.abc import Callable

from handrail import Topic, agent, results
from handrail.lane.redrives import KEPT_MS
from handrail.testing import Team
from tests.promises.gate import Gate
from tests.promises.redrives import NO, WORLD, Order, World, world
from tests.promises.step_tools import jobs
from tests.waiting import until

TeamOf = Callable[..., Team]

__all__ = [
    "test_a_redriven_handoff_runs_before_those_behind_it_and_after_the_one_that_runs",
    "test_what_follows_a_dead_one_goes_on_once_its_letter_is_no_longer_kept",
    "test_what_follows_a_dead_one_goes_on_when_it_is_given_up",
    "test_what_follows_a_dead_one_of_its_key_waits_until_it_is_sent_back",
    "world",
]

keyed = Topic("keyed", carries=Order, key=lambda order: "same")


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
        second = await team.submit(jobs, "second")
        await until(lambda: one_rests(team), what="the second one rests")
        await team.kill(careful)
        team.clock.move_to(team.clock.now_ms() + KEPT_MS - 300_000)
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
