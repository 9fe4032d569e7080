"""What is promised of acts that go on while their lane moves, and whose task is then canceled."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pydantic import BaseModel

from handrail import Context, Effect, Integrity, Reach, Refused, State, agent, results, tool
from handrail.ledger.undo_event import ActDone
from handrail.runtime.undo import UndoReport
from handrail.testing import Team, TeamTask
from tests.promises.step_tools import jobs, ledger
from tests.waiting import until

TeamOf = Callable[..., Team]


class Harbour:
    """Every call in order, and whom a tool has to wait for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.entered, self.opened = asyncio.Event(), asyncio.Event()
        self.held = False  #: handlers wait before they go on


HARBOUR = Harbour()


@pytest.fixture
def harbour() -> Harbour:
    HARBOUR.__init__()  # type: ignore[misc]  # the tools below know it by its name
    return HARBOUR


class Ticket(BaseModel):
    number: str
    text: str = ""


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    undo="unload",
    timeout_s=60.0,
)
async def load(cargo: str) -> Ticket:
    """Load a ship, which takes its time."""
    HARBOUR.calls.append(f"load {cargo}")
    HARBOUR.entered.set()
    await HARBOUR.opened.wait()
    if cargo == "lost":
        raise Refused(State.OUTCOME_UNKNOWN, "the radio is silent")
    return Ticket(number=f"n-{cargo}", text="." * (100_000 if cargo == "much" else 1))


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT)
async def unload(number: str) -> str:
    """Take a cargo off again."""
    HARBOUR.calls.append(f"unload {number}")
    return "done"


@agent(reads=jobs, writes=results)
async def docker(cargo: str, ctx: Context) -> str:
    if HARBOUR.held:
        await asyncio.Event().wait()
    return (await ctx.call(load, cargo)).number


async def told_late(team: Team, cargo: str) -> TeamTask:
    """Have a process let go of a lane in which an act is under way, and tell what came of it."""
    task, leaving = await under_way_elsewhere(team, cargo)
    HARBOUR.opened.set()
    await leaving
    return task


async def under_way_elsewhere(team: Team, cargo: str) -> tuple[TeamTask, "asyncio.Task[None]"]:
    """Have a process let go of a lane in which an act is under way, and goes on."""
    for one in (load, unload):
        team.allow(one)
    task = await team.submit(jobs, cargo)
    await asyncio.wait_for(HARBOUR.entered.wait(), team.patience_s)
    leaving = asyncio.create_task(team.stop(docker))
    await until(lambda: all(one.agent is not docker for one in team.members))
    return task, leaving


async def told_of(team: Team) -> list[ActDone]:
    return [one for one in await ledger(team) if isinstance(one, ActDone)]


@pytest.mark.parametrize("cargo", ["little", "much"])
async def test_an_act_whose_cancel_came_before_its_handler_went_on_is_taken_back(
    team_of: TeamOf, harbour: Harbour, cargo: str
) -> None:
    async with team_of(docker, tools=[load, unload], partitions=1) as team:
        task = await told_late(team, cargo)
        await team.start(docker, dies_at="after_late_outcome")
        # It may have died while it started.
        alive = [one for one in team.members if one.agent is docker]

        async def has_died() -> bool:
            await team.advance(seconds=1)  # answers are looked at once a second
            return all(one.kill_point.reached_it.is_set() for one in alive)

        await until(has_died, within_s=60, what="it has taken the outcome in, and died")
        await task.cancel("it takes too long")
        await team.restart(docker)
        await task.until("canceled")
        report = await (await team.undo(task)).result(UndoReport)

        assert (report.undone, report.left) == ([f'load(cargo="{cargo}")'], [])
        assert harbour.calls == [f"load {cargo}", f"unload n-{cargo}"]


async def test_an_act_whose_outcome_was_in_hand_when_its_lane_had_to_open_anew_is_taken_back(
    team_of: TeamOf, harbour: Harbour
) -> None:
    async with team_of(docker, tools=[load, unload], partitions=1) as team:
        for one in (load, unload):
            team.allow(one)
        task = await team.submit(jobs, "little")
        await asyncio.wait_for(harbour.entered.wait(), team.patience_s)
        (member,) = [one for one in team.members if one.agent is docker]
        (lane,) = member.process.lanes
        fence = team.bus.lane_producer(lane.place.transactional_id)
        await fence.init(deadline_s=10)
        await fence.close()
        await task.cancel("it takes too long")
        harbour.opened.set()
        await task.until("canceled")
        await until(lambda: told_of(team), within_s=60, what="the lane has opened anew")
        report = await (await team.undo(task)).result(UndoReport)

        assert report.undone == ['load(cargo="little")']
        assert harbour.calls == ["load little", "unload n-little"]


