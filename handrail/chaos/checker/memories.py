"""I10: memory is what its commands come to, and every replica is a fold of its log.

Each command is decided on once and answered once; each version follows from the command that it
names and from the version before it; what the topics of the spaces hold is the end of the history;
what a process held in a file is what the topics said up to where it had read. Counters are counted
again: from their commands, and from the invocations that had ended.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from handrail.chaos.checker.reading import ANSWERS, Reading, reading
from handrail.chaos.checker.violation import Violation, at
from handrail.chaos.history import History, Replica
from handrail.errors.memory import MemoryRecordInvalid
from handrail.ledger.event import Finished
from handrail.ledger.memory_event import MANY_KEYS, MemoryRefused, MemoryWritten
from handrail.memory.applying import DoesNotFitError, applied
from handrail.runtime.single_writer_partition import END_KEY
from handrail.wire.memory import (
    APPLIED_KEY,
    COMMANDS,
    COMMUTATIVE,
    FORGOTTEN_PREFIX,
    HISTORY,
    HOLD_PREFIX,
    Command,
    Op,
    StoredRecord,
    key_in_words,
    space_topic,
)
from handrail.wire.record import Record

NAME = "I10"
Place = tuple[int, int]  #: partition and offset of a command
Key = tuple[str, str]  #: space and full key


def memory_is_the_fold_of_its_log(history: History) -> Iterable[Violation]:
    """Judge everything that is left of memory; a team without any breaks nothing."""
    if not history.committed(COMMANDS):
        return
    here = _Memory(history)
    yield from _each_command_once(here)
    yield from _versions_follow(here)
    yield from _spaces_are_the_end_of_the_history(here)
    yield from _counters_are_exact(here)
    for one in history.replicas:
        yield from _replica_is_a_fold(here, one)
        yield from _replica_holds_the_history(here, one)


@dataclass(slots=True)
class _Memory:
    """The topics of memory, decoded."""

    history: History
    here: Reading = field(init=False)
    commands: dict[Place, tuple[Record, Command]] = field(init=False)
    versions: dict[Key, list[tuple[Record, StoredRecord]]] = field(init=False)
    written: dict[Place, list[MemoryWritten]] = field(init=False)
    refused: Counter[Place] = field(init=False)

    def __post_init__(self) -> None:
        self.here = reading(self.history)
        self.commands = {}
        for record in self.history.committed(COMMANDS):
            try:
                command = Command.decode(record.value)
            except MemoryRecordInvalid:
                continue  # it is no command, and the keeper says so
            self.commands[record.partition, record.offset] = record, command
        self.versions = defaultdict(list)
        for record in self.history.committed(HISTORY):
            stored = StoredRecord.decode(record.value)
            self.versions[stored.space, stored.key].append((record, stored))
        self.written, self.refused = defaultdict(list), Counter()
        for told in self.here.told:
            event = told.event
            if isinstance(event, MemoryWritten) and event.op not in MANY_KEYS:
                self.written[event.partition, event.offset].append(event)
            elif isinstance(event, MemoryRefused):
                self.refused[event.partition, event.offset] += 1


def _each_command_once(here: _Memory) -> Iterator[Violation]:
    ids = Counter(record.header("ce_id") for record, _ in here.commands.values())
    heard = Counter(
        record.header("ce_for")
        for topic in here.history.topics()
        if topic.endswith(ANSWERS)
        for record in here.history.committed(topic)
    )
    settled = here.history.run.settled
    for place, (record, command) in here.commands.items():
        name = f"{command.op} of {command.space}/{key_in_words(command.key)}"
        if ids[record.header("ce_id")] > 1:
            yield Violation(NAME, f"the command {name} was sent twice", at(record))
        count = len(here.written.get(place, ())) + here.refused[place]
        if command.op in MANY_KEYS:
            continue
        if count > 1 or (settled and count == 0):
            yield Violation(NAME, f"{name} was decided on {count} times", at(record))
        answers = heard[record.header("ce_id")] if record.header("ce_replyto") else 1
        if answers > 1 or (settled and answers == 0):
            yield Violation(NAME, f"{name} was answered {answers} times", at(record))


def _versions_follow(here: _Memory) -> Iterator[Violation]:
    told = {
        (event.partition, event.offset): event.version
        for events in here.written.values()
        for event in events
        if not event.unchanged
    }
    for (space, key), versions in here.versions.items():
        before: tuple[Record, StoredRecord] | None = None
        for record, stored in versions:
            name = f"{space}/{key_in_words(key)}@{stored.version}"
            number = 1 if before is None else before[1].version + 1
            if stored.version != number:
                yield Violation(NAME, f"{name} stands where version {number} belongs", at(record))
            digest = None if before is None else _digest(before[0].value)
            if stored.previous != digest:
                yield Violation(NAME, f"{name} does not follow from the one before it", at(record))
            known = here.commands.get((record.partition, stored.applied))
            if (
                known is not None
                and known[1].op not in MANY_KEYS
                and not _on_the_way(known[1], stored)
            ):
                if told.pop((record.partition, stored.applied), None) != stored.version:
                    yield Violation(NAME, f"the ledger does not say {name}", at(record))
                if known[1].key == key and not _comes_of(known[1], stored, before):
                    sentence = f"{name} is not what its command makes of what was there"
                    yield Violation(NAME, sentence, at(known[0], record))
            elif known is None and stored.agent != "keeper":
                yield Violation(NAME, f"{name} was written by no command", at(record))
            before = record, stored
    for (partition, offset), version in told.items():
        sentence = f"the ledger says version {version}, and the history has none"
        yield Violation(NAME, sentence, (f"{COMMANDS}[{partition}]@{offset}",))


def _on_the_way(command: Command, stored: StoredRecord) -> bool:
    """Say whether a version is a removal of the keeper's that only stands after this command."""
    return stored.removed and (command.space, command.key) != (stored.space, stored.key)


