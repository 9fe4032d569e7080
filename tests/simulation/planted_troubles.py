"""Planted faults around people: questions, dead letters that are sent back, cancels, poison."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from handrail.bus.in_process_consumer import InProcessTail
from handrail.bus.port import OffsetCommit
from handrail.lane.switches import CONTROL
from handrail.wire.human import HUMAN
from handrail.wire.record import Outgoing, TopicPartition
from tests.simulation.planted import Planted, Write
from tests.simulation.processes import MakeBus

FAR = 1 << 40


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
    "nobody hears of a cancel": NobodyHearsOfCancels,
}
