"""Shows records of any topic as far as they can be read; nothing that stands there stops it."""

import sys
from typing import Any

import orjson

from handrail.cli.output import Column, inert
from handrail.cli.rows import RecordRow
from handrail.wire.record import Headers, Record
from handrail.wire.rfc3339 import rfc3339

SHOWN_CHARS_MAX = 300
COLUMNS = (
    Column("TIME", "time"),
    Column("WHERE", "partition", right=True),
    Column("OFFSET", "offset", right=True),
    Column("KEY", "key", absent="–"),
    Column("TYPE", "type", absent="–"),
    Column("VALUE", "value", absent="(tombstone)"),
)


def record_row(record: Record) -> RecordRow:
    """Give a record with its value decoded as JSON, else as text."""
    return RecordRow(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        time=rfc3339(record.timestamp_ms),
        key=readable(record.key),
        type=readable(record.header("ce_type")),
        task=readable(record.header("ce_taskid")),
        value=value_of(record.value),
        headers=readable_headers(record.headers),
    )


def value_of(value: bytes | None) -> Any:  # noqa: ANN401  # whatever JSON holds
    """Give the value of a record: JSON, else text with what is no UTF-8 escaped; None as it is."""
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return readable(value)


def readable(raw: bytes | None) -> str | None:
    """Give bytes as text; what is no UTF-8 is shown as escapes."""
    return None if raw is None else raw.decode("utf-8", "backslashreplace")


def readable_headers(headers: Headers) -> dict[str, str]:
    """Give headers as text."""
    return {name: readable(value) or "" for name, value in headers}


def line_of(row: RecordRow) -> str:
    """Give one record on one line for people."""
    kind = f" {row.type}" if row.type else ""
    key = f" {row.key}" if row.key else ""
    return inert(f"{row.time[11:23]} {row.topic}[{row.partition}]@{row.offset}{kind}{key} ") + (
        value_line(row.value)
    )


def value_line(value: Any) -> str:  # noqa: ANN401  # whatever JSON holds
    """Give a value on one line; on a terminal a long one is cut, with its length beside it."""
    if value is None:
        return "(tombstone)"
    text = inert(value if isinstance(value, str) else orjson.dumps(value).decode())
    if not sys.stdout.isatty() or len(text) <= SHOWN_CHARS_MAX:
        return text
    return f"{text[:SHOWN_CHARS_MAX]}… ({len(text)})"