def _comes_of(
    command: Command, stored: StoredRecord, before: tuple[Record, StoredRecord] | None
) -> bool:
    """Say whether a version is what its command makes of the version before it."""
    if command.op is not Op.PUT and command.op not in COMMUTATIVE:
        return True
    old = None if before is None else before[1]
    gone = old is None or old.removed or old.quarantined
    expired = old is not None and old.expires_ms is not None and old.expires_ms <= stored.written_ms
    given: object = command.value
    present: object = None if gone or expired or old is None else old.value
    try:
        return bool(applied(command.op, present, given) == stored.value)
    except DoesNotFitError:
        return False


def _spaces_are_the_end_of_the_history(here: _Memory) -> Iterator[Violation]:
    for space in sorted({space for space, _ in here.versions}):
        last = {
            record.key: record
            for record in here.history.committed(space_topic(space))
            if _is_a_record(record)
        }
        for (of, key), versions in here.versions.items():
            if of != space:
                continue
            record, stored = versions[-1]
            there = last.pop(key.encode(), None)
            body = None if there is None else there.value
            if there is None or body != (None if stored.removed else record.value):
                sentence = f"{space}/{key_in_words(key)} is not what its history ends with"
                yield Violation(NAME, sentence, at(record, *([there] if there else [])))
        for record in last.values():
            yield Violation(NAME, f"a record of {space} has no history", at(record))


def _counters_are_exact(here: _Memory) -> Iterator[Violation]:
    added: Counter[Key] = Counter()
    others: set[Key] = set()
    for place, (_, command) in here.commands.items():
        if not any(not event.unchanged for event in here.written.get(place, ())):
            continue
        if command.op is Op.INCREMENT:
            added[command.space, command.key] += int(str(command.value))
        else:
            others.add((command.space, command.key))
    for key, total in added.items():
        versions = here.versions.get(key)
        if key in others or not versions:
            continue
        record, stored = versions[-1]
        if stored.value != total:
            sentence = (
                f"{key[0]}/{key_in_words(key[1])} says {stored.value}, and {total} were added"
            )
            yield Violation(NAME, sentence, at(record))
    yield from _counted_as_often_as_ended(here)


