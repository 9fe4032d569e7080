"""Faults planted between the worker and the broker, each of which the simulation has to find.

A plant stands in a connection of its own kind: the worker is the real one, and what it does is
undone, left out or done apart on its way. So nothing of the product has to be changed to prove that
its mistakes would be seen.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace

from handrail.bus.in_process_consumer import InProcessTail
from handrail.bus.port import TRANSACTION_DEADLINE_S, GroupListener, OffsetCommit
from handrail.errors import CommitDoubtful
from handrail.lane.journal import PROGRESS_KEY, Kind, decode_entry, encode_entry
from handrail.lane.progress import OffsetMetadata
from handrail.wire.priority import HIGH_SUFFIX
from handrail.wire.record import Outgoing, Record, TopicPartition
from tests.simulation.bus import SimBus, SimConsumer, SimLaneProducer
from tests.simulation.kafka import SimBroker
from tests.simulation.loop import SimLoop, current_process
from tests.simulation.processes import MakeBus

FAR = 1 << 40
HANDED_ON = (".orders", ".queries", ".pieces", ".prices", ".results")
SENT = (*HANDED_ON, *(name + HIGH_SUFFIX for name in HANDED_ON))  #: what agents hand on

Commit = tuple[list[Outgoing], OffsetCommit | None]


class ProducerWithPlant(SimLaneProducer):
    """Lets the plant see each commit first."""

    async def commit(
        self,
        records: Sequence[Outgoing],
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        """Commit what the plant makes of it."""
        bus = self._bus
        assert isinstance(bus, Planted)
        return await bus.commit(super().commit, list(records), offsets)


Write = Callable[..., "asyncio.Future[list[int]]"]


class Planted(SimBus):
    """A connection with a planted fault. A subclass overrides what it does wrong."""

    def lane_producer(self, transactional_id: str) -> SimLaneProducer:  # type: ignore[override]
        """Make one whose commits come through here."""
        return ProducerWithPlant(self, transactional_id)

    async def commit(
        self, write: Write, records: list[Outgoing], offsets: OffsetCommit | None
    ) -> list[int]:
        """Commit what `changed` gives."""
        records, offsets = self.changed(records, offsets)
        return await write(records, offsets)

    def changed(self, records: list[Outgoing], offsets: OffsetCommit | None) -> Commit:
        """Give what is really committed; as many records as were asked for."""
        return records, offsets


class OffsetApart(Planted):
    """What is finished is committed in a transaction of its own, after the records."""

    first = False

    async def commit(
        self, write: Write, records: list[Outgoing], offsets: OffsetCommit | None
    ) -> list[int]:
        """Write in two transactions what belongs into one."""
        own = [one for one in records if one.key == PROGRESS_KEY]
        rest = [one for one in records if one.key != PROGRESS_KEY]
        if not own or not rest or any(b"/epoch/" in (one.key or b"") for one in rest):
            return await write(records, offsets)
        if self.first:
            last = await write(own, offsets)
            return [*await write(rest, None), *last]
        written = await write(rest, None)
        return [*written, *await write(own, offsets)]


class OffsetFirst(OffsetApart):
    """What is finished is committed before what it left behind."""

    first = True


class NoFence(Planted):
    """Whoever once was the owner may write for ever: no producer is fenced."""

    def __init__(self, broker: SimBroker, loop: SimLoop, weather: object) -> None:
        """Tell the broker."""
        super().__init__(broker, loop, weather)  # type: ignore[arg-type]
        broker.fences = False


class NoEpoch(Planted):
    """An opened lane goes on without an epoch of its own (A5)."""

    async def commit(
        self, write: Write, records: list[Outgoing], offsets: OffsetCommit | None
    ) -> list[int]:
        """Let the transaction that begins an epoch say nothing."""
        if any(b"/epoch/" in (one.key or b"") for one in records):
            return [0] * len(records)
        return await write(records, offsets)


class NoProof(Planted):
    """An opener believes that the partition is its own (A3)."""

    def group_consumer(
        self, group: str, topics: Sequence[str], listener: GroupListener
    ) -> SimConsumer:
        """Make a member that proves nothing."""
        consumer = BelievesItself(self, group, topics, listener)
        self._consumers.append(consumer)
        return consumer


class BelievesItself(SimConsumer):
    """A member whose proof of membership always succeeds."""

    async def prove_membership(
        self, membership: object, where: TopicPartition, *, deadline_s: float
    ) -> None:
        """Ask nobody."""
        await self._line.alive()


class NoBitmap(Planted):
    """What is finished above the oldest open offset is forgotten."""

    def changed(self, records: list[Outgoing], offsets: OffsetCommit | None) -> Commit:
        """Empty the bitmap, in the journal and in the group."""
        return _with_metadata(records, offsets, lambda meta: replace(meta, done=0))


class PointerTooFar(Planted):
    """The next owner reads the journal from its end."""

    def changed(self, records: list[Outgoing], offsets: OffsetCommit | None) -> Commit:
        """Move the pointer past everything that is live."""
        if not any(one.topic.endswith(".journal") for one in records):
            return records, offsets
        journal = next(one for one in records if one.topic.endswith(".journal"))
        end = self.sim.log(TopicPartition(journal.topic, journal.partition or 0)).end
        return _with_metadata(records, offsets, lambda meta: replace(meta, journal=end))


class NoIntent(Planted):
    """A step acts without a committed intent."""

    async def commit(
        self, write: Write, records: list[Outgoing], offsets: OffsetCommit | None
    ) -> list[int]:
        """Leave the intents out."""
        kept = [one for one in records if b"/intent/" not in (one.key or b"") or one.value is None]
        if len(kept) == len(records):
            return await write(records, offsets)
        written = iter(await write(kept, offsets) if kept else ())
        return [next(written) if one in kept else 0 for one in records]


class OneKeyForTwo(Planted):
    """The parts of a gather stand under one key, so that each takes the place of the one before."""

    def changed(self, records: list[Outgoing], offsets: OffsetCommit | None) -> Commit:
        """Give every part the number 0."""
        found: list[Outgoing] = []
        for one in records:
            key = one.key or b""
            if one.topic.endswith(".journal") and b"/gathered/" in key and one.value is not None:
                found.append(replace(one, key=key.rsplit(b"/", 1)[0] + b"/0"))
            else:
                found.append(one)
        return found, offsets


class SameProducer(Planted):
    """A producer whose commit is in doubt is used again for the same records."""

    async def commit(
        self, write: Write, records: list[Outgoing], offsets: OffsetCommit | None
    ) -> list[int]:
        """Try once more with the same producer."""
        try:
            return await write(records, offsets)
        except CommitDoubtful:
            producer = write.__self__  # type: ignore[attr-defined]
            producer._dead = False
            return await write(records, offsets)


class UntilEmpty(Planted):
    """Whoever reads to an end stops where nothing more comes at once."""

    async def fetch(self, where: TopicPartition, start: int, end: int) -> AsyncGenerator[Record]:
        """Take the first empty answer for the end."""
        await self.line.alive()
        records, _ = self.broker.log(where).read(start, 500)
        for record in records:
            if record.offset < end:
                yield record


class CopiesLeaveIntentsOut(Planted):
    """Copying forward forgets what was begun and has no outcome."""

    async def commit(
        self, write: Write, records: list[Outgoing], offsets: OffsetCommit | None
    ) -> list[int]:
        """Leave out what stands in the journal already."""
        kept = [one for one in records if not self._is_copy_of_intent(one)]
        if len(kept) == len(records):
            return await write(records, offsets)
        written = await write(kept, offsets) if kept else []
        given = iter(written)
        end = max(written, default=1_000)
        return [next(given) if one in kept else end for one in records]

    def _is_copy_of_intent(self, one: Outgoing) -> bool:
        if not one.topic.endswith(".journal") or b"/intent/" not in (one.key or b""):
            return False
        entries = self.sim.log(TopicPartition(one.topic, one.partition or 0)).entries
        return any(
            e.key == one.key and e.value is not None and e.headers == one.headers for e in entries
        )


class NothingIsTidied(Planted):
    """What an invocation has written to its journal outlives it."""

    async def commit(
        self, write: Write, records: list[Outgoing], offsets: OffsetCommit | None
    ) -> list[int]:
        """Leave the tombstones out."""
        kept = [one for one in records if one.value is not None or b"/end/" in (one.key or b"")]
        given = iter(await write(kept, offsets) if kept else ())
        return [next(given) if one in kept else 0 for one in records]


class ClocksStop(Planted):
    """A clock that stands still while its process is frozen: old licences look fresh."""

    def __init__(self, broker: SimBroker, loop: SimLoop, weather: object) -> None:
        """Tell the machine."""
        super().__init__(broker, loop, weather)  # type: ignore[arg-type]
        loop.clocks_stop = True


class NoKeys(Planted):
    """Handoffs of one key do not wait for one another."""

    def group_consumer(
        self, group: str, topics: Sequence[str], listener: GroupListener
    ) -> SimConsumer:
        """Make a member that loses the keys of what it reads."""
        consumer = LosesKeys(self, group, topics, listener)
        self._consumers.append(consumer)
        return consumer


class LosesKeys(SimConsumer):
    """A member that reads no keys."""

    async def poll(self, *, timeout_s: float, records_max: int) -> Sequence[Record]:
        """Give what has arrived, without keys."""
        records = await super().poll(timeout_s=timeout_s, records_max=records_max)
        return [replace(record, key=None) for record in records]


class AnswersSkipped(Planted):
    """Answers count as settled that nobody has looked at."""

    async def end_offset(self, where: TopicPartition) -> int:
        """Say of the answers that there are none."""
        end = await super().end_offset(where)
        return 0 if where.topic.endswith(".answers") else end


class RandomIds(Planted):
    """What is handed on has an id of its own each time, whatever it follows from."""

    made = 0

    def changed(self, records: list[Outgoing], offsets: OffsetCommit | None) -> Commit:
        """Put another id in the place of each, wherever the transaction names it."""
        known = {value for one in records if one.topic.endswith(SENT) for value in _ids(one)}
        for old in sorted(known):
            self.made += 1
            new = f"{current_process().name}-{self.made}".encode()
            records = [_renamed(one, old, new) for one in records]
        return records, offsets


class AnswersPassedOver(Planted):
    """Answers count as read before it is known what they are for."""

    def changed(self, records: list[Outgoing], offsets: OffsetCommit | None) -> Commit:
        """Move the mark of a lane's answers to their end."""
        journal = next((one for one in records if one.key == PROGRESS_KEY), None)
        if journal is None:
            return records, offsets
        answers = journal.topic.removesuffix("journal") + "answers"
        end = self.sim.log(TopicPartition(answers, journal.partition or 0)).end
        return _with_metadata(records, offsets, lambda meta: replace(meta, answers=end))


