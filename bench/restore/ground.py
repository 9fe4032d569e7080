"""A lane's journal of any length with live invocations in it, and an opener that is timed.

The journal is written by the lane's own committer and kept short by its own copying, so what an
opener has to read is what it would have to read in use.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from handrail.bus.kafka import KafkaBus
from handrail.bus.port import Bus, GroupConsumer, LaneProducer, Membership, TopicSpec
from handrail.bus.where import Connection
from handrail.lane.decision import LaneSettings
from handrail.lane.invocation import Invocation, Why
from handrail.lane.journal import Entry, Kind, encode_entry, entry_key, tombstone
from handrail.lane.lane import Lane
from handrail.lane.progress import OffsetMetadata
from handrail.lane.resting import accepted_entry, parked_entry
from handrail.runtime.worker.committer import Committer, Item
from handrail.runtime.worker.copying import copy_forward
from handrail.runtime.worker.opening import LanePlace, Opened, open_lane
from handrail.wire.record import Outgoing, Record, TopicPartition

SETTINGS = LaneSettings("1", "in")
FAR_MS = 4_000_000_000_000  #: none of them wakes while it is measured
BODY = b'{"question": "' + b"why " * 100 + b'"}'
RESULT = b'{"answer": "' + b"because " * 30 + b'"}'
BATCH = 100
COPY_EVERY = 20  #: batches
APART_MAX = 2 * BATCH  #: records by which two journals at the same place may differ
JOINS_WITHIN_S = 60.0


class Joined:
    """A listener that remembers its place in the group."""

    def __init__(self) -> None:
        """Wait for the first assignment."""
        self.membership: asyncio.Future[Membership] = asyncio.get_running_loop().create_future()

    def on_assigned(self, membership: Membership, partitions: frozenset[TopicPartition]) -> None:
        """Keep it."""
        del partitions
        if not self.membership.done():
            self.membership.set_result(membership)

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Nobody else joins here."""

    def on_lost(self) -> None:
        """Not while it is measured: the opener would be refused, and say so."""


@dataclass(frozen=True, slots=True)
class Journal:
    """A lane that somebody opens again and again."""

    bus: Bus
    place: LanePlace
    consumer: GroupConsumer
    membership: Membership
    records: int  #: in its journal, those included that nothing needs any more
    to_read: int  #: of them, from where an opener begins

    async def open(self) -> tuple[float, Lane]:
        """Open the lane as a successor does; give how long that took, and what it knows."""
        begun_s = time.perf_counter()
        opened: Opened = await open_lane(
            self.bus, self.consumer, self.membership, self.place, SETTINGS, 0, _nothing_to_do
        )
        took_s = time.perf_counter() - begun_s
        await opened.producer.close()
        return took_s, opened.lane


@asynccontextmanager
async def journal(
    bootstrap: str, live: int, records: int, to_read: int | None = None
) -> AsyncIterator[Journal]:
    """Write a journal of so many records, so many invocations of which live to the end.

    What an opener has to read grows until the lane's oldest live records are written again, and
    then begins anew. With `to_read` the journal goes on to where that is so much, within a batch:
    two journals can then be compared at the same place between two such copies.
    """
    bus = KafkaBus(Connection(bootstrap, "PLAINTEXT"))
    await bus.start()
    try:
        base = f"restore{secrets.token_hex(3)}"
        names = [f"{base}.{name}" for name in ("in", "a.answers", "a.journal", "a.dead")]
        compact = {"cleanup.policy": "compact"}
        await bus.admin.create(
            [TopicSpec(one, 1, -1, compact if one.endswith("journal") else {}) for one in names]
        )
        place = LanePlace(f"{base}.a", *(TopicPartition(name, 0) for name in names))
        joined = Joined()
        consumer = bus.group_consumer(place.group, [place.inbox.topic], joined)
        await consumer.start()
        polling = asyncio.create_task(_poll(consumer))
        try:
            async with asyncio.timeout(JOINS_WITHIN_S):
                membership = await joined.membership
            written, left = await _write(bus, place, live, records, to_read)
            yield Journal(bus, place, consumer, membership, written, left)
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            await consumer.close()
    finally:
        await bus.close()


