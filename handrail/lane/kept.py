"""What an invocation had recorded by the time it died, as the bytes that its dead letter claims.

Guarantee: `KeptJournal.decode` gives back exactly the journal records that `encode` was given, in
their order, or raises a WireError.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from handrail.errors import JournalBroken
from handrail.errors.wire import MessageInvalid
from handrail.lane.journal import Entry, Kind, decode_entry, encode_entry
from handrail.wire.record import Record, TopicPartition

FORM = 1
_NOWHERE = TopicPartition("kept", 0)


@dataclass(frozen=True, slots=True)
class KeptJournal:
    """The records of one invocation, and the first step of each of its further runs."""

    invocation: str
    runs: tuple[int, ...]
    entries: Sequence[Entry]

    @property
    def parts(self) -> list[Entry]:
        """The parts of the fan-out that it had gathered; none when it is no gather."""
        return [entry for entry in self.entries if entry.kind is Kind.GATHERED]

    @property
    def message(self) -> Record | None:
        """The message as it lay in the inbox."""
        held = [entry.snapshot for entry in self.entries if entry.kind is Kind.PARKED]
        return held[0] if held else None

    def encode(self) -> bytes:
        """Give it as bytes."""
        records: list[dict[str, object]] = []
        for entry in self.entries:
            sent = encode_entry(entry, _NOWHERE)
            records.append(
                {
                    "key": (sent.key or b"").decode(),
                    "value": _text(sent.value or b""),
                    "headers": [[name, _text(value)] for name, value in sent.headers],
                }
            )
        facts = {"form": FORM, "invocation": self.invocation, "runs": [*self.runs]}
        return orjson.dumps({**facts, "records": records})

    @classmethod
    def decode(cls, body: bytes) -> "KeptJournal":
        """Read what `encode` gave."""
        try:
            fields: Any = orjson.loads(body)
            if fields["form"] != FORM:
                raise ValueError(fields["form"])
            records = [
                Record(
                    _NOWHERE.topic,
                    0,
                    place,
                    0,
                    str(one["key"]).encode(),
                    _bytes(one["value"]),
                    tuple((str(name), _bytes(value)) for name, value in one["headers"]),
                )
                for place, one in enumerate(fields["records"])
            ]
            entries = [entry for entry in map(decode_entry, records) if entry is not None]
            runs = tuple(int(step) for step in fields["runs"])
            return cls(str(fields["invocation"]), runs, entries)
        except (KeyError, TypeError, ValueError, JournalBroken) as error:
            raise MessageInvalid(
                topic="blobs", type="dlq.journal", detail=f"it is no kept journal: {error!r:.200}"
            ) from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: object) -> bytes:
    return base64.b64decode(str(text), validate=True)
