"""Audits a team's topics after the last fault: what was lost, doubled, invented or left hanging.

Everything is read with `read_committed`, from the first record to the last. Every finding is a
sentence; an empty list is a clean book.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from handrail.bus.port import Bus
from handrail.lane.journal import STEP_KINDS, Kind, decode_entry, journaled_offset
from handrail.lane.progress import OffsetMetadata
from handrail.ledger.event import DeadLettered, Event, Finished, PartGathered
from handrail.ledger.event_record import UnknownEvent, decode
from handrail.ledger.task_record import decode_row
from handrail.ledger.task_state import TaskState
from handrail.wire.codec import decode_envelope, is_foreign
from handrail.wire.ids import fan_out_id, gather_invocation_id, handoff_id, id_of_foreign
from handrail.wire.record import Record, TopicPartition

#: agent → its inbox
INBOXES: Mapping[str, str] = {
    "splitter": "orders",
    "pricer": "pieces",
    "joiner": "prices",
    "cashier": "bills",
}
NOTHING_DONE = OffsetMetadata(journal=0, epoch=0, answers=0, done=0)
PARTS_COUNT_MAX = 16
SHOWN_COUNT_MAX = 5


@dataclass(frozen=True)
class Books:
    """Every topic of a namespace, as it stood when it was read."""

    topics: Mapping[str, Sequence[Record]]  #: name without namespace → records
    lag: Mapping[str, int]  #: agent → records of its inbox that are not finished

    def events(self) -> list[Event]:
        """Give what the ledger says."""
        found = [decode(record) for record in self.topics["ledger"]]
        return [event for event in found if not isinstance(event, UnknownEvent)]


async def read_books(bus: Bus, namespace: str) -> Books:
    """Read every topic of the namespace to its end."""
    counts = await bus.admin.topics()
    topics: dict[str, list[Record]] = {}
    for full, partitions in counts.items():
        prefix, _, name = full.partition(".")
        if prefix != namespace:
            continue
        topics[name] = []
        for partition in range(partitions):
            where = TopicPartition(full, partition)
            begin, end = await bus.begin_offset(where), await bus.end_offset(where)
            topics[name] += [record async for record in bus.fetch(where, begin, end)]
    lag = {agent: _lag(agent, topics) for agent in INBOXES}
    return Books(topics, lag)


def _lag(agent: str, topics: Mapping[str, Sequence[Record]]) -> int:
    """Count what is not finished by the word of the lanes' journals, which is what counts."""
    come: dict[int, tuple[int, OffsetMetadata]] = {}
    for record in topics[f"{agent}.journal"]:
        entry = decode_entry(record)
        if entry is not None and entry.kind is Kind.PROGRESS:
            come[record.partition] = journaled_offset(entry)
    open_count = 0
    for record in topics[INBOXES[agent]]:
        low, metadata = come.get(record.partition, (0, NOTHING_DONE))
        if record.offset >= low and not metadata.done >> (record.offset - low) & 1:
            open_count += 1
    return open_count


def audit(books: Books, numbers: Sequence[int]) -> list[str]:
    """Give everything that is wrong, after the orders of these numbers were submitted."""
    return [
        *_results(books, numbers),
        *_ids(books),
        *_gathers(books),
        *_states(books, len(numbers)),
        *_leftovers(books),
    ]


def _results(books: Books, numbers: Sequence[int]) -> list[str]:
    found = Counter(
        orjson.loads(record.value or b"")["number"]
        for record in books.topics["results"]
        if record.header("ce_type") == b"receipt.v1"
    )
    others = len(books.topics["results"]) - found.total()
    return [
        *_say("task {} has no result", sorted(set(numbers) - found.keys())),
        *_say("task {} has several results", [n for n, count in found.items() if count > 1]),
        *_say("a result for {}, which nobody asked for", sorted(found.keys() - set(numbers))),
        *([f"{others} tasks ended without a result"] if others else []),
    ]


