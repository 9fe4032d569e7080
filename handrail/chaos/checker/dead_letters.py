"""I16: a dead letter says all that is needed to look at it and to send it back."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from handrail.chaos.checker.reading import ANSWERS, DEAD, Reading, Told, reading
from handrail.chaos.checker.violation import Harm, Violation, at
from handrail.chaos.history import Fate, Happening, History
from handrail.errors import WireError
from handrail.lane.journal import Entry, Kind
from handrail.ledger.event import Discarded, Redriven, RedriveRefused
from handrail.runtime.dead_letters import DeadId, is_about
from handrail.wire.dead_letter import DeadLetter, Failure
from handrail.wire.limits import DLQ_HEADERS_BYTES_MAX
from handrail.wire.record import Record, TopicPartition
from handrail.wire.settling import DISCARD_TYPE, REDRIVE_TYPE, Settle
from handrail.wire.size import headers_size

SETTLES = (REDRIVE_TYPE.encode(), DISCARD_TYPE.encode())
GATHER_BODY = b"["  #: the dead letter of a gather stands for several records, as one JSON list


def dead_letters_are_complete(history: History) -> Iterable[Violation]:
    """Original bytes, reason, place and times are there; a redrive is heard and repeats nothing."""
    here = reading(history)
    originals = _originals(history)
    for topic in history.topics():
        if topic.endswith(DEAD):
            for record in history.committed(topic):
                for wrong in _wrong(record, originals):
                    yield Violation("I16", f"a dead letter {wrong}", at(record))
    yield from _written_twice(here)
    yield from _claims_on_journals(here)
    yield from _asked_for_in_vain(here)
    for invocation, times in here.redriven.items():
        yield from _repeated_after(here, invocation, times[0])


def _asked_for_in_vain(here: Reading) -> Iterator[Violation]:
    """Of each letter that somebody wanted back, its lane has said what became of it."""
    if not here.history.run.settled:
        return
    told = [
        t.event for t in here.told if isinstance(t.event, Redriven | Discarded | RedriveRefused)
    ]
    for topic in here.history.topics():
        for record in here.history.committed(topic) if topic.endswith(ANSWERS) else ():
            if record.header("ce_type") not in SETTLES:
                continue
            dead = Settle.from_record(record).dead
            letter = DeadId(topic.removesuffix(ANSWERS), record.partition, dead)
            if not any(is_about(event, letter) for event in told):
                sentence = f"dead letter {letter} was asked back, and nobody took it"
                yield Violation("I16", sentence, at(record), Harm.LOST)


def _written_twice(here: Reading) -> Iterator[Violation]:
    """One record has one dead letter, and one more for each time that it was sent back."""
    found: dict[tuple[str, int, int, bytes | None], list[Record]] = {}
    for topic in here.history.topics():
        for record in here.history.committed(topic) if topic.endswith(DEAD) else ():
            place = tuple(record.header(f"dlq.original-{one}") for one in ("topic", "offset"))
            key = (str(place), record.partition, _redrives(record), record.key)
            found.setdefault(key, []).append(record)
    for same in found.values():
        if len(same) > 1:
            yield Violation("I16", "a dead letter was written twice", at(*same), Harm.DOUBLED)


def _redrives(record: Record) -> int:
    text = (record.header("dlq.redrive") or b"0").decode(errors="replace")
    return int(text) if text.isdigit() else 0


def _originals(history: History) -> Mapping[tuple[TopicPartition, int], Record]:
    return {
        (where, seen.record.offset): seen.record
        for where, log in history.records.items()
        for seen in log
        if seen.fate is Fate.COMMITTED
    }


def _wrong(record: Record, originals: Mapping[tuple[TopicPartition, int], Record]) -> Iterator[str]:
    try:
        letter = DeadLetter.from_record(record)
    except WireError as error:
        yield f"cannot be read: {error.what}"
        return
    failure = letter.failure
    yield from _missing(record, failure)
    if letter.partition != record.partition:
        yield f"lies on partition {record.partition}, its original on {letter.partition}"
    if headers_size(record.headers) > DLQ_HEADERS_BYTES_MAX:
        yield "has more headers than it may"
    if letter.claim is None and letter.body is not None:
        sha256 = hashlib.sha256(letter.body).hexdigest()
        if sha256 != letter.payload_sha256:
            yield "holds other bytes than its checksum says"
    original = originals.get((TopicPartition(letter.topic, letter.partition), letter.offset))
    stands_for_parts = (letter.body or b"").startswith(GATHER_BODY)
    if original is None or stands_for_parts:
        return
    if letter.claim is None and (letter.body or b"") != (original.value or b""):
        yield "holds another body than its original"
    if letter.key_claim is None and letter.key != original.key:
        yield "has another key than its original"


def _missing(record: Record, failure: Failure) -> Iterator[str]:
    for name in (
        "dlq.agent",
        "dlq.agent-version",
        "dlq.exception-type",
        "dlq.exception-message",
        "kafka_dlt-original-topic",
        "kafka_dlt-original-partition",
        "kafka_dlt-original-offset",
    ):
        if record.header(name) is None:
            yield f"has no header {name}"
    if failure.attempts < 1:
        yield "was tried less than once"
    if failure.first_failed_ms is not None and failure.first_failed_ms > failure.failed_ms:
        yield "failed last before it failed first"


def _claims_on_journals(here: Reading) -> Iterator[Violation]:
    """What an invocation had recorded is kept where its dead letter says."""
    blobs = here.history.full("blobs")
    known = {
        (where.partition, seen.record.key)
        for where, log in here.history.records.items()
        if where.topic == blobs
        for seen in log
        if seen.fate is Fate.COMMITTED
    }
    for topic in here.history.topics():
        if not topic.endswith(DEAD):
            continue
        for record in here.history.committed(topic):
            try:
                letter = DeadLetter.from_record(record)
            except WireError:
                continue
            for claim in (letter.failure.journal, letter.claim, letter.key_claim):
                if claim is not None and (claim.partition, claim.sha256.encode()) not in known:
                    yield Violation("I16", "a dead letter's claim leads nowhere", at(record))


def _repeated_after(here: Reading, invocation: str, redriven: Told) -> Iterator[Violation]:
    """Give the recorded steps of a redriven invocation that were asked for again."""
    recorded: dict[str, Entry] = {}
    for (of, _), entries in here.steps.items():
        if of == invocation:
            before = [
                e
                for _, e in entries
                if e.kind is Kind.OUTCOME and e.written_ms <= redriven.event.time_ms
            ]
            intents = [e for _, e in entries if e.kind is Kind.INTENT]
            if before and intents and before[-1].facts.get("ok"):
                recorded[str(intents[0].facts.get("idem_key"))] = before[-1]
    for key, outcome in recorded.items():
        for effect in here.effects.get(key, ()):
            if effect.happened is Happening.BEGUN and effect.time_ms > redriven.event.time_ms:
                sentence = f"a redrive asked again for step {outcome.path}, which was recorded"
                yield Violation("I16", sentence, at(redriven.record))