async def test_an_act_whose_handler_goes_on_after_all_is_taken_back_once(
    team_of: TeamOf, harbour: Harbour
) -> None:
    async with team_of(docker, tools=[load, unload], partitions=1) as team:
        task = await told_late(team, "little")
        await team.start(docker)

        async def has_ended() -> bool:
            await team.advance(seconds=1)
            return await task.state() == "completed"

        await until(has_ended, within_s=60, what="it has gone on")
        report = await (await team.undo(task)).result(UndoReport)

        assert report.undone == ['load(cargo="little")']
        assert harbour.calls == ["load little", "unload n-little"]
        assert len({one.act for one in await told_of(team)}) == 1


async def listed(team: Team, task: TeamTask) -> list[tuple[str, bool]]:
    """Give the acts that an undo would take back, and whether a person is asked about each."""
    found = await team.client.undo(task.task, dry_run=True)
    return [(one.text, bool(one.cannot)) for one in found.acts]


async def soon(team: Team, found: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for what follows from the answers of a lane, which are looked at once a second."""

    async def is_so() -> bool:
        await team.advance(seconds=1)
        return await found()

    await until(is_so, within_s=60, what=what)


@pytest.mark.parametrize(("cargo", "asks"), [("little", False), ("much", False), ("lost", True)])
async def test_an_act_that_goes_on_elsewhere_after_a_cancel_is_in_doubt_until_it_is_told(
    team_of: TeamOf, harbour: Harbour, cargo: str, asks: bool
) -> None:
    async with team_of(docker, tools=[load, unload], partitions=1) as team:
        task, leaving = await under_way_elsewhere(team, cargo)
        await team.start(docker)
        await task.cancel("it takes too long")
        await task.until("canceled")
        before = await listed(team, task)
        harbour.opened.set()
        await leaving

        async def is_told() -> bool:
            return len(await told_of(team)) == 2

        await soon(team, is_told, "the old process has told what came of it")
        after = await listed(team, task)
        undoing = await team.undo(task)
        if asks:
            await undoing.until("input_required")
            await team.answer(undoing, "leave")
        report = await undoing.result(UndoReport)

    text = f'load(cargo="{cargo}")'
    assert (before, after) == ([(text, True)], [(text, asks)])
    assert report.undone == ([] if asks else [text])
    assert harbour.calls == [f"load {cargo}", *([] if asks else [f"unload n-{cargo}"])]


async def test_an_act_that_was_begun_by_a_process_that_died_is_in_doubt_once_its_task_is_canceled(
    team_of: TeamOf, harbour: Harbour
) -> None:
    harbour.opened.set()
    async with team_of(docker, tools=[load, unload], partitions=1) as team:
        task = await died_after_its_act(team)
        await task.cancel("nobody knows")
        await task.until("canceled")

        assert await listed(team, task) == [('load(cargo="little")', True)]
        assert harbour.calls == ["load little"]


async def died_after_its_act(team: Team) -> TeamTask:
    """Have a process die right after its act, so that a person is asked what came of it."""
    for one in (load, unload):
        team.allow(one)
    await team.kill(docker, at="after_act/load")
    task = await team.submit(jobs, "little")
    await team.restart(docker)
    await task.until("input_required")
    return task


async def test_an_act_of_which_a_person_says_that_it_happened_is_taken_back_after_a_cancel(
    team_of: TeamOf, harbour: Harbour
) -> None:
    harbour.opened.set()
    async with team_of(docker, tools=[load, unload], partitions=1) as team:
        task = await died_after_its_act(team)
        harbour.held = True  # its handler never comes to the step again
        await team.resolve(task, happened=True, result={"number": "n-7"})
        await task.cancel("it takes too long")
        await task.until("canceled")
        report = await (await team.undo(task)).result(UndoReport)

        assert (report.undone, report.left) == (['load(cargo="little")'], [])
        assert harbour.calls == ["load little", "unload n-7"]


async def test_an_act_that_failed_elsewhere_as_one_that_may_have_happened_is_put_to_a_person(
    team_of: TeamOf, harbour: Harbour
) -> None:
    async with team_of(docker, tools=[load, unload], partitions=1) as team:
        task = await told_late(team, "lost")
        harbour.held = True
        await team.start(docker)

        async def is_told() -> bool:
            return bool(await told_of(team))

        await soon(team, is_told, "the lane has taken the outcome in")
        await task.cancel("it takes too long")
        await task.until("canceled")

        assert await listed(team, task) == [('load(cargo="lost")', True)]
