"""What a lane does with offsets that a tool or a hand has set or deleted, on either broker."""

import asyncio
import re
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from handrail import Topic, agent, results
from handrail.bus.in_process import InProcessBus
from handrail.bus.kafka import KafkaBus
from handrail.bus.port import Committed, OffsetCommit
from handrail.bus.settings import Settings
from handrail.cli.agents import lanes_of
from handrail.errors import HandrailError, OffsetMetadataBroken, OffsetsLost
from handrail.lane.journal import PROGRESS_KEY, tombstone
from handrail.runtime.note import ProcessState, note_path
from handrail.runtime.serving import Noted, ServedAgents
from handrail.runtime.worker.lane_runner import LaneRunner
from handrail.runtime.worker.lane_state import LaneState
from handrail.runtime.worker.opening import LanePlace
from handrail.testing import Team
from tests.waiting import until

TeamOf = Callable[..., Team]

ROOT = Path(__file__).resolve().parents[2]

RAN: list[str] = []

jobs = Topic("jobs", carries=str)


@agent(reads=jobs, writes=results)
async def worker(text: str) -> str:
    RAN.append(text)
    return text


def lane_of(team: Team) -> LaneRunner:
    """Give the one lane of a team with one partition."""
    (runner,) = team.members[0].process._workers[0].lanes.values()
    return runner


async def left_after_work(team: Team) -> tuple[LanePlace, Committed]:
    """Let two handoffs be done, end the process, and give its lane and what the group knows."""
    RAN.clear()
    for text in ("a", "b"):
        assert await (await team.submit(jobs, text)).result(str) == text
    place = lane_of(team).place
    await team.stop(worker)
    known = await committed(team, place)
    assert known is not None
    assert RAN == ["a", "b"]
    return place, known


async def committed(team: Team, place: LanePlace) -> Committed | None:
    """Give what the group knows of the lane's inbox."""
    found = await team.bus.admin.committed(place.group, place.inbox.topic)
    return found.get(place.inbox.partition)


async def set_offset(team: Team, place: LanePlace, offset: int, metadata: str) -> None:
    """Commit an offset for the group, as a tool does that is none of ours."""
    producer = team.bus.lane_producer(f"{place.group}.operator")
    await producer.init(deadline_s=30)
    await producer.commit([], OffsetCommit(place.group, place.inbox, offset, metadata))
    await producer.close()

    async def is_known() -> bool:
        return await committed(team, place) == Committed(offset, metadata)

    await until(is_known, what="the group knows the offset")


async def delete_offsets(team: Team, place: LanePlace) -> None:
    """Take all offsets of the group away; that is also how they expire."""
    bus = team.bus
    if isinstance(bus, InProcessBus):
        bus.broker.group(place.group).offsets.clear()
        return
    assert isinstance(bus, KafkaBus)
    admin = AdminClient({"bootstrap.servers": bus.bootstrap})
    deleting = admin.delete_consumer_groups([place.group])[place.group]
    await asyncio.to_thread(deleting.result, 20)


async def set_to_nothing(team: Team, place: LanePlace) -> None:
    """Reset the offset as Kafka's own tools do: they write no note beside it."""
    await set_offset(team, place, 0, "")


async def set_too_far(team: Team, place: LanePlace) -> None:
    """Set the offset beyond what the lane has finished."""
    known = await committed(team, place)
    assert known is not None
    await set_offset(team, place, known.offset + 5, known.metadata)


