"""A lane deletes what is finished and a week old, never what is not, on either broker."""

from collections.abc import Callable

from handrail import Topic, agent, results
from handrail.bus.port import Bus
from handrail.runtime.worker.lane_runner import LaneRunner
from handrail.runtime.worker.lane_state import LaneState
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.retention import KEPT_MS, delete_finished
from handrail.testing import Team
from handrail.wire.record import Outgoing, TopicPartition
from tests.promises.gate import Gate
from tests.waiting import until

TeamOf = Callable[..., Team]
DAY_MS = 24 * 3_600_000
WEEK_AND_A_DAY_MS = KEPT_MS + DAY_MS

jobs = Topic("jobs", carries=str)


@agent(reads=jobs, writes=results)
async def worker(text: str) -> str:
    return text


def lane_of(team: Team) -> LaneRunner:
    """Give the one lane of a team with one partition."""
    (runner,) = team.members[0].process._workers[0].lanes.values()
    return runner


async def deleted(team: Team, after_ms: int) -> dict[str, int]:
    """Delete as if so much time had passed; give up to where, by the last word of the topic."""
    runner = lane_of(team)
    assert runner.lane is not None
    now_ms = team.clock.now_ms() + after_ms
    found = await delete_finished(team.bus, runner.place, runner.lane, now_ms)
    return {where.topic.removeprefix(f"{team.namespace}."): to for where, to in found.items()}


async def ends(bus: Bus, place: LanePlace) -> tuple[int, int]:
    """Give where the lane's inbox begins and ends."""
    return await bus.begin_offset(place.inbox), await bus.end_offset(place.inbox)


async def test_what_is_finished_and_a_week_old_is_deleted_once(team_of: TeamOf) -> None:
    async with team_of(worker, partitions=1) as team:
        for text in ("a", "b"):
            assert await (await team.submit(jobs, text)).result(str) == text
        place = lane_of(team).place
        _, end = await ends(team.bus, place)

        assert await deleted(team, KEPT_MS - DAY_MS) == {}, "younger than a week"
        assert (await deleted(team, WEEK_AND_A_DAY_MS)).keys() == {"jobs"}
        assert await deleted(team, WEEK_AND_A_DAY_MS) == {}, "nothing is left to be deleted"
        assert await ends(team.bus, place) == (end, end)


async def test_what_is_not_finished_stays_however_old_it_is(team_of: TeamOf) -> None:
    gate = Gate()

    @agent(reads=jobs, writes=results)
    async def slow(text: str) -> str:
        if text == "slow":
            await gate.pass_through()
        return text

    async with team_of(slow, partitions=1) as team:
        assert await (await team.submit(jobs, "first")).result(str) == "first"
        waiting = await team.submit(jobs, "slow")
        assert await (await team.submit(jobs, "quick")).result(str) == "quick"
        await gate.entered.wait()
        place = lane_of(team).place

        # The week is counted back from the oldest that is not finished, so nothing may go yet.
        assert await deleted(team, WEEK_AND_A_DAY_MS) == {}
        gate.opened.set()
        assert await waiting.result(str) == "slow"
        assert (await deleted(team, WEEK_AND_A_DAY_MS)).keys() == {"jobs"}
        begin, end = await ends(team.bus, place)
        assert begin == end


async def test_a_lane_opens_after_a_deletion_of_which_its_group_knows_nothing_yet(
    team_of: TeamOf,
) -> None:
    async with team_of(worker, partitions=1) as team:
        assert await (await team.submit(jobs, "before")).result(str) == "before"
        # The group is told of an offset a second or more after it was committed to the journal.
        assert (await deleted(team, WEEK_AND_A_DAY_MS)).keys() == {"jobs"}
        await team.kill(worker)
        await team.restart(worker)
        task = await team.submit(jobs, "after")

        assert await task.result(str) == "after"
        assert lane_of(team).trouble is None


async def test_answers_are_deleted_as_far_as_they_are_settled_and_read_on_from_there(
    team_of: TeamOf,
) -> None:
    async with team_of(worker, partitions=1) as team:
        answers = lane_of(team).place.answers
        for _ in range(3):
            nothing = Outgoing(answers.topic, b"k", b"{}", (), answers.partition)
            await team.bus.sender().send(nothing)
        end = await team.bus.end_offset(answers)
        lane = lane_of(team).lane
        assert lane is not None

        async def settled() -> bool:
            await team.advance(seconds=2)
            return lane.answers == end

        await until(settled, what="the answers are settled")
        assert await deleted(team, WEEK_AND_A_DAY_MS) == {"worker.answers": end}
        await team.kill(worker)
        await team.restart(worker)
        await until(lambda: lane_of(team).state is LaneState.OPEN)
        task = await team.submit(jobs, "after")

        assert await task.result(str) == "after"
        again = lane_of(team).lane
        assert again is not None
        assert again.answers >= end


async def test_an_answer_that_is_not_settled_stays_however_old_it_is(team_of: TeamOf) -> None:
    async with team_of(worker, partitions=1) as team:
        place, lane = lane_of(team).place, lane_of(team).lane
        assert lane is not None
        for _ in range(3):
            nothing = Outgoing(place.answers.topic, b"k", b"{}", (), place.answers.partition)
            await team.bus.sender().send(nothing)
        unsettled = lane.answers < await team.bus.end_offset(place.answers)

        await deleted(team, WEEK_AND_A_DAY_MS)

        assert unsettled, "nobody looks at the answers before time passes"
        assert await team.bus.begin_offset(place.answers) <= lane.answers


async def test_a_reference_is_known_although_what_came_before_it_was_deleted(
    team_of: TeamOf,
) -> None:
    async with team_of(worker, partitions=1) as team:
        assert await (await team.submit(jobs, "old")).result(str) == "old"
        assert (await deleted(team, WEEK_AND_A_DAY_MS)).keys() == {"jobs"}
        first = await team.client.submit(jobs, "first", reference="order-1")
        assert await first.result(str, timeout_s=30) == "first"
        await team.kill(worker)
        await team.restart(worker)
        second = await team.client.submit(jobs, "second", reference="order-1")

        assert second.id == first.id
        assert await (await team.submit(jobs, "third")).result(str) == "third"
        assert await second.result(str, timeout_s=30) == "first", "a repeat carries nothing out"


async def test_a_lane_deletes_by_itself_soon_after_it_was_opened(team_of: TeamOf) -> None:
    async with team_of(worker, partitions=1) as team:
        place = lane_of(team).place
        assert await (await team.submit(jobs, "a")).result(str) == "a"
        end = await team.bus.end_offset(place.inbox)
        team.clock.move_to(team.clock.now_ms() + WEEK_AND_A_DAY_MS)

        async def gone() -> bool:
            return await team.bus.begin_offset(place.inbox) == end

        await until(gone, what="what is finished is deleted")


async def test_a_read_from_below_what_was_deleted_begins_with_what_is_left(
    team_of: TeamOf,
) -> None:
    async with team_of(worker, partitions=1) as team:
        assert await (await team.submit(jobs, "a")).result(str) == "a"
        assert (await deleted(team, WEEK_AND_A_DAY_MS)).keys() == {"jobs"}
        assert await (await team.submit(jobs, "b")).result(str) == "b"
        where = TopicPartition(team.full("jobs"), 0)
        end = await team.bus.end_offset(where)

        found = [record async for record in team.bus.fetch(where, 0, end)]

        assert [record.value for record in found] == [b'"b"']
