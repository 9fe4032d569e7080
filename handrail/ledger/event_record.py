"""The bytes of a ledger event: a CloudEvent in Kafka's binary mode, its body the event as JSON.

Encoding is on the path of every handoff and takes some microseconds. Decoding never raises:
whatever is not an event of ours becomes an `UnknownEvent`, which is counted and folded by nobody,
so that a stray record cannot stop the readers of the ledger.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, get_args

import orjson
from pydantic import TypeAdapter, ValidationError

from handrail.ledger.event import Event, event_id
from handrail.wire.record import Outgoing, Record

LEDGER = "ledger"  #: name of the ledger's topic, without the namespace
SOURCE = b"handrail/ledger"


def _type_of(cls: type) -> str:
    words = "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__)
    return f"handrail{words}.v1"


_TYPES: Final[dict[type, bytes]] = {cls: _type_of(cls).encode() for cls in get_args(Event)}
_READERS: Final[dict[bytes, TypeAdapter[Event]]] = {
    name: TypeAdapter(cls) for cls, name in _TYPES.items()
}


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """A record on the ledger that this version cannot read, and why."""

    why: str
    type: str | None = None


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(time_ms: int) -> str:
    """Give a time as RFC 3339 in UTC with milliseconds."""
    seconds, ms = divmod(time_ms, 1000)
    return f"{_second(seconds)}.{ms:03}Z"


def encode(event: Event, topic: str) -> Outgoing:
    """Make the record of an event for the ledger's topic (named as the broker names it).

    A reference that is no valid UTF-8, kept with `surrogateescape`, survives the way.
    """
    try:
        value = orjson.dumps(event)
    except TypeError:
        # orjson refuses the lone surrogates that stand for such bytes; the standard library
        # writes them as escapes.
        value = json.dumps(asdict(event)).encode()
    return Outgoing(
        topic=topic,
        key=event.task_id.encode("utf-8", "surrogateescape"),
        value=value,
        headers=(
            ("ce_specversion", b"1.0"),
            ("ce_type", _TYPES[type(event)]),
            ("ce_source", SOURCE),
            ("ce_id", event_id(event).encode("utf-8", "surrogateescape")),
            ("ce_time", rfc3339(event.time_ms).encode()),
            ("ce_tenant", event.tenant.encode("utf-8", "surrogateescape")),
            ("content-type", b"application/json"),
        ),
    )


def decode(record: Record) -> Event | UnknownEvent:
    """Read an event; a record that is none says why instead. Never raises."""
    name = record.header("ce_type")
    if name is None:
        return UnknownEvent("it has no header ce_type")
    reader = _READERS.get(name)
    if reader is None:
        return UnknownEvent("its type is not known here", name.decode("utf-8", "replace"))
    try:
        event = reader.validate_python(_loads(record.value or b""))
    except (ValueError, ValidationError, RecursionError) as error:
        return UnknownEvent(f"its body does not fit: {error}"[:500], name.decode())
    if record.key != event.task_id.encode("utf-8", "surrogateescape"):
        # Its place among the events of its task would be chance.
        return UnknownEvent("its key is not the id of its task", name.decode())
    return event


def _loads(value: bytes) -> Any:  # noqa: ANN401  # whatever JSON there is; the reader checks it
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return json.loads(value)
