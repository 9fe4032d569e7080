"""The bytes of a ledger event: a CloudEvent in Kafka's binary mode, its body the event as JSON.

Encoding is on the path of every handoff and takes some microseconds. Decoding never raises:
whatever is not an event of ours becomes an `UnknownEvent`, which is counted and folded by nobody,
so that a stray record cannot stop the readers of the ledger.
"""

import json
from dataclasses import asdict, dataclass, is_dataclass
from functools import cache
from typing import Any, Final, get_args

import orjson
from pydantic import TypeAdapter, ValidationError

from handrail.ledger.event import Event, event_id
from handrail.wire.record import Outgoing, Record
from handrail.wire.rfc3339 import rfc3339

LEDGER = "ledger"  #: name of the ledger's topic, without the namespace
SOURCE = b"handrail/ledger"


def _type_of(cls: type) -> str:
    words = "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__)
    return f"handrail{words}.v1"


_TYPES: Final[dict[type, bytes]] = {cls: _type_of(cls).encode() for cls in get_args(Event)}
_CLASSES: Final = {name: cls for cls, name in _TYPES.items()}


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """A record on the ledger that this version cannot read, and why."""

    why: str
    type: str | None = None


def as_bytes(text: str) -> bytes:
    """Give the bytes of a text; what was no valid UTF-8 and kept by `surrogateescape` as it was."""
    return text.encode("utf-8", "surrogateescape")


def to_json(value: object) -> bytes:
    """Write dataclasses as JSON, fast, and lone surrogates too."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # orjson 3.11 refuses lone surrogates; the standard library writes them as escapes.
        return json.dumps(value, default=_fields).encode()


def _fields(value: object) -> dict[str, object]:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(type(value).__name__)


def from_json(value: bytes) -> Any:  # noqa: ANN401  # whatever JSON there is; the reader checks it
    """Read JSON, lone surrogates too. Raises ValueError."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return json.loads(value)


def encode(event: Event, topic: str) -> Outgoing:
    """Make the record of an event for the ledger's topic (named as the broker names it).

    A reference that is no valid UTF-8, kept with `surrogateescape`, survives the way.
    """
    return Outgoing(
        topic=topic,
        key=as_bytes(event.task_id),
        value=to_json(event),
        headers=(
            ("ce_specversion", b"1.0"),
            ("ce_type", _TYPES[type(event)]),
            ("ce_source", SOURCE),
            ("ce_id", as_bytes(event_id(event))),
            ("ce_time", rfc3339(event.time_ms).encode()),
            ("ce_tenant", as_bytes(event.tenant)),
            ("content-type", b"application/json"),
        ),
    )


# Made when it is first needed: agents write events and read none.
@cache
def _reader(cls: type) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def decode(record: Record) -> Event | UnknownEvent:
    """Read an event; a record that is none says why instead. Never raises."""
    name = record.header("ce_type")
    if name is None:
        return UnknownEvent("it has no header ce_type")
    cls = _CLASSES.get(name)
    if cls is None:
        return UnknownEvent("its type is not known here", name.decode("utf-8", "replace"))
    try:
        event: Event = _reader(cls).validate_python(from_json(record.value or b""))
    except (ValueError, ValidationError, RecursionError) as error:
        return UnknownEvent(f"its body does not fit: {error}"[:500], name.decode())
    if record.key != as_bytes(event.task_id):
        # Its place among the events of its task would be chance.
        return UnknownEvent("its key is not the id of its task", name.decode())
    return event
