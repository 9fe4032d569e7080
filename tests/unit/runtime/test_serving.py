"""What a served part says of itself."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from handrail import Memory, MemoryClass, Topic, agent
from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_consumer import InProcessTail
from handrail.bus.stray import stray_cancellations_told
from handrail.contract.team import TeamDescription
from handrail.errors import BrokerUnreachable
from handrail.runtime.note import ProcessState, read_note
from handrail.runtime.serving import Noted, ServedAgents, ServedWriter
from handrail.runtime.worker.process import AgentProcess, ProcessSettings
from handrail.testing.model import ScriptedModel
from handrail.testing.unscripted import Surprises
from handrail.wire.memory import HISTORY
from handrail.wire.record import Outgoing, Record, TopicPartition
from tests.promises.ground import Ground
from tests.promises.registrar import prepared, read_to_the_end, running
from tests.unit.ledger.told import Story
from tests.waiting import until


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()


async def test_a_writer_says_how_many_records_it_has_taken(ground: Ground) -> None:
    story = Story("a")
    async with ground.bus() as bus:
        await prepared(ground, bus)
        async with running(bus, ground) as writer:
            assert ServedWriter(writer).standing().handled == 0
            await ground.tell(bus, story.accepted(), story.finished("s1", "h1@q"))
            await until(lambda: read_to_the_end(ground, bus))
            await until(lambda: ServedWriter(writer).standing().handled == 2)

            assert ServedWriter(writer).standing().in_hand == 0


async def test_records_whose_transaction_is_not_decided_are_in_hand(ground: Ground) -> None:
    story = Story("a")
    async with ground.bus() as bus:
        await prepared(ground, bus)
        async with running(bus, ground) as writer:
            seen: list[tuple[int, int]] = []

            async def watch() -> None:
                while not seen or seen[-1] != (1, 0):
                    standing = ServedWriter(writer).standing()
                    seen.append((standing.handled, standing.in_hand))
                    await asyncio.sleep(0)

            watching = asyncio.create_task(watch())
            await ground.tell(bus, story.accepted())
            await asyncio.wait_for(watching, 10)

        assert list(dict.fromkeys(seen)) == [(0, 0), (0, 1), (1, 0)]


async def test_a_cancellation_that_nobody_asked_for_is_a_broker_out_of_reach() -> None:
    cut_off = asyncio.get_running_loop().create_future()
    cut_off.cancel()  # as aiokafka does with its own when the broker dies

    told = pytest.raises(BrokerUnreachable, match="Cannot reach Kafka at here:1")
    with told, stray_cancellations_told("here:1"):
        await cut_off


async def test_whoever_is_told_to_end_ends_without_a_word_about_the_broker() -> None:
    async def serving() -> None:
        with stray_cancellations_told("here:1"):
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(serving())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


class Silent(InProcessTail):
    """A reader to whom nothing ever comes."""

    async def poll(self, *, timeout_s: float, records_max: int = 500) -> list[Record]:
        del timeout_s, records_max
        await asyncio.Event().wait()
        return []


class Unread(InProcessBus):
    """A bus on which memory is never read to its end."""

    has_begun = False

    async def tail(self, positions: Mapping[TopicPartition, int]) -> InProcessTail:
        self.has_begun = True
        return Silent(self.broker, self.line, positions)


async def test_a_process_that_still_reads_memory_ends_when_it_is_told_to(ground: Ground) -> None:
    names, notes = Topic("names", carries=str), Memory("notes", carries=str, keeps=MemoryClass.FACT)

    @agent(reads=names)
    async def reader(name: str) -> None:
        del name

    team = TeamDescription([reader], spaces=[notes])
    async with ground.bus() as bus:
        assert isinstance(bus, InProcessBus)
        await ground.prepare(bus, "control", HISTORY, compacted=[notes.topic])
        scribe = await ground.connect()
        record = Outgoing(ground.topic(notes.topic), b"acme/-/k", b"{}", ())
        await scribe.sender().send(record)
        unread = Unread(bus.broker)
        await unread.start()
        settings = ProcessSettings(namespace=ground.namespace)
        served = ServedAgents(
            AgentProcess(unread, [reader], team, ScriptedModel(Surprises()), settings)
        )
        stop = asyncio.Event()

        running = asyncio.create_task(served.run(stop))
        await until(lambda: unread.has_begun and not running.done())
        stop.set()
        await asyncio.wait_for(running, 10)

        assert await bus.admin.members(f"{ground.namespace}.reader") == {}
        await scribe.close()
        await unread.close()


def test_a_full_disk_costs_the_note_of_a_process_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "greeter.json"
    noted = Noted(path, "greeter", ["greeter"])
    fresh = path.with_suffix(f".{os.getpid()}.new")

    fresh.symlink_to("/dev/full")
    noted.say(ProcessState.READY)
    before = read_note(path)
    noted.say(ProcessState.DRAINING)

    assert before is not None
    assert before.state is ProcessState.STARTING
    assert not fresh.is_symlink()
    after = read_note(path)
    assert after is not None
    assert after.state is ProcessState.DRAINING
