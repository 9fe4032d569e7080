"""Puts an envelope into headers and a message into bytes, and takes both out again.

Guarantees: what `encode_headers` writes, `decode_envelope` gives back, times to the millisecond;
garbage raises a `WireError` and nothing else; headers nobody knows are ignored, and of several
headers of one name the last counts. The depth of a body is judged on its bytes, before any parser
sees it.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from operator import attrgetter
from typing import Final, cast

import orjson

from handrail.errors.wire import BodyNotJson, EnvelopeInvalid, FanOutInvalid, TooDeep, TooLarge
from handrail.wire.envelope import Envelope, FanOutHeader
from handrail.wire.limits import (
    BODY_BYTES_MAX,
    HEADERS_BYTES_MAX,
    HOP_COUNT_MAX,
    JSON_DEPTH_MAX,
    PARTS_COUNT_MAX,
)
from handrail.wire.record import Headers, Record
from handrail.wire.rfc3339 import rfc3339

SPEC_VERSION: Final = b"1.0"
CONTENT_TYPE: Final = "content-type"
JSON_TYPE: Final = "application/json"
CLAIM_TYPE: Final = "application/vnd.handrail.claim+json"

#: Envelope attribute, header name; texts that travel as they are.
TEXT_HEADERS: Final = (
    ("id", "ce_id"),
    ("type", "ce_type"),
    ("source", "ce_source"),
    ("task_id", "ce_taskid"),
    ("tenant", "ce_tenant"),
    ("reference", "ce_subject"),
    ("causation_id", "ce_causationid"),
    ("budget", "ce_budget"),
    ("priority", "ce_priority"),
    ("reply_to", "ce_replyto"),
    ("answers", "ce_for"),
    ("redrive_of", "ce_redriveof"),
    ("memory_read", "ce_memread"),
    ("label", "ce_label"),
    ("plan", "ce_plan"),
    ("asked_by", "ce_askedby"),
    ("trace_parent", "traceparent"),
    ("data_schema", "ce_dataschema"),
)
_texts_of: Final = attrgetter(*(attribute for attribute, _ in TEXT_HEADERS))
REQUIRED: Final = frozenset({"id", "type", "source", "task_id", "tenant"})
_TEXT_NAMES: Final = tuple((name, attribute in REQUIRED) for attribute, name in TEXT_HEADERS)
FAN_OUT_HEADERS: Final = ("ce_gather", "ce_fanout", "ce_part", "ce_parts")
KNOWN_HEADERS: Final = frozenset(
    {name for _, name in TEXT_HEADERS}
    | set(FAN_OUT_HEADERS)
    | {"ce_specversion", "ce_time", "ce_hop", "ce_deadline", "ce_chain", CONTENT_TYPE}
)

_DIGITS_MAX: Final = 9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
TIME_MS_MAX: Final = 253_402_300_799_999  #: the last millisecond of the year 9999


def encode_time(time_ms: int) -> str:
    """Write milliseconds since 1970 as RFC 3339 in UTC; raises EnvelopeInvalid out of its years."""
    if not 0 <= time_ms <= TIME_MS_MAX:
        raise EnvelopeInvalid(header="ce_time", detail=f"{time_ms} ms is not between 1970 and 9999")
    return rfc3339(time_ms)


def decode_time(text: str, header: str = "ce_time") -> int:
    """Read RFC 3339 (any offset) as milliseconds since 1970; raises EnvelopeInvalid."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise EnvelopeInvalid(header=header, detail=f"{text[:40]!r} names no time zone")
        time_ms = (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError) as error:
        raise EnvelopeInvalid(
            header=header, detail=f"{text[:40]!r} is not a time such as 2026-01-31T12:00:00Z"
        ) from error
    if time_ms < 0:
        raise EnvelopeInvalid(header=header, detail=f"{text[:40]!r} lies before 1970")
    return time_ms


