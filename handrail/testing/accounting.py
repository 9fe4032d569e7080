"""Counts what became of every handoff: each was ended exactly once, or still waits.

It reads nothing but topics, so it believes no process about itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handrail.bus.port import Bus
from handrail.contract.agent import Agent
from handrail.lane.journal import (
    PROGRESS_KEY,
    STEP_KINDS,
    Entry,
    Kind,
    decode_entry,
    entry_key,
    journaled_offset,
)
from handrail.ledger.event import (
    DeadLettered,
    Discarded,
    Dropped,
    DropReason,
    Event,
    Finished,
    MarkerPassed,
    PartGathered,
    Redriven,
    Rejected,
    Wrote,
)
from handrail.ledger.event_record import LEDGER, UnknownEvent, decode
from handrail.wire.ids import id_of_foreign
from handrail.wire.record import Record, TopicPartition


async def read_all(bus: Bus, topic: str) -> list[Record]:
    """Read a whole topic, partition by partition; nothing of a topic that is not there."""
    found: list[Record] = []
    for partition, (begin, end) in sorted((await bus.admin.offsets(topic)).items()):
        where = TopicPartition(topic, partition)
        found += [record async for record in bus.fetch(where, begin, end)]
    return found


@dataclass(slots=True)
class Books:
    """What the ledger says about the ends of handoffs."""

    ended: Counter[str] = field(default_factory=Counter[str])
    given_up: Counter[str] = field(default_factory=Counter[str])
    gathered: dict[str, tuple[int, set[int]]] = field(
        default_factory=dict[str, tuple[int, set[int]]]
    )  #: gather invocation → (parts in all, parts that have come)
    wrote: list[Wrote] = field(default_factory=list[Wrote])

    def enter(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case Finished(invocation=of) | DeadLettered(invocation=of):
                self.ended[of] += 1
            case Dropped(reason=DropReason.REPEAT):
                self.wrote.extend(event.wrote)  # an answer is sent again
                return
            case Discarded(invocation=of):
                self.given_up[of] += 1  # asked anew, it begins from the start and ends again
                return
            case Dropped(ce_id=of, reason=DropReason.COPY):
                self.ended[of] = max(1, self.ended[of])  # it may be the same record once more
                return
            case Rejected(ce_id=of) | Dropped(ce_id=of) | MarkerPassed(ce_id=of):
                self.ended[of] += 1
            case Redriven(invocation=of):
                self.ended[of] -= 1  # it lives again, and is to end once more
                return
            case PartGathered(ce_id=of, gather=gather, part=part, parts=parts):
                self.ended[of] += 1
                self.gathered.setdefault(gather, (parts, set()))[1].add(part)
            case _:
                return
        if not isinstance(event, PartGathered | Rejected):
            self.wrote.extend(event.wrote)

    def has_ended(self, invocation: str) -> bool:
        """Say whether it has ended and was not sent back since."""
        return self.ended[invocation] > 0


async def unaccounted(bus: Bus, namespace: str, agents: Sequence[Agent[..., Any]]) -> list[str]:
    """Give a sentence for each handoff that was lost or doubled; none is as it should be."""
    books = Books()
    for record in await read_all(bus, f"{namespace}.{LEDGER}"):
        event = decode(record)
        if not isinstance(event, UnknownEvent):
            books.enter(event)
    too_often = {id_: n for id_, n in books.ended.items() if n > 1 + books.given_up[id_]}
    found = [f"{id_} was ended {n} times" for id_, n in too_often.items()]
    resting: set[bytes] = set()
    journals = [
        (f"{namespace}.{inbox}", await _live(bus, f"{namespace}.{lanes}.journal"))
        for agent in agents
        for inbox, lanes in zip(agent.reads.inboxes, agent.lanes, strict=True)
    ]
    for _, live in journals:
        resting |= {key for _, key in live}
    for inbox, live in journals:
        found += await _lost_on_inbox(bus, inbox, books, resting, live)
    found += _lost_gathers(books, resting)
    found += _left_of_steps(books, resting)
    found += await _wrong_on_topics(bus, namespace, books)
    return found


async def _live(bus: Bus, journal: str) -> dict[tuple[int, bytes], Entry]:
    """Give the records of a journal that are live, by partition and key."""
    live: dict[tuple[int, bytes], Entry] = {}
    for record in await read_all(bus, journal):
        entry, place = decode_entry(record), (record.partition, record.key or b"")
        if entry is None:
            live.pop(place, None)
        else:
            live[place] = entry
    return live


async def _lost_on_inbox(
    bus: Bus,
    inbox: str,
    books: Books,
    resting: set[bytes],
    journal: Mapping[tuple[int, bytes], Entry],
) -> list[str]:
    lost: list[str] = []
    for record in await read_all(bus, inbox):
        progress = journal.get((record.partition, PROGRESS_KEY))
        if progress is None:
            continue  # nobody has said that anything is finished: it waits
        low, metadata = journaled_offset(progress)
        if record.offset >= low and not metadata.done >> (record.offset - low) & 1:
            continue
        id_ = _id_of(record)
        if not books.has_ended(id_) and entry_key(id_, Kind.PARKED) not in resting:
            where = f"{inbox}[{record.partition}]@{record.offset}"
            lost.append(f"{id_} on {where} is finished, and nothing says how it ended")
    return lost


def _lost_gathers(books: Books, resting: set[bytes]) -> list[str]:
    lost: list[str] = []
    for gather, (parts, come) in books.gathered.items():
        held = any(entry_key(gather, Kind.GATHERED, part) in resting for part in come)
        if not books.has_ended(gather) and not held:
            lost.append(f"a gather of {len(come)} of {parts} parts was forgotten ({gather})")
    return lost


def _left_of_steps(books: Books, live: set[bytes]) -> list[str]:
    left: list[str] = []
    for key in sorted(live):
        invocation, kind, path = key.decode(errors="replace").rsplit("/", 2)
        if kind in STEP_KINDS and books.has_ended(invocation):
            left.append(f"{invocation} has ended, and the journal still has {kind} of step {path}")
    return left


async def _wrong_on_topics(bus: Bus, namespace: str, books: Books) -> list[str]:
    wrong: list[str] = []
    for topic, ids in _by_topic(books.wrote).items():
        records = await read_all(bus, f"{namespace}.{topic}")
        seen = Counter(_id_of(record) for record in records)
        compacted = topic == "results"  # an older result may have made room for a newer one
        cut = any(begin for begin, _ in (await bus.admin.offsets(f"{namespace}.{topic}")).values())
        lost = [id_ for id_ in ids if not seen[id_] and not compacted]
        # A lane deletes what has ended a week ago.
        wrong += [f"{id_} is not on {topic}" for id_ in lost if not (cut and id_ in books.ended)]
        told = Counter(ids)  # an answer may be given again, and each time it is told
        more = [id_ for id_, count in told.items() if seen[id_] > count]
        wrong += [f"{id_} is {seen[id_]} times on {topic}" for id_ in more]
    return wrong


def _by_topic(wrote: Iterable[Wrote]) -> dict[str, list[str]]:
    topics: dict[str, list[str]] = {}
    for record in wrote:
        topics.setdefault(record.topic, []).append(record.id)
    return topics


def _id_of(record: Record) -> str:
    own = record.header("ce_id")
    if own is not None:
        return own.decode(errors="replace")
    return id_of_foreign(record.topic, record.partition, record.offset)