async def _nothing_to_do() -> None:
    """Go on once the predecessor is fenced: nothing here dies at that moment."""


async def _poll(consumer: GroupConsumer) -> None:
    while True:
        await consumer.poll(timeout_s=0.5, records_max=10)


async def _write(
    bus: Bus, place: LanePlace, live: int, records: int, to_read: int | None
) -> tuple[int, int]:
    """Write it; give how many records it has, and how many of them an opener reads."""
    producer = bus.lane_producer(place.transactional_id)
    await producer.init(deadline_s=30.0)

    async def renew(old: LaneProducer) -> LaneProducer:
        message = f"nothing is refused here, {old} is as good as before"
        raise AssertionError(message)

    lane = Lane(SETTINGS, 0, OffsetMetadata(0, 1, 0, 0))
    committer = Committer(lane, producer, place, renew)
    running = asyncio.create_task(committer.run())
    try:
        await _commit(committer, [one for n in range(live) for one in _resting(place.journal, n)])
        for number, batch in enumerate(_batched(_worked(place.journal, live))):
            if lane.journal_end >= records and _is_there(_to_read(lane), to_read):
                break
            await _commit(committer, batch)
            if number % COPY_EVERY == 0:
                await copy_forward(bus, place.journal, lane, committer)
        await copy_forward(bus, place.journal, lane, committer)
        await committer.commit(Item((), tells_group=True))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await producer.close()
    return lane.journal_end, _to_read(lane)


def _to_read(lane: Lane) -> int:
    """How many records lie from where an opener begins to the end."""
    return lane.journal_end - lane.journal_begin


def _is_there(now: int, wanted: int | None) -> bool:
    return wanted is None or abs(now - wanted) <= APART_MAX


async def _commit(committer: Committer, records: Sequence[Outgoing]) -> None:
    for start in range(0, len(records), BATCH):
        committer.hand(Item(records[start : start + BATCH]))
    await committer.flush()


def _resting(journal: TopicPartition, number: int) -> Iterator[Outgoing]:
    """Three records: it rests, how far it has come, and a result that it has paid for."""
    record = Record("in", 0, number, 7, b"key %d" % number, BODY)
    invocation = Invocation(f"live{number}", b"key %d" % number, number, 0, record, None)
    invocation.why, invocation.wake_ms = Why.SLEEP, FAR_MS
    entries = [
        parked_entry(invocation, 1, "1", 0),
        accepted_entry(invocation, 1, "1", 0),
        _outcome(invocation.id),
    ]
    return (encode_entry(one, journal) for one in entries)


def _worked(journal: TopicPartition, first: int) -> Iterator[Outgoing]:
    """Give without end what invocations leave that begin, pay for a step and end."""
    number = first
    while True:
        number += 1
        name = f"gone{number}"
        facts = {"name": "model", "digest": "d", "shown": "model()", "effect": "paid"}
        more = {"idem_key": "k", "attempt": 1, "first_ms": 0, "key_ttl_s": None}
        yield encode_entry(
            Entry(Kind.INTENT, name, 1, "1", 0, facts=facts | more, path="1"), journal
        )
        yield encode_entry(_outcome(name), journal)
        yield tombstone(entry_key(name, Kind.INTENT, "1"), journal)
        yield tombstone(entry_key(name, Kind.OUTCOME, "1"), journal)


def _outcome(invocation: str) -> Entry:
    facts = {"ok": True, "name": "model", "digest": "d", "shown": "model()", "attempt": 1}
    return Entry(Kind.OUTCOME, invocation, 1, "1", 0, facts=facts, path="1", body=RESULT)


def _batched(records: Iterator[Outgoing]) -> Iterator[list[Outgoing]]:
    while True:
        yield [next(records) for _ in range(BATCH)]