def encode_headers(envelope: Envelope, content_type: str = JSON_TYPE) -> Headers:
    """Give the headers of a message, in one fixed order, what is not set left out.

    Raises EnvelopeInvalid for an attribute that cannot travel, TooLarge past HEADERS_BYTES_MAX.
    """
    headers = [("ce_specversion", SPEC_VERSION)]
    values: tuple[str | None, ...] = _texts_of(envelope)
    for (name, required), value in zip(_TEXT_NAMES, values, strict=True):
        if value:
            try:
                headers.append((name, value.encode()))
            except UnicodeEncodeError as error:
                raise EnvelopeInvalid(header=name, detail="it holds half a character") from error
        elif required:
            raise EnvelopeInvalid(header=name, detail="every message has one")
    headers.append(("ce_time", encode_time(envelope.time_ms).encode()))
    headers.append(("ce_hop", str(envelope.hop).encode()))
    if envelope.deadline_ms is not None:
        headers.append(("ce_deadline", encode_time(envelope.deadline_ms).encode()))
    if envelope.chain:
        headers.append(("ce_chain", orjson.dumps(envelope.chain)))
    if envelope.fan_outs:
        headers.extend(_encode_fan_outs(envelope.fan_outs))
    headers.append((CONTENT_TYPE, content_type.encode()))
    _check_size(headers)
    return tuple(headers)


def _check_size(headers: Iterable[tuple[str, bytes | None]]) -> None:
    size = sum([len(name) + len(value or b"") for name, value in headers])
    if size > HEADERS_BYTES_MAX:
        raise TooLarge(what_is_large="headers", size=size, limit=HEADERS_BYTES_MAX)


def is_foreign(record: Record) -> bool:
    """Say whether a record is plain: written by a client that knows nothing of CloudEvents."""
    return record.header("ce_specversion") is None


def decode_envelope(record: Record) -> Envelope:
    """Read the attributes of a message from its headers.

    Unknown headers are ignored. Raises EnvelopeInvalid for a required one that is missing and for
    one that cannot be read, FanOutInvalid for fan-out headers that contradict one another, TooLarge
    past HEADERS_BYTES_MAX. Whether the hop count or the deadline still allow the message to be
    handled is for the lane to say.
    """
    found = {name: value for name, value in record.headers if name in KNOWN_HEADERS}
    _check_size(found.items())
    if found.get("ce_specversion") != SPEC_VERSION:
        raise EnvelopeInvalid(header="ce_specversion", detail="it must be 1.0")
    texts: dict[str, str] = {}
    for name, value in found.items():
        if value:
            try:
                texts[name] = value.decode()
            except UnicodeDecodeError as error:
                raise EnvelopeInvalid(header=name, detail="it is not UTF-8") from error
    fields = {attribute: texts.get(name) for attribute, name in TEXT_HEADERS}
    for attribute, name in TEXT_HEADERS[: len(REQUIRED)]:
        if fields[attribute] is None:
            raise EnvelopeInvalid(header=name, detail="every message has one")
    time, deadline = texts.get("ce_time"), texts.get("ce_deadline")
    return Envelope(
        **fields,  # type: ignore[arg-type]  # the required ones were just seen to be there
        time_ms=min(max(record.timestamp_ms, 0), TIME_MS_MAX)
        if time is None
        else decode_time(time),
        deadline_ms=None if deadline is None else decode_time(deadline, "ce_deadline"),
        hop=_number(texts.get("ce_hop", "0"), "ce_hop"),
        chain=_chain(texts.get("ce_chain")),
        fan_outs=_fan_outs(texts),
    )


def content_type(record: Record) -> str:
    """Give the media type of a record's body in lower case, JSON when it names none."""
    value = record.header(CONTENT_TYPE)
    return value.decode("latin-1").partition(";")[0].strip().lower() if value else JSON_TYPE


def encode_body(value: object) -> bytes:
    """Write a plain value as JSON; raises BodyNotJson, or TooLarge past BODY_BYTES_MAX."""
    try:
        body = orjson.dumps(value)
    except TypeError as error:  # orjson's JSONEncodeError is a TypeError
        raise BodyNotJson(detail=str(error)) from error
    return check_body(body)


