"""A handoff that will not be tried again: its original bytes, where it lay, and why it died.

Guarantees: key, partition number and body are those of the original, byte for byte; a body that
would not fit with its headers, or a key of over 64 KiB, is kept as a claim and its first 64 KiB.
Headers are replaced, never appended, and take at most 8 KiB together. `DeadLetter.from_record`
reads what `outgoing` wrote.
"""

import hashlib
import traceback
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from handrail.errors.wire import EnvelopeInvalid, WireError
from handrail.wire.claim import Claim
from handrail.wire.codec import KNOWN_HEADERS, decode_time, encode_time
from handrail.wire.limits import (
    BODY_BYTES_MAX,
    DLQ_BODY_HEAD_BYTES,
    DLQ_FACTS_BYTES_MAX,
    DLQ_HEADERS_BYTES_MAX,
    DLQ_KEY_HEAD_BYTES,
    DLQ_MESSAGE_BYTES_MAX,
    DLQ_STACK_BYTES_MAX,
    DLQ_STACK_BYTES_MIN,
)
from handrail.wire.record import Headers, Outgoing, Record
from handrail.wire.size import headers_size

PREFIXES: Final = ("dlq.", "kafka_dlt-")
_STACK: Final = "dlq.exception-stack"
_DIGITS_MAX: Final = 19  #: of a Kafka offset
_FACT_BYTES_MAX: Final = 128  #: of a fact that has no bound of its own