class AnswersInMailboxes(Planted):
    """Answers wait behind what the lane carries out, and so behind what waits for them."""

    def __init__(self, broker: SimBroker, loop: SimLoop, weather: object) -> None:
        """Begin with nothing let through."""
        super().__init__(broker, loop, weather)  # type: ignore[arg-type]
        self._let_through: dict[TopicPartition, int] = {}

    async def tail(self, positions: Mapping[TopicPartition, int]) -> InProcessTail:
        """Hear of no answer as it comes."""
        answers = all(where.topic.endswith(".answers") for where in positions)
        return await super().tail(dict.fromkeys(positions, FAR) if answers else positions)

    async def end_offset(self, where: TopicPartition) -> int:
        """Show answers while the lane has nothing in hand."""
        end = await super().end_offset(where)
        if not where.topic.endswith(".answers"):
            return end
        journal = where.topic.removesuffix("answers") + "journal"
        live: dict[bytes, bool] = {}
        for entry in self.sim.log(TopicPartition(journal, where.partition)).entries:
            live[entry.key or b""] = entry.value is not None
        if not any(held and b"/intent/" in key for key, held in live.items()):
            self._let_through[where] = end
        return self._let_through.get(where, 0)


def _ids(one: Outgoing) -> list[bytes]:
    return [value for name, value in one.headers if name == "ce_id"]