def decode_body(body: bytes | None) -> object:
    """Read JSON into plain values; raises BodyNotJson, TooDeep or TooLarge."""
    try:
        found: object = orjson.loads(check_body(body))
    except orjson.JSONDecodeError as error:
        raise BodyNotJson(detail=str(error)) from error
    return found


def decode_object(body: bytes | None) -> dict[str, object]:
    """Read a JSON object into a dict, any other JSON as an empty one; raises like `decode_body`."""
    found = decode_body(body)
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def check_body(body: bytes | None) -> bytes:
    """Give a body back that is there, small enough and flat enough to be parsed.

    Raises BodyNotJson when there is none, TooLarge past BODY_BYTES_MAX, TooDeep past
    JSON_DEPTH_MAX. Linear in the size of the body whatever it holds.
    """
    if not body:
        raise BodyNotJson(detail="it is empty")
    if len(body) > BODY_BYTES_MAX:
        raise TooLarge(what_is_large="body", size=len(body), limit=BODY_BYTES_MAX)
    if body.count(b"[") + body.count(b"{") > JSON_DEPTH_MAX and _depth(body) > JSON_DEPTH_MAX:
        raise TooDeep(limit=JSON_DEPTH_MAX)
    return body


_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  #: as signed bytes: 1 down, 1 up


def _depth(body: bytes) -> int:
    # Escapes go first, so that every quotation mark left opens or closes a string; then every
    # second piece lies inside a string and does not count.
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = b"".join(plain.split(b'"')[::2]).translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(memoryview(brackets).cast("b")), default=0)


def _number(text: str, header: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise EnvelopeInvalid(header=header, detail=f"{text[:40]!r} is not a whole number")
    return int(text)


def _chain(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    try:
        found: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise EnvelopeInvalid(header="ce_chain", detail="it is not JSON") from error
    items = cast("list[object]", found) if isinstance(found, list) else [None]
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(items):
        raise EnvelopeInvalid(header="ce_chain", detail="it is not a list of texts")
    return texts


def _encode_fan_outs(fan_outs: tuple[FanOutHeader, ...]) -> Headers:
    columns: tuple[Callable[[FanOutHeader], object], ...] = (
        lambda f: f.gather,
        lambda f: f.fan_out,
        lambda f: f.part,
        lambda f: f.parts,
    )
    for fan_out in fan_outs:
        _check_fan_out(fan_out)
    return tuple(
        (name, ",".join(str(column(fan_out)) for fan_out in fan_outs).encode())
        for name, column in zip(FAN_OUT_HEADERS, columns, strict=True)
    )


def _fan_outs(texts: dict[str, str]) -> tuple[FanOutHeader, ...]:
    given = [texts[name].split(",") for name in FAN_OUT_HEADERS if name in texts]
    if not given:
        return ()
    if len(given) != len(FAN_OUT_HEADERS) or len({len(column) for column in given}) != 1:
        raise FanOutInvalid(detail=f"{', '.join(FAN_OUT_HEADERS)} must list equally many")
    if len(given[0]) > HOP_COUNT_MAX:
        raise FanOutInvalid(detail=f"{len(given[0])} fan-outs are open inside one another")
    fan_outs = tuple(
        FanOutHeader(gather, fan_out, _number(part, "ce_part"), _number(parts, "ce_parts"))
        for gather, fan_out, part, parts in zip(*given, strict=True)
    )
    for fan_out in fan_outs:
        _check_fan_out(fan_out)
    return fan_outs


def _check_fan_out(fan_out: FanOutHeader) -> None:
    if not fan_out.gather or not fan_out.fan_out or "," in fan_out.gather + fan_out.fan_out:
        raise FanOutInvalid(detail="a fan-out has an id and a topic on which it is gathered")
    if fan_out.parts > PARTS_COUNT_MAX:
        raise FanOutInvalid(detail=f"{fan_out.parts} parts are more than {PARTS_COUNT_MAX}")
    # A fan-out of no parts has one record that says so, under number 0.
    if not 0 <= fan_out.part < max(fan_out.parts, 1):
        raise FanOutInvalid(detail=f"there is no part {fan_out.part} of {fan_out.parts}")
