"""What came of a step whose process has let go of the lane, on its way to the lane's new owner.

It names the very attempt that it is about, so that it says nothing about any other, however often
it is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import orjson

from handrail.errors.wire import MessageInvalid
from handrail.wire.codec import JSON_TYPE, encode_time
from handrail.wire.record import Headers, Outgoing, Record

LATE_OUTCOME_TYPE: Final = "handrail_late_outcome.v1"
FACTS_HEADER: Final = "handrail-outcome"
STATE_HEADER: Final = "handrail-state"
BESIDE_HEADER: Final = "handrail-beside"
AS_TEXT: Final = "latin-1"  #: any bytes are a text in it


class LateState(StrEnum):
    """What became of the attempt."""

    ENDED = "ended"  #: with a result or an error, which it brings
    NOT_BEGUN = "not_begun"  #: its process let go before it began
    CUT_OFF = "cut_off"  #: its process could not let it end; nobody knows what came of it


@dataclass(frozen=True, slots=True)
class Beside:
    """An event of the ledger that goes with the outcome, in one transaction."""

    key: bytes
    value: bytes
    headers: Headers

    def on(self, topic: str) -> Outgoing:
        """Give its record."""
        return Outgoing(topic, self.key, self.value, self.headers)


def beside_of(records: Sequence[Outgoing]) -> tuple[Beside, ...]:
    """Give what goes with an outcome as it travels."""
    return tuple(Beside(one.key or b"", one.value or b"", one.headers) for one in records)


@dataclass(frozen=True, slots=True)
class LateOutcome:
    """One attempt of one step. `facts` are those of an OUTCOME; its body is there or claimed."""

    invocation: str
    path: str
    attempt: int
    state: LateState
    facts: Mapping[str, object] = field(default_factory=dict[str, object])
    body: bytes | None = None
    begun_in: int | None = None
    """The lane's epoch in its intent, where it has not begun. Nobody knows then whether the intent
    was ever written: another owner may have given the same number to an attempt of its own."""
    beside: tuple[Beside, ...] = ()
    """What the ledger is told with it: whoever takes it in may never run its handler again."""

    def outgoing(self, topic: str, partition: int, now_ms: int) -> Outgoing:
        """Give the record for the answers of the lane. The body has to fit into a record."""
        about = f"{self.invocation}/{self.path}/{self.attempt}"
        facts = {**self.facts, "body": self.body is not None, "begun_in": self.begun_in}
        headers: Headers = (
            ("ce_specversion", b"1.0"),
            ("ce_type", LATE_OUTCOME_TYPE.encode()),
            ("ce_for", about.encode()),
            ("ce_time", encode_time(now_ms).encode()),
            ("content-type", JSON_TYPE.encode()),
            (STATE_HEADER, self.state.encode()),
            (FACTS_HEADER, orjson.dumps(facts)),
        )
        if self.beside:
            headers = (
                *headers,
                (BESIDE_HEADER, orjson.dumps([_as_json(one) for one in self.beside])),
            )
        return Outgoing(topic, self.invocation.encode(), self.body or b"{}", headers, partition)

    @classmethod
    def from_record(cls, record: Record) -> "LateOutcome":
        """Read one; raises a WireError when the record is none."""
        try:
            about = (record.header("ce_for") or b"").decode()
            invocation, path, attempt = about.rsplit("/", 2)
            facts = dict(orjson.loads(record.header(FACTS_HEADER) or b""))
            state = LateState((record.header(STATE_HEADER) or b"").decode())
            body = record.value if facts.pop("body", False) else None
            if state is LateState.ENDED and not isinstance(facts["ok"], bool):
                raise ValueError(about)
            begun_in = facts.pop("begun_in", None)
            if begun_in is not None and not isinstance(begun_in, int):
                raise ValueError(about)
            beside = tuple(map(_from_json, orjson.loads(record.header(BESIDE_HEADER) or b"[]")))
            return cls(invocation, path, int(attempt), state, facts, body, begun_in, beside)
        except (ValueError, KeyError, TypeError) as error:
            detail = "it is no late outcome"
            raise MessageInvalid(topic="answers", type=LATE_OUTCOME_TYPE, detail=detail) from error


def _as_json(one: Beside) -> tuple[str, str, list[tuple[str, str]]]:
    headers = [(name, value.decode(AS_TEXT)) for name, value in one.headers]
    return one.key.decode(AS_TEXT), one.value.decode(AS_TEXT), headers


def _from_json(fields: Sequence[Any]) -> Beside:
    key, value, headers = fields
    read = tuple((str(name), str(text).encode(AS_TEXT)) for name, text in headers)
    return Beside(str(key).encode(AS_TEXT), str(value).encode(AS_TEXT), read)