def _counted_as_often_as_ended(here: _Memory) -> Iterator[Violation]:
    """A number that each invocation adds one to is the number of those that ended."""
    if not here.history.run.settled:
        return
    ended: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for told in here.here.told:
        if isinstance(told.event, Finished):
            ended[told.event.agent].add((told.event.invocation, told.event.run))
    sums: Counter[str] = Counter()
    for (space, key), versions in here.versions.items():
        value = versions[-1][1].value
        if isinstance(value, int):
            sums[f"{space}/{key_in_words(key)}"] += value
    for one in here.history.run.agents:
        if one.counter and sums[one.counter] != len(ended[one.name]):
            sentence = (
                f"{one.counter} says {sums[one.counter]}, and {len(ended[one.name])} invocations of"
                f" {one.name} ended"
            )
            yield Violation(NAME, sentence)


def _replica_is_a_fold(here: _Memory, replica: Replica) -> Iterator[Violation]:
    expected: dict[Key, str] = {}
    prefix = here.history.full(space_topic(""))
    read: Mapping[tuple[str, int], int] = {(t, p): n for t, p, n in replica.read}
    for (topic, partition), end in read.items():
        if not topic.startswith(prefix) or topic == here.history.full(HISTORY):
            continue
        space = topic.removeprefix(prefix)
        for record in here.history.committed(space_topic(space)):
            if record.partition != partition or record.offset >= end or not _is_a_record(record):
                continue
            key = (space, (record.key or b"").decode())
            if record.value is None:
                expected.pop(key, None)
            else:
                expected[key] = _digest(record.value) or ""
    there = {(space, key): digest for space, key, digest in replica.rows}
    for one in sorted({*expected, *there}):
        if expected.get(one) != there.get(one):
            name = f"{one[0]}/{key_in_words(one[1])}"
            sentence = f"{replica.file} holds another {name} than its topic"
            yield Violation(NAME, sentence)


def _replica_holds_the_history(here: _Memory, replica: Replica) -> Iterator[Violation]:
    """Judge versions, each once: what `as_of` and `history` say of a key."""
    if replica.versions is None:
        return
    topic = here.history.full(HISTORY)
    ends = {partition: end for name, partition, end in replica.read if name == topic}
    forgotten = _forgotten(here)
    there = Counter((space, key, offset, sha) for space, key, offset, sha in replica.versions)
    for (space, key), versions in here.versions.items():
        read = [one for one in versions if one[0].offset < ends.get(one[0].partition, 0)]
        removed = max((record.offset for record, one in read if one.removed), default=-1)
        for record, stored in read:
            count = there.pop((space, key, record.offset, _digest(record.value) or ""), 0)
            # Nobody can open it any more, so it was let go.
            may_lack = stored.sealed and (
                record.offset < removed or key.rpartition("/")[0] in forgotten
            )
            if count > 1 or (count == 0 and not may_lack):
                name = f"{space}/{key_in_words(key)}@{stored.version}"
                sentence = f"{replica.file} holds {name} {count} times, and its history once"
                yield Violation(NAME, sentence, at(record))
    for space, key, offset, _ in there:
        sentence = f"{replica.file} holds a version of {space}/{key_in_words(key)} at {offset}"
        yield Violation(NAME, f"{sentence} that is not in its history")


def _forgotten(here: _Memory) -> frozenset[str]:
    """Name the subjects that were forgotten, as full keys begin: tenant, slash, digest."""
    return frozenset(
        (record.key or b"").removeprefix(FORGOTTEN_PREFIX).decode()
        for topic in here.history.topics()
        if topic.startswith(space_topic(""))
        for record in here.history.committed(topic)
        if (record.key or b"").startswith(FORGOTTEN_PREFIX)
    )


def _is_a_record(record: Record) -> bool:
    key = record.key or b""
    return key not in {APPLIED_KEY, END_KEY} and not key.startswith((HOLD_PREFIX, FORGOTTEN_PREFIX))


def _digest(body: bytes | None) -> str | None:
    return None if body is None else hashlib.sha256(body).hexdigest()
