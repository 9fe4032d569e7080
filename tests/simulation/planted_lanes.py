"""Planted faults around lanes: how one is opened, and what keeps two priorities apart."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

from handrail.bus.in_process_consumer import InProcessTail
from handrail.bus.port import OffsetCommit
from handrail.wire.priority import HIGH_SUFFIX
from handrail.wire.record import Outgoing, Record, TopicPartition
from tests.simulation.bus import SimLaneProducer
from tests.simulation.kafka import SimBroker
from tests.simulation.loop import SimLoop
from tests.simulation.planted import SENT, Commit, Planted
from tests.simulation.processes import MakeBus
from tests.simulation.weather import Weather

ANSWERS, HIGH_ANSWERS = ".answers", f"{HIGH_SUFFIX}.answers"


class ClassesBeforeAnswers(Planted):
    """Whoever opens a lane judges what was begun first, and looks for answers a second later."""

    def __init__(self, broker: SimBroker, loop: SimLoop, weather: Weather) -> None:
        """Begin with no lane that has looked."""
        super().__init__(broker, loop, weather)
        self._to_look_later: set[TopicPartition] = set()

    def lane_producer(self, transactional_id: str) -> SimLaneProducer:  # type: ignore[override]
        """Make the one with which a lane is opened."""
        group, inbox, partition = _parts(transactional_id)
        lanes = group + (HIGH_SUFFIX if inbox.endswith(HIGH_SUFFIX) else "")
        self._to_look_later.add(TopicPartition(lanes + ANSWERS, partition))
        return super().lane_producer(transactional_id)

    async def end_offset(self, where: TopicPartition) -> int:
        """Say of the answers that there are none, when a lane looks for the first time."""
        end = await super().end_offset(where)
        if where not in self._to_look_later:
            return end
        self._to_look_later.discard(where)
        return 0


class AnswersOfTheOthers(Planted):
    """The lanes of each priority read the answers of the other one."""

    async def tail(self, positions: Mapping[TopicPartition, int]) -> InProcessTail:
        """Hear what is written for the others."""
        there = {
            _other(where) if self._has(where) else where: at for where, at in positions.items()
        }
        return await super().tail(there)

    async def fetch(self, where: TopicPartition, start: int, end: int) -> AsyncGenerator[Record]:
        """Read what was written for the others."""
        place = _other(where) if self._has(where) else where
        async for record in super().fetch(place, start, end):
            yield record

    async def end_offset(self, where: TopicPartition) -> int:
        """Say how much there is for the others."""
        return await super().end_offset(_other(where) if self._has(where) else where)

    def _has(self, where: TopicPartition) -> bool:
        return where.topic.endswith(ANSWERS) and _other(where).topic in self.sim.partitions()


class OneProducerForTwo(Planted):
    """The lanes of both priorities write under one transactional id."""

    def lane_producer(self, transactional_id: str) -> SimLaneProducer:  # type: ignore[override]
        """Make one of the name that the normal lane has."""
        return super().lane_producer(transactional_id.replace(f"{HIGH_SUFFIX}.", "."))


class PriorityIsLost(Planted):
    """What is handed on says nothing of its priority."""

    def changed(self, records: list[Outgoing], offsets: OffsetCommit | None) -> Commit:
        """Leave the header out."""
        found = [
            replace(one, headers=tuple(h for h in one.headers if h[0] != "ce_priority"))
            if one.topic.endswith(SENT)
            else one
            for one in records
        ]
        return found, offsets


def _parts(transactional_id: str) -> tuple[str, str, int]:
    """Take a name apart: group, inbox and partition; a group is a namespace and an agent."""
    namespace, agent, rest = transactional_id.split(".", 2)
    inbox, partition = rest.rsplit(".", 1)
    return f"{namespace}.{agent}", inbox, int(partition)


def _other(where: TopicPartition) -> TopicPartition:
    """Name the answers of the other priority."""
    topic = where.topic
    if topic.endswith(HIGH_ANSWERS):
        return where._replace(topic=topic.removesuffix(HIGH_ANSWERS) + ANSWERS)
    return where._replace(topic=topic.removesuffix(ANSWERS) + HIGH_ANSWERS)


PLANTS_OF_LANES: Mapping[str, MakeBus] = {
    "classes are judged before answers are read": ClassesBeforeAnswers,
    "the lanes of each priority read the answers of the other": AnswersOfTheOthers,
    "the lanes of both priorities have one producer": OneProducerForTwo,
    "priority is lost on the way": PriorityIsLost,
}