class Reason(StrEnum):
    """Why a handoff died; nothing else ever stands in `dlq.reason`."""

    DECODE = "decode"  #: headers or body cannot be read
    SCHEMA = "schema"  #: a type or version that the topic does not carry
    VALIDATION = "validation"  #: what came in, or what a step was given or gave, is not valid
    SIZE = "size"  #: too large or too deep
    HOP_LIMIT = "hop_limit"  #: handed on too often
    FANOUT = "fanout"  #: fan-out headers that contradict one another, or too many parts
    LATE_PART = "late_part"  #: a part that came after its gather had closed
    DEADLINE = "deadline"  #: the task's time was over
    DIVERGENCE = "divergence"  #: a re-run took another step than the recorded one
    POISON = "poison"  #: it killed its process again and again
    ATTEMPTS = "attempts"  #: the handler failed as often as it may
    UNANSWERED = "unanswered"  #: waited for an answer for as long as it said, and none came
    IN_DOUBT = "in_doubt"  #: a step failed in a way that leaves open whether it happened
    KEY_OVERFLOW = "key_overflow"  #: too many waited behind one key
    DENIED = "denied"  #: policy, tenant, budget or a person do not allow it


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a handoff died, as its lane knows it; what is None is left out of the headers."""

    reason: Reason
    agent: str
    agent_version: str
    failed_ms: int  #: when it failed last
    first_failed_ms: int | None = None  #: when it failed first, if that was earlier
    attempts: int = 1
    exception_type: str | None = None
    exception_message: str | None = None
    stack: str | None = None  #: its end is kept, where the cause stands
    step: str | None = None
    cost: str | None = None
    journal: Claim | None = None  #: what its invocation had recorded
    redrive: int = 0  #: how often it had been sent back before
    task: str | None = None  #: its task, where the record itself does not name it
    invocation: str | None = None  #: the id under which it was, or would have been, carried out
    absorbed: bool = False  #: its gather or its asker was told that it is lost

    @classmethod
    def of(
        cls,
        error: BaseException,
        *,
        agent: str,
        agent_version: str,
        failed_ms: int,
        first_failed_ms: int | None = None,
        reason: Reason | None = None,
        attempts: int = 1,
        redrive: int = 0,
    ) -> Self:
        """Describe an error; without a reason the error's own, else `attempts`."""
        own = Reason(error.reason) if isinstance(error, WireError) else Reason.ATTEMPTS
        kind = type(error)
        return cls(
            reason=own if reason is None else reason,
            agent=agent,
            agent_version=agent_version,
            failed_ms=failed_ms,
            first_failed_ms=first_failed_ms,
            attempts=attempts,
            exception_type=f"{kind.__module__}.{kind.__qualname__}",
            exception_message=str(error),
            stack="".join(traceback.format_exception(error)),
            redrive=redrive,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One dead letter: the failure, and the record that died."""

    failure: Failure
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None  #: the original one; only its head when there is a claim on it
    body: bytes | None  #: the original bytes; only their head when there is a claim
    payload_sha256: str | None  #: of the whole original body; None when it had none
    claim: Claim | None = None  #: where the whole body lies
    key_claim: Claim | None = None  #: where the whole key lies
    headers: Headers = ()  #: the original ones

    @classmethod
    def of(
        cls,
        record: Record,
        failure: Failure,
        claim: Claim | None = None,
        key_claim: Claim | None = None,
    ) -> Self:
        """Make the dead letter of a record.

        One that `needs_body_claim` or `needs_key_claim` comes with a claim on its body or key.
        """
        body, key = record.value, record.key
        return cls(
            failure=failure,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp_ms,
            key=key if key_claim is None or key is None else key[:DLQ_KEY_HEAD_BYTES],
            body=body if claim is None or body is None else body[:DLQ_BODY_HEAD_BYTES],
            payload_sha256=None if body is None else hashlib.sha256(body).hexdigest(),
            claim=claim,
            key_claim=key_claim,
            headers=tuple(h for h in record.headers if not h[0].startswith(PREFIXES)),
        )

    @property
    def task(self) -> str | None:
        """The task that it was of; None when nothing says so."""
        named = [value.decode(errors="replace") for n, value in self.headers if n == "ce_taskid"]
        return self.failure.task or next(iter(named), None)

    @property
    def where(self) -> str:
        """Where the record lay: topic/partition/offset."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def holds_all_headers(self) -> bool:
        """Say whether there is room for all the original headers, whatever the facts are."""
        beside = DLQ_FACTS_BYTES_MAX + DLQ_STACK_BYTES_MIN
        return headers_size(self.headers) + beside <= DLQ_HEADERS_BYTES_MAX

    def outgoing(self, topic: str) -> Outgoing:
        """Give the record for the topic of dead letters."""
        # A record with neither key nor body cannot be sent: an empty body stands for none.
        body = b"" if self.key is None and self.body is None else self.body
        return Outgoing(topic, self.key, body, self._all_headers(), self.partition)

    def _all_headers(self) -> Headers:
        facts = self._facts()
        room = DLQ_HEADERS_BYTES_MAX - headers_size(facts)
        stack = (self.failure.stack or "").encode(errors="replace")[-DLQ_STACK_BYTES_MAX:]
        kept = _that_fit(
            self.headers, room - min(len(stack) + len(_STACK), DLQ_FACTS_BYTES_MAX // 4)
        )
        if len(kept) < len(self.headers):
            left_out = str(len(self.headers) - len(kept)).encode()
            facts = (*facts, ("dlq.headers-left-out", left_out))
        room = DLQ_HEADERS_BYTES_MAX - headers_size(facts) - headers_size(kept) - len(_STACK)
        stack = stack[max(0, len(stack) - room) :].decode(errors="ignore").encode()
        return (*kept, *facts, (_STACK, stack)) if stack else (*kept, *facts)

    def _facts(self) -> Headers:
        failure = self.failure
        facts: tuple[tuple[str, object], ...] = (
            ("dlq.original-topic", self.topic),
            ("dlq.original-partition", self.partition),
            ("dlq.original-offset", self.offset),
            ("dlq.original-timestamp", self.timestamp_ms),
            ("dlq.reason", failure.reason),
            ("dlq.exception-type", failure.exception_type),
            ("dlq.exception-message", failure.exception_message),
            ("dlq.attempts", failure.attempts),
            ("dlq.first-failed-at", encode_time(failure.first_failed_ms or failure.failed_ms)),
            ("dlq.last-failed-at", encode_time(failure.failed_ms)),
            ("dlq.agent", failure.agent),
            ("dlq.agent-version", failure.agent_version),
            ("dlq.step", failure.step),
            ("dlq.cost", failure.cost),
            ("dlq.journal", failure.journal and failure.journal.encode().decode()),
            ("dlq.payload-sha256", self.payload_sha256),
            ("dlq.claim", self.claim and self.claim.encode().decode()),
            ("dlq.key-claim", self.key_claim and self.key_claim.encode().decode()),
            ("dlq.redrive", failure.redrive),
            ("dlq.task", failure.task),
            ("dlq.invocation", failure.invocation),
            ("dlq.absorbed", "yes" if failure.absorbed else None),
            ("kafka_dlt-original-topic", self.topic),
        )
        texts = tuple((n, _cut(n, str(v))) for n, v in facts if v is not None)
        # Spring for Apache Kafka 3.3 writes these two as big-endian integers, not as text.
        return (
            *texts,
            ("kafka_dlt-original-partition", self.partition.to_bytes(4, "big")),
            ("kafka_dlt-original-offset", self.offset.to_bytes(8, "big")),
        )

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read a dead letter; raises EnvelopeInvalid when the record is none."""
        texts = {
            name: value.decode(errors="replace")
            for name, value in record.headers
            if name.startswith("dlq.")
        }
        failure = Failure(
            reason=_reason(texts),
            agent=texts.get("dlq.agent", ""),
            agent_version=texts.get("dlq.agent-version", ""),
            failed_ms=decode_time(_need(texts, "dlq.last-failed-at"), "dlq.last-failed-at"),
            first_failed_ms=decode_time(_need(texts, "dlq.first-failed-at"), "dlq.first-failed-at"),
            attempts=_whole(texts, "dlq.attempts"),
            exception_type=texts.get("dlq.exception-type"),
            exception_message=texts.get("dlq.exception-message"),
            stack=texts.get(_STACK),
            step=texts.get("dlq.step"),
            cost=texts.get("dlq.cost"),
            journal=_claim(texts, "dlq.journal"),
            redrive=_whole(texts, "dlq.redrive"),
            task=texts.get("dlq.task"),
            invocation=texts.get("dlq.invocation"),
            absorbed=texts.get("dlq.absorbed") == "yes",
        )
        return cls(
            failure=failure,
            topic=_need(texts, "dlq.original-topic"),
            partition=_whole(texts, "dlq.original-partition"),
            offset=_whole(texts, "dlq.original-offset"),
            timestamp_ms=_whole(texts, "dlq.original-timestamp"),
            key=record.key,
            body=record.value if "dlq.payload-sha256" in texts else None,
            payload_sha256=texts.get("dlq.payload-sha256"),
            claim=_claim(texts, "dlq.claim"),
            key_claim=_claim(texts, "dlq.key-claim"),
            headers=tuple(h for h in record.headers if not h[0].startswith(PREFIXES)),
        )

    def original(self) -> Record:
        """Give the record that died; body and key are only the heads when there are claims."""
        return Record(
            self.topic,
            self.partition,
            self.offset,
            self.timestamp_ms,
            self.key,
            self.body,
            self.headers,
        )


def needs_body_claim(record: Record) -> bool:
    """Say whether the body of a record is too large to lie in its dead letter."""
    size = len(record.value or b"") + min(len(record.key or b""), DLQ_KEY_HEAD_BYTES)
    return size + DLQ_HEADERS_BYTES_MAX > BODY_BYTES_MAX


def needs_key_claim(record: Record) -> bool:
    """Say whether the key of a record is too large to lie in its dead letter."""
    return len(record.key or b"") > DLQ_KEY_HEAD_BYTES


def _that_fit(headers: Headers, room: int) -> Headers:
    """Keep the headers that fit, ours before foreign ones, small before large, in their order."""
    order = sorted(
        range(len(headers)),
        key=lambda i: (headers[i][0] not in KNOWN_HEADERS, headers_size((headers[i],))),
    )
    kept: set[int] = set()
    for i in order:
        size = headers_size((headers[i],))
        if size <= room:
            kept.add(i)
            room -= size
    return tuple(header for i, header in enumerate(headers) if i in kept)


def _cut(name: str, text: str) -> bytes:
    limits = {
        "dlq.exception-message": DLQ_MESSAGE_BYTES_MAX,
        "dlq.original-topic": 249,
        "kafka_dlt-original-topic": 249,
        "dlq.journal": 256,
        "dlq.claim": 256,
        "dlq.key-claim": 256,
    }
    data = text.encode(errors="replace")
    return data[: limits.get(name, _FACT_BYTES_MAX)].decode(errors="ignore").encode()


def _need(texts: dict[str, str], name: str) -> str:
    if name not in texts:
        raise EnvelopeInvalid(header=name, detail="every dead letter has one")
    return texts[name]


def _reason(texts: dict[str, str]) -> Reason:
    text = _need(texts, "dlq.reason")
    try:
        return Reason(text)
    except ValueError as error:
        raise EnvelopeInvalid(header="dlq.reason", detail=f"{text[:40]!r} is no reason") from error


def _whole(texts: dict[str, str], name: str) -> int:
    text = _need(texts, name)
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise EnvelopeInvalid(header=name, detail=f"{text[:40]!r} is not a whole number")
    return int(text)


def _claim(texts: dict[str, str], name: str) -> Claim | None:
    return Claim.decode(texts[name].encode()) if name in texts else None