def _ids(books: Books) -> list[str]:
    """Check that no handoff lies twice on a topic, and that each follows from a cause there is."""
    found: list[str] = []
    known: set[str] = set()
    envelopes = []
    for name in (*INBOXES.values(), "results"):
        ids: Counter[str] = Counter()
        for record in books.topics[name]:
            if is_foreign(record):
                known.add(id_of_foreign(record.topic, record.partition, record.offset))
                continue
            envelope = decode_envelope(record)
            ids[envelope.id] += 1
            known.add(envelope.id)
            envelopes.append((name, envelope))
        found += _say(f"handoff {{}} lies twice on {name}", [i for i, n in ids.items() if n > 1])
    known |= {gather_invocation_id(fan_out_id(one, 0)) for one in tuple(known)}
    for name, envelope in envelopes:
        cause = envelope.causation_id
        if cause is None:
            continue  # A submission that was forwarded keeps its id and has no cause.
        if cause not in known:
            found.append(f"{envelope.id} on {name} has a cause that is nowhere: {cause}")
        elif envelope.id not in {handoff_id(cause, 0, index=n) for n in range(PARTS_COUNT_MAX)}:
            found.append(f"{envelope.id} on {name} does not follow from its cause {cause}")
    return found


def _gathers(books: Books) -> list[str]:
    events = books.events()
    ended = Counter(event.invocation for event in events if isinstance(event, Finished))
    gathered = Counter(
        event.gathered for event in events if isinstance(event, Finished) and event.gathered
    )
    opened = {
        event.opened_fan_out
        for event in events
        if isinstance(event, Finished) and event.opened_fan_out
    }
    parts = Counter((e.fan_out, e.part) for e in events if isinstance(e, PartGathered))
    return [
        *_say("invocation {} ended twice", [i for i, count in ended.items() if count > 1]),
        *_say("fan-out {} was gathered twice", [f for f, n in gathered.items() if n > 1]),
        *_say("fan-out {} was never gathered", sorted(opened - gathered.keys())),
        *_say("part {} was counted twice", [part for part, n in parts.items() if n > 1]),
    ]


def _states(books: Books, count: int) -> list[str]:
    # The registrar marks the end that it reads up to with a record that says nothing.
    said = [record for record in books.topics["tasks"] if record.value is not None]
    rows = {row.facts.task_id: row.facts for row in map(decode_row, said)}
    return [
        *([f"{len(rows)} tasks have a state, not {count}"] if len(rows) != count else []),
        *_say(
            "task {} is not completed",
            [task for task, facts in rows.items() if facts.state is not TaskState.COMPLETED],
        ),
        *_say(
            "task {} has open records", [task for task, facts in rows.items() if facts.open != 0]
        ),
    ]


def _leftovers(books: Books) -> list[str]:
    found: list[str] = []
    for agent in INBOXES:
        if dead := len(books.topics[f"{agent}.dead"]):
            found.append(f"{agent} has {dead} dead letters")
        if books.lag[agent]:
            found.append(f"{agent} has not finished {books.lag[agent]} records")
        live: dict[bytes, Kind | None] = {}
        for record in books.topics[f"{agent}.journal"]:
            entry = decode_entry(record)
            live[record.key or b""] = entry.kind if entry else None
        resting = {Kind.GATHERED, Kind.PARKED, *STEP_KINDS}
        hanging = [kind for kind in live.values() if kind in resting]
        if hanging:
            found.append(f"{agent} still remembers {len(hanging)} of its work")
    dead = [event for event in books.events() if isinstance(event, DeadLettered)]
    return [*found, *_say("the ledger says that {} died", [event.invocation for event in dead])]


def _say(sentence: str, items: Sequence[object]) -> list[str]:
    shown = [sentence.format(item) for item in items[:SHOWN_COUNT_MAX]]
    more = len(items) - len(shown)
    return [*shown, *([f"… and {more} more like the last"] if more > 0 else [])]
