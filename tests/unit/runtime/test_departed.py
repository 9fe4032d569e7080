"""Members of dead processes are reported, and only those."""

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import Membership, TopicSpec
from handrail.bus.process_birth import birth_of
from handrail.runtime.departed import bury_predecessors
from handrail.runtime.note import ProcessNote, ProcessState, note_path, read_note, write_note
from handrail.wire.record import TopicPartition
from tests.waiting import until

GROUP, TOPIC = "ns.clerk", "ns.letters"
PID = 999_999_999


class Member:
    """Hears what it is given."""

    def __init__(self) -> None:
        self.held: frozenset[TopicPartition] = frozenset()
        self.membership: Membership | None = None

    def on_assigned(self, membership: Membership, partitions: frozenset[TopicPartition]) -> None:
        self.membership, self.held = membership, partitions

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.held -= partitions

    def on_lost(self) -> None:
        self.held = frozenset()


Joined = tuple[InProcessBus, Member]


@pytest.fixture
async def broker() -> InProcessBroker:
    """A broker whose time stands still: no session ends by itself."""
    broker = InProcessBroker(lambda: 0)
    await InProcessBus(broker).admin.create([TopicSpec(TOPIC, 2)])
    return broker


@pytest.fixture
async def joined(broker: InProcessBroker) -> AsyncIterator[Joined]:
    """A member that holds both partitions, and its connection."""
    bus, member = InProcessBus(broker), Member()
    consumer = bus.group_consumer(GROUP, [TOPIC], member)
    await consumer.start()
    await until(lambda: polled(consumer, member))
    yield bus, member
    await bus.close()


async def polled(consumer: object, member: Member) -> bool:
    await consumer.poll(timeout_s=0.01, records_max=1)  # type: ignore[attr-defined]
    return bool(member.held)


def left_by(member: Member, name: str = f"clerk-{PID}") -> ProcessNote:
    """Give the note of a process that has died as this member."""
    assert member.membership is not None
    members = {GROUP: member.membership.member_id}
    return ProcessNote(name, PID, "long ago", ProcessState.READY, members=members)


async def members(broker: InProcessBroker) -> int:
    return len(await InProcessBus(broker).admin.members(GROUP))


async def test_a_process_that_starts_again_reports_its_predecessor(
    broker: InProcessBroker, joined: Joined, tmp_path: Path
) -> None:
    bus, member = joined
    bus.kill()
    assert await members(broker) == 1

    await bury_predecessors(InProcessBus(broker), tmp_path, left_by(member, "clerk"))

    assert await members(broker) == 0


async def test_a_process_that_nobody_started_again_is_reported_by_the_next_one_that_starts(
    broker: InProcessBroker, joined: Joined, tmp_path: Path
) -> None:
    bus, member = joined
    bus.kill()
    note = left_by(member)
    write_note(note_path(tmp_path, note.name), note)

    await bury_predecessors(InProcessBus(broker), tmp_path, None)

    assert await members(broker) == 0
    assert read_note(note_path(tmp_path, note.name)) is None


@pytest.mark.parametrize("why", ["lives", "left in order", "of another machine", "supervised"])
async def test_nobody_else_is_reported(
    broker: InProcessBroker, joined: Joined, tmp_path: Path, why: str
) -> None:
    _, member = joined
    note = left_by(member)
    if why == "lives":
        own = str(birth_of(os.getpid()))
        note = dataclasses.replace(note, name=f"c-{os.getpid()}", pid=os.getpid(), born=own)
    elif why == "left in order":
        note = dataclasses.replace(note, state=ProcessState.STOPPED)
    elif why == "of another machine":
        note = dataclasses.replace(note, host="another")
    else:
        note = dataclasses.replace(note, name="clerk")
    write_note(note_path(tmp_path, note.name), note)

    await bury_predecessors(InProcessBus(broker), tmp_path, None)

    assert await members(broker) == 1
    assert read_note(note_path(tmp_path, note.name)) == note


async def test_a_broker_that_does_not_answer_keeps_nobody_from_starting(
    broker: InProcessBroker, joined: Joined, tmp_path: Path
) -> None:
    _, member = joined
    deaf = InProcessBus(broker)
    deaf.cut_off()

    async with asyncio.timeout(60):
        await bury_predecessors(deaf, tmp_path, left_by(member, "clerk"))

    assert await members(broker) == 1
