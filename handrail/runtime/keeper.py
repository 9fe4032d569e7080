"""The single writer of memory: reads the commands, writes what is remembered.

Each partition of `memory.commands` is decided on by one process, which writes the same partition
of every space's topic and of the history, answers the askers, and tells the ledger, all in one
transaction with how far it has read. A topic of memory that would lose records is refused by name.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from handrail.bus.port import NOT_ALLOWED, Bus
from handrail.contract.memory import Memory
from handrail.errors.memory import (
    CommandsCut,
    MemoryShrunk,
    NotCompacted,
    TooManyPartitions,
)
from handrail.errors.topics import PartitionsFixed, TopicsMissing
from handrail.errors.transport import TopicAway
from handrail.ledger.event_record import LEDGER
from handrail.ledger.task_record import TASKS
from handrail.runtime.clock import Clock
from handrail.runtime.closed_topics import ClosedTopics
from handrail.runtime.keeper_book import KeeperBook
from handrail.runtime.keeper_known import Known, wanted_topics
from handrail.runtime.single_writer import BATCH_RECORDS_MAX, SingleWriter
from handrail.runtime.single_writer_partition import WriterPlan
from handrail.wire.limits import MEMORY_PARTITIONS_MAX
from handrail.wire.memory import COMMANDS, HISTORY, space_topic
from handrail.wire.record import Record

KEEPER: Final = "keeper"
_POLICY: Final = "cleanup.policy"


def keeper(
    bus: Bus,
    namespace: str,
    spaces: Mapping[str, Memory[Any]],
    clock: Clock,
    *,
    batch_records_max: int = BATCH_RECORDS_MAX,
) -> SingleWriter:
    """Make a member of the keeper's group; any number of processes may run one.

    Its `run` raises NotCompacted, TooManyPartitions, PartitionsFixed or TopicsMissing for topics
    that it may not write to, PartitionsFixed too once partitions were added while it runs, and
    CommandsCut or MemoryShrunk for those of which something is missing.
    """
    known = Known(closed=ClosedTopics(lambda: clock.now_ms() / 1000))
    own = tuple(space_topic(name) for name in sorted(spaces))
    needed = {f"{namespace}.{name}" for name in (*own, COMMANDS, HISTORY, LEDGER)}

    async def learn(records: Sequence[Record]) -> None:
        await known.seek(wanted_topics(namespace, records), bus.admin.topics)

    def may_go(away: TopicAway) -> bool:
        # Whatever is known of it by now: another partition may have looked meanwhile.
        topic = str(away.topic)
        if topic not in needed and away.facts["reason"] == NOT_ALLOWED:
            known.closed.refused(topic)
        return topic not in needed

    plan = WriterPlan(
        namespace=namespace,
        name=KEEPER,
        reads=COMMANDS,
        owns=own,
        learn=learn,
        may_go=may_go,
        cut=CommandsCut,
        shrunk=MemoryShrunk,
    )

    async def look() -> None:
        counts = await known.learn(bus.admin.topics)
        commands = f"{namespace}.{COMMANDS}"
        # First of all: what was added to is not to be taken for the count of the others.
        if known.is_counted and known.partitions != counts.get(commands, known.partitions):
            raise PartitionsFixed(topic=commands, found=counts[commands], wanted=known.partitions)
        await check_topics(bus, namespace, own, counts)
        known.partitions, known.is_counted = counts[commands], True
        undeclared = await undeclared_spaces(bus, namespace, own, counts)
        known.undeclared = [topic for topic in undeclared if not known.closed.is_left_out(topic)]

    return SingleWriter(
        bus,
        plan,
        lambda partition: KeeperBook(namespace, partition, spaces, known),
        clock,
        batch_records_max=batch_records_max,
        look=look,
    )


async def check_topics(
    bus: Bus, namespace: str, own: Sequence[str], counts: Mapping[str, int]
) -> None:
    """Raise unless every topic of memory is there, and made as the keeper needs it."""
    topics = [f"{namespace}.{name}" for name in own]
    missing = {f"{namespace}.{COMMANDS}", f"{namespace}.{HISTORY}", *topics} - counts.keys()
    if missing:
        raise TopicsMissing(count=len(missing), topics=", ".join(sorted(missing)))
    commands = f"{namespace}.{COMMANDS}"
    if counts[commands] > MEMORY_PARTITIONS_MAX:
        most = MEMORY_PARTITIONS_MAX
        raise TooManyPartitions(topic=commands, count=counts[commands], most=most)
    for topic in (*topics, f"{namespace}.{HISTORY}"):
        await _check_count(bus, topic, counts[topic], counts[commands])
    settings = await bus.admin.topic_settings(topics)
    for topic in topics:
        policy = settings.get(topic, {}).get(_POLICY, "delete")
        if policy != "compact":
            raise NotCompacted(topic=topic, policy=f"{_POLICY}={policy}")


async def _check_count(bus: Bus, topic: str, found: int, wanted: int) -> None:
    """Raise where a command leads to no partition, or a record stands where none leads to."""
    if found > wanted:
        # A key is in the same partition of all of them: the keeper names it, so that none comes
        # into those beyond. Records are there once the commands had as many partitions.
        offsets = await bus.admin.offsets(topic)
        if not any(end for partition, (_, end) in offsets.items() if partition >= wanted):
            return
    if found != wanted:
        raise PartitionsFixed(topic=topic, found=found, wanted=wanted)


async def undeclared_spaces(
    bus: Bus, namespace: str, own: Sequence[str], counts: Mapping[str, int]
) -> Sequence[str]:
    """Give the topics of spaces that were declared once, as the broker names them."""
    prefix = f"{namespace}.{space_topic('')}"
    if {f"{prefix}{LEDGER}", f"{prefix}{TASKS}"} <= counts.keys():
        return ()  # another team has a namespace of its own below our name
    known = {f"{namespace}.{name}" for name in (*own, COMMANDS, HISTORY)}
    count = counts[f"{namespace}.{COMMANDS}"]
    found = [
        name
        for name in sorted(counts.keys() - known)
        # No space has a dot in its name: another team's topics may lie deeper below our name.
        if name.startswith(prefix) and "." not in name[len(prefix) :] and counts[name] >= count
    ]
    if not found:
        return ()
    settings = await bus.admin.topic_settings(found)
    return [name for name in found if name in settings and settings[name].get(_POLICY) == "compact"]
