"""Planted faults around people and gathers: questions, dead letters, cancels, poison, lateness."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

from handrail.bus.in_process_consumer import InProcessTail
from handrail.bus.port import OffsetCommit
from handrail.lane.invocation import Why
from handrail.lane.journal import STEP_KINDS, Kind, decode_entry, encode_entry
from handrail.lane.resting import accepted_entry, parked_invocation
from handrail.lane.switches import CONTROL
from handrail.wire.human import HUMAN
from handrail.wire.record import Outgoing, Record, TopicPartition
from tests.simulation.planted import Planted, Write
from tests.simulation.processes import MakeBus

FAR = 1 << 40
OF_A_RUN = STEP_KINDS | {Kind.ACCEPTED}


class _LeavesOut(Planted, ABC):
    """Leaves some of what is to be committed out; a subclass says what."""

    async def commit(
        self, write: Write, records: list[Outgoing], offsets: OffsetCommit | None
    ) -> list[int]:
        """Write the rest, and say of all that it was written."""
        kept = [one for one in records if not self.is_left_out(one, records)]
        given = iter(await write(kept, offsets) if kept else ())
        return [next(given) if one in kept else 0 for one in records]

    @abstractmethod
    def is_left_out(self, one: Outgoing, records: list[Outgoing]) -> bool:
        """Say whether one of these records is to be left out."""


class NobodyIsAsked(_LeavesOut):
    """A question to a person is on the ledger, and the person has nothing to answer."""

    def is_left_out(self, one: Outgoing, records: list[Outgoing]) -> bool:
        """Leave out what stands open on the topic of the people."""
        return one.topic.endswith(f".{HUMAN}") and (one.key or b"").endswith(b"/request")


class QuestionsStayOpen(_LeavesOut):
    """What a person has answered still waits for an answer."""

    def is_left_out(self, one: Outgoing, records: list[Outgoing]) -> bool:
        """Leave out what closes a request."""
        return one.value is None and (one.key or b"").endswith(b"/request")


class SettledIsForgotten(_LeavesOut):
    """A lane does not remember which dead letters it has sent back."""

    def is_left_out(self, one: Outgoing, records: list[Outgoing]) -> bool:
        """Leave out what would remember it."""
        return b"/redriven/" in (one.key or b"")


class SentBackWithNothing(_LeavesOut):
    """What is sent back has forgotten what it had recorded."""

    def is_left_out(self, one: Outgoing, records: list[Outgoing]) -> bool:
        """Leave the outcomes out of a transaction that takes a dead letter back."""
        takes_back = any(b"/redriven/" in (other.key or b"") and other.value for other in records)
        return takes_back and b"/outcome/" in (one.key or b"") and one.value is not None


class DiesWithoutTrace(_LeavesOut):
    """What has died leaves no dead letter."""

    def is_left_out(self, one: Outgoing, records: list[Outgoing]) -> bool:
        """Leave the dead letters out."""
        return one.topic.endswith(".dead")


class NobodyRan(_LeavesOut):
    """The journal does not say what runs, so that nobody knows what has killed a process."""

    def is_left_out(self, one: Outgoing, records: list[Outgoing]) -> bool:
        """Leave out who was started."""
        return b"/accepted/" in (one.key or b"") and one.value is not None


class SentBackHasBegun(Planted):
    """What is sent back counts as begun before its handler was started."""

    async def commit(
        self, write: Write, records: list[Outgoing], offsets: OffsetCommit | None
    ) -> list[int]:
        """Put the start of what is taken back on record, as of one that waits for a pause."""
        takes_back = any(b"/redriven/" in (one.key or b"") and one.value for one in records)
        more = [_as_begun(one) for one in records if takes_back and _rests(one)]
        return (await write([*records, *more], offsets))[: len(records)]


def _rests(one: Outgoing) -> bool:
    return f"/{Kind.PARKED}/".encode() in (one.key or b"") and one.value is not None


def _as_begun(one: Outgoing) -> Outgoing:
    journal = TopicPartition(one.topic, one.partition or 0)
    entry = decode_entry(Record(*journal, 0, 0, one.key, one.value, one.headers))
    assert entry is not None
    found = parked_invocation(entry)
    found.why = Why.PAUSED
    begun = accepted_entry(found, entry.epoch, entry.agent_version, entry.written_ms)
    return encode_entry(begun, journal)


class GathersForgetTheirBegin(Planted):
    """Whoever opens a lane finds its gathers open, whatever their handlers have done."""

    async def fetch(self, where: TopicPartition, start: int, end: int) -> AsyncGenerator[Record]:
        """Read of a gather no more than its parts, which are waited for without an end."""
        gathers: set[str] = set()
        async for record in super().fetch(where, start, end):
            entry = decode_entry(record) if where.topic.endswith(".journal") else None
            if entry is not None and entry.kind is Kind.GATHERED:
                gathers.add(entry.invocation)
                facts = {**entry.facts, "closes_ms": entry.facts["until_ms"]}
                out = encode_entry(replace(entry, facts=facts), where)
                yield replace(record, headers=out.headers)
            elif entry is None or entry.invocation not in gathers or entry.kind not in OF_A_RUN:
                yield record


class NobodyHearsOfCancels(Planted):
    """Processes read what people have switched as it was at their start, and no further."""

    async def tail(self, positions: Mapping[TopicPartition, int]) -> InProcessTail:
        """Read past everything that is to come."""
        control = all(where.topic.endswith(f".{CONTROL}") for where in positions)
        return await super().tail(dict.fromkeys(positions, FAR) if control else positions)


MORE_PLANTS: Mapping[str, MakeBus] = {
    "a person is asked apart from the intent": NobodyIsAsked,
    "what a person has answered stays open": QuestionsStayOpen,
    "a lane forgets which dead letters it has sent back": SettledIsForgotten,
    "what is sent back forgets its outcomes": SentBackWithNothing,
    "what has died leaves no dead letter": DiesWithoutTrace,
    "the journal does not say what runs": NobodyRan,
    "what is sent back counts as begun": SentBackHasBegun,
    "a gather forgets that it has begun": GathersForgetTheirBegin,
    "nobody hears of a cancel": NobodyHearsOfCancels,
}