async def go_on(team: Team, place: LanePlace, folder: Path) -> None:
    """Do what the runbook says: on a broker by its very program, in memory by what that writes."""
    page = (ROOT / "docs" / "runbooks" / "HR-LANE-006.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    program = textwrap.dedent(program).replace('"planner", "intake"', '"worker", "jobs"')
    (note,) = re.findall(r"note = '([^']+)'", program)
    if isinstance(team.bus, InProcessBus):
        await set_offset(team, place, 0, note)
        return
    assert isinstance(team.bus, KafkaBus)
    (folder / "go_on.py").write_text(program)
    (folder / "handrail.toml").write_text(
        f'namespace = "{team.namespace}"\n[broker]\nbootstrap = "{team.bus.bootstrap}"\n'
    )
    ran = await asyncio.create_subprocess_exec(sys.executable, "go_on.py", cwd=folder)
    assert await ran.wait() == 0


async def stopped(team: Team) -> HandrailError:
    """Start the process again with work to do, and give what has stopped its lane by name."""
    await team.submit(jobs, "c")
    await team.start(worker)
    lane = lane_of(team)
    await until(lambda: lane.state is LaneState.STOPPED, what="the lane has stopped")
    assert RAN == ["a", "b"], "nothing runs, neither again nor for the first time"
    assert lane.trouble is not None
    return lane.trouble


async def test_a_group_without_offsets_whose_journal_has_records_stops_its_lane(
    team_of: TeamOf,
) -> None:
    async with team_of(worker, partitions=1) as team:
        place, _ = await left_after_work(team)
        await delete_offsets(team, place)

        trouble = await stopped(team)
        (status,) = team.members[0].process.status()
        await team.kill(worker)

    assert isinstance(trouble, OffsetsLost)
    assert "its journal has records" in str(trouble)
    assert "handrail agents show worker " in str(trouble), "as people call the agent"
    where = f"{place.inbox.topic}/{place.inbox.partition}"
    assert status.closed == {where: f"{trouble.what} [HR-LANE-006]"}


async def test_why_a_lane_is_closed_is_written_down_and_shown_with_its_agent(
    team_of: TeamOf, tmp_path: Path
) -> None:
    async with team_of(worker, partitions=1) as team:
        place, _ = await left_after_work(team)
        await delete_offsets(team, place)
        await stopped(team)

        standing = ServedAgents(team.members[0].process).standing()
        Noted(note_path(tmp_path, "worker"), "worker", ["worker"]).say(
            ProcessState.READY, [standing]
        )
        settings = Settings(namespace=team.namespace).remembering({}, tmp_path)
        (lane,) = await lanes_of(team.bus, settings, worker)
        await team.kill(worker)

    assert lane.closed is not None
    assert "the group has no offset although its journal has records" in lane.closed


async def test_an_offset_that_a_tool_has_reset_stops_its_lane(team_of: TeamOf) -> None:
    async with team_of(worker, partitions=1) as team:
        place, _ = await left_after_work(team)
        await set_offset(team, place, 0, "")

        trouble = await stopped(team)
        await team.kill(worker)

    assert isinstance(trouble, OffsetMetadataBroken)
    assert "handrail agents show worker " in str(trouble)
    assert str(trouble).startswith(f"The offset of {place.group} on {place.inbox.topic}[0]")


@pytest.mark.parametrize("harm", [set_to_nothing, set_too_far, delete_offsets])
async def test_a_lane_with_a_whole_journal_goes_on_as_the_runbook_says_and_runs_nothing_again(
    team_of: TeamOf, tmp_path: Path, harm: Callable[[Team, LanePlace], Awaitable[None]]
) -> None:
    async with team_of(worker, partitions=1) as team:
        place, _ = await left_after_work(team)
        await harm(team, place)
        await stopped(team)
        await go_on(team, place, tmp_path)
        await team.kill(worker)
        await team.start(worker)

        assert await (await team.submit(jobs, "d")).result(str) == "d"

    assert RAN == ["a", "b", "c", "d"]


async def test_an_offset_beyond_what_the_journal_knows_stops_its_lane(team_of: TeamOf) -> None:
    async with team_of(worker, partitions=1) as team:
        place, known = await left_after_work(team)
        await set_offset(team, place, known.offset + 1, known.metadata)

        trouble = await stopped(team)
        await team.kill(worker)

    assert isinstance(trouble, OffsetsLost)
    assert f"the journal knows of {known.offset} only" in str(trouble)


async def test_an_offset_that_was_set_back_runs_nothing_again(team_of: TeamOf) -> None:
    async with team_of(worker, partitions=1) as team:
        place, known = await left_after_work(team)
        await set_offset(team, place, 0, known.metadata)
        await team.start(worker)

        assert await (await team.submit(jobs, "c")).result(str) == "c"

    assert RAN == ["a", "b", "c"], "the journal counts"


async def test_an_inbox_that_lost_what_nobody_has_finished_stops_its_lane(team_of: TeamOf) -> None:
    async with team_of(worker, partitions=1) as team:
        place, known = await left_after_work(team)
        await team.submit(jobs, "lost")
        end = await team.bus.end_offset(place.inbox)
        await team.bus.admin.delete_records({place.inbox: end})

        trouble = await stopped(team)
        await team.kill(worker)

    assert isinstance(trouble, OffsetsLost)
    assert f"the lane has come to {known.offset} and the topic begins at {end}" in str(trouble)


async def test_a_journal_that_no_longer_says_how_far_the_lane_had_come_stops_it(
    team_of: TeamOf,
) -> None:
    async with team_of(worker, partitions=1) as team:
        place, _ = await left_after_work(team)
        producer = team.bus.lane_producer(place.transactional_id)
        await producer.init(deadline_s=30)
        await producer.commit([tombstone(PROGRESS_KEY, place.journal)])
        await producer.close()

        trouble = await stopped(team)
        await team.kill(worker)

    assert isinstance(trouble, OffsetsLost)
    assert "the journal no longer says how far the lane had come" in str(trouble)
