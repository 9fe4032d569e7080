"""What lies in inboxes and has not been carried out: how much, and since when."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from handrail.bus.port import Bus
from handrail.contract.team import TeamDescription
from handrail.wire.priority import Priority, with_priority
from handrail.wire.record import TopicPartition


@dataclass(frozen=True, slots=True)
class Unread:
    """One inbox in which something lies behind what its agent has done with."""

    topic: str  #: without the namespace
    agent: str
    offsets_count: int  #: at most so many records, as ends of transactions count too
    oldest_ms: int  #: when the oldest record there was written
    is_removed: bool  #: a second inbox that its topic no longer declares: nobody reads it


async def unread_inboxes(bus: Bus, namespace: str, team: TeamDescription) -> Sequence[Unread]:
    """Look at every inbox that the broker has of a team, also at second ones that were removed."""
    on_broker = await bus.admin.topics()
    found: list[Unread] = []
    for agent in sorted(team.agents, key=lambda one: one.name):
        second = with_priority(agent.reads.name, Priority.HIGH)
        for name in (agent.reads.name, second):
            if f"{namespace}.{name}" in on_broker:
                removed = name == second and not agent.reads.priorities
                one = await _unread(bus, namespace, name, agent.name, is_removed=removed)
                found += [] if one is None else [one]
    return found


async def _unread(
    bus: Bus, namespace: str, name: str, agent: str, *, is_removed: bool
) -> Unread | None:
    topic = f"{namespace}.{name}"
    committed = await bus.admin.committed(f"{namespace}.{agent}", topic)
    count = 0
    oldest: list[int] = []
    for partition, (begin, end) in (await bus.admin.offsets(topic)).items():
        known = committed.get(partition)
        low = begin if known is None else max(begin, known.offset)
        async with aclosing(bus.fetch(TopicPartition(topic, partition), low, end)) as records:
            async for record in records:
                oldest.append(record.timestamp_ms)
                count += end - low
                break
    return Unread(name, agent, count, min(oldest), is_removed) if oldest else None