def _renamed(one: Outgoing, old: bytes, new: bytes) -> Outgoing:
    headers = tuple((name, value.replace(old, new)) for name, value in one.headers)
    value = None if one.value is None else one.value.replace(old, new)
    return replace(one, value=value, headers=headers)


def _with_metadata(
    records: list[Outgoing],
    offsets: OffsetCommit | None,
    change: Callable[[OffsetMetadata], OffsetMetadata],
) -> Commit:
    """Change what a commit says of its lane, wherever it says it."""
    found: list[Outgoing] = []
    for one in records:
        if one.key != PROGRESS_KEY:
            found.append(one)
            continue
        read = Record(one.topic, one.partition or 0, 0, 0, one.key, one.value, one.headers)
        entry = decode_entry(read)
        assert entry is not None
        assert entry.kind is Kind.PROGRESS
        text = change(OffsetMetadata.decode(str(entry.facts["metadata"]))).encode()
        entry = replace(entry, facts={**entry.facts, "metadata": text})
        found.append(encode_entry(entry, TopicPartition(one.topic, one.partition or 0)))
    if offsets is not None:
        text = change(OffsetMetadata.decode(offsets.metadata)).encode()
        offsets = replace(offsets, metadata=text)
    return found, offsets


FIRST_PLANTS: Mapping[str, MakeBus] = {
    "the offset is committed after its transaction": OffsetApart,
    "the offset is committed before its transaction": OffsetFirst,
    "nobody is fenced": NoFence,
    "a lane is opened without an epoch": NoEpoch,
    "a lane is opened without a proof of membership": NoProof,
    "the bitmap is dropped": NoBitmap,
    "the pointer is moved past live records": PointerTooFar,
    "no intent is written": NoIntent,
    "one key stands for two records": OneKeyForTwo,
    "a producer is used again after a doubtful commit": SameProducer,
    "a journal is read until nothing comes": UntilEmpty,
    "answers are never looked at": AnswersSkipped,
    "answers are passed over before they are judged": AnswersPassedOver,
    "copying forward leaves intents out": CopiesLeaveIntentsOut,
    "what has ended is not removed": NothingIsTidied,
    "a licence does not grow old while its process is frozen": ClocksStop,
    "handoffs of one key run side by side": NoKeys,
    "ids are made by chance": RandomIds,
    "answers wait in the mailboxes": AnswersInMailboxes,
}
