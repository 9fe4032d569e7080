"""Writes a history into its folder and reads it back; `history` describes the files.

Guarantees: what `write` wrote, `read` gives back equal; a record that both readers saw is one, and
what only the uncommitted reader saw below the last stable offset counts as aborted. A line that
cannot be read raises HistoryBroken, except for a last one that was cut off.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from handrail.chaos.history import (
    FORMAT,
    Effect,
    Fate,
    Fault,
    GroupOffset,
    History,
    Replica,
    Rerun,
    Run,
    Seen,
    Submission,
    Watermark,
)
from handrail.errors.chaos import HistoryBroken
from handrail.wire.record import Record, TopicPartition

T = TypeVar("T")

RUN_FILE: Final = "run.json"
COMMITTED_FILE: Final = "committed.jsonl"
UNCOMMITTED_FILE: Final = "uncommitted.jsonl"
WATERMARKS_FILE: Final = "watermarks.jsonl"
OFFSETS_FILE: Final = "offsets.jsonl"
EFFECTS_FILE: Final = "effects.jsonl"
FAULTS_FILE: Final = "faults.jsonl"
SUBMISSIONS_FILE: Final = "submissions.jsonl"
RERUNS_FILE: Final = "reruns.jsonl"
REPLICAS_FILE: Final = "replicas.jsonl"

Fact = Watermark | GroupOffset | Effect | Fault | Submission | Rerun | Replica


def line_of(fact: Fact | Run) -> bytes:
    """Give a fact as a line of JSON."""
    return orjson.dumps(asdict(fact), option=orjson.OPT_APPEND_NEWLINE)


def record_line(record: Record, seen_ms: int | None = None) -> bytes:
    """Give a record as a line of JSON, its bytes in base64."""
    fields: dict[str, object] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "time_ms": record.timestamp_ms,
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }
    if seen_ms is not None:
        fields["seen_ms"] = seen_ms
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def write(history: History, folder: Path) -> None:
    """Write a whole history into a folder, over what lies there."""
    folder.mkdir(parents=True, exist_ok=True)
    write_run(history.run, folder)
    everything = [seen for log in history.records.values() for seen in log]
    committed = [one for one in everything if one.fate is Fate.COMMITTED]
    for name, records in ((COMMITTED_FILE, committed), (UNCOMMITTED_FILE, everything)):
        lines = (record_line(one.record, one.seen_ms) for one in records)
        (folder / name).write_bytes(b"".join(lines))
    facts: tuple[tuple[str, Iterable[Fact]], ...] = (
        (WATERMARKS_FILE, history.watermarks),
        (OFFSETS_FILE, history.offsets),
        (EFFECTS_FILE, history.effects),
        (FAULTS_FILE, history.faults),
        (SUBMISSIONS_FILE, history.submissions),
        (RERUNS_FILE, history.reruns),
        (REPLICAS_FILE, history.replicas),
    )
    for name, those in facts:
        (folder / name).write_bytes(b"".join(map(line_of, those)))


def write_run(run: Run, folder: Path) -> None:
    """Write the head of a history, all of it or nothing."""
    draft = folder / f"{RUN_FILE}.draft"
    draft.write_bytes(orjson.dumps(asdict(run), option=orjson.OPT_INDENT_2))
    draft.replace(folder / RUN_FILE)


def read(folder: Path) -> History:
    """Read a history. Raises HistoryBroken."""
    run = _run(folder)
    watermarks = _facts(folder, WATERMARKS_FILE, Watermark)
    return History(
        run=run,
        records=_records(folder, watermarks),
        watermarks=watermarks,
        offsets=_facts(folder, OFFSETS_FILE, GroupOffset),
        effects=_facts(folder, EFFECTS_FILE, Effect),
        faults=_facts(folder, FAULTS_FILE, Fault),
        submissions=_facts(folder, SUBMISSIONS_FILE, Submission),
        reruns=_facts(folder, RERUNS_FILE, Rerun),
        replicas=_facts(folder, REPLICAS_FILE, Replica),
    )


_READERS: Final[dict[Any, TypeAdapter[Any]]] = {
    cls: TypeAdapter[Any](cls)
    for cls in (Run, Watermark, GroupOffset, Effect, Fault, Submission, Rerun, Replica)
}


def _run(folder: Path) -> Run:
    try:
        data = (folder / RUN_FILE).read_bytes()
        run: Run = _READERS[Run].validate_json(data)
    except (OSError, ValidationError) as error:
        raise _broken(folder, RUN_FILE, 1, error) from error
    if run.format != FORMAT:
        detail = f"it has format {run.format}, and this version reads format {FORMAT}"
        raise HistoryBroken(folder=str(folder), file=RUN_FILE, line=1, detail=detail)
    return run


def _facts(folder: Path, name: str, cls: type[T]) -> list[T]:
    found: list[T] = []
    for number, line in _lines(folder, name):
        try:
            found.append(_READERS[cls].validate_json(line))
        except ValidationError as error:
            raise _broken(folder, name, number, error) from error
    return found


def _lines(folder: Path, name: str) -> Iterable[tuple[int, bytes]]:
    """Give the lines with their numbers; one that has no end was cut off and is left out."""
    path = folder / name
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n") and not line.isspace():
                yield number, line


def _records(folder: Path, watermarks: Iterable[Watermark]) -> Mapping[TopicPartition, list[Seen]]:
    committed = _partitions(folder, COMMITTED_FILE)
    stable: dict[TopicPartition, int] = {}
    for mark in watermarks:
        where = TopicPartition(mark.topic, mark.partition)
        stable[where] = max(mark.stable, stable.get(where, 0))
    for where, there in committed.items():
        # What was read as committed lay below the last stable offset.
        stable[where] = max(max(there, default=-1) + 1, stable.get(where, 0))
    found: dict[TopicPartition, list[Seen]] = {}
    everything = _partitions(folder, UNCOMMITTED_FILE)
    for where in sorted({*committed, *everything}):
        taken = committed.get(where, {})
        undone = {o: one for o, one in everything.get(where, {}).items() if o not in taken}
        below = stable.get(where, 0)
        log = [Seen(one, Fate.COMMITTED, ms) for one, ms in taken.values()]
        log += [
            Seen(one, Fate.ABORTED if one.offset < below else Fate.OPEN, ms)
            for one, ms in undone.values()
        ]
        found[where] = sorted(log, key=lambda seen: seen.record.offset)
    return found


def _partitions(
    folder: Path, name: str
) -> dict[TopicPartition, dict[int, tuple[Record, int | None]]]:
    found: dict[TopicPartition, dict[int, tuple[Record, int | None]]] = {}
    for number, line in _lines(folder, name):
        try:
            fields = orjson.loads(line)
            record = _record(fields)
            seen_ms = fields.get("seen_ms")
        except (ValueError, KeyError, TypeError) as error:
            raise _broken(folder, name, number, error) from error
        log = found.setdefault(record.where, {})
        before = log.get(record.offset)
        # A reader that starts over reads the same again; two records in one place are no history.
        if before is not None and before[0] != record:
            detail = f"offset {record.offset} of {record.where} was read with two contents"
            raise HistoryBroken(folder=str(folder), file=name, line=number, detail=detail)
        log.setdefault(record.offset, (record, seen_ms))
    return found


def _record(fields: Mapping[str, Any]) -> Record:
    return Record(
        topic=str(fields["topic"]),
        partition=int(fields["partition"]),
        offset=int(fields["offset"]),
        timestamp_ms=int(fields["time_ms"]),
        key=_bytes(fields["key"]),
        value=_bytes(fields["value"]),
        headers=tuple((str(name), _bytes(value) or b"") for name, value in fields["headers"]),
    )


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


def _broken(folder: Path, name: str, line: int, error: Exception) -> HistoryBroken:
    return HistoryBroken(
        folder=str(folder), file=name, line=line, detail=" ".join(str(error).split())[:300]
    )
