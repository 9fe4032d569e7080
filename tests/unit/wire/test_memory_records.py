"""What travels to and from the keeper is read as it was written, and garbage is one error."""

from typing import Any

import orjson
import pytest

from handrail.errors.memory import MemoryRecordInvalid
from handrail.wire.memory import (
    INT_MAX,
    Answer,
    AppliedMark,
    Command,
    Op,
    StoredRecord,
    Verdict,
)

STORED = StoredRecord(
    space="facts",
    key="acme/-/order/42",
    version=3,
    type_name="fact.v1",
    value={"lines": [1, {"note": None}]},
    applied=17,
    written_ms=1_700_000_000_000,
    agent="clerk",
    derived_from=("m-1", "facts/acme/-/order/41@2"),
    confidence=0.5,
)
MARK = AppliedMark(applied=17, spaces={"facts": 17, "scratch": 4}, history=17)
COMMAND = Command(op=Op.PUT, space="facts", key="acme/-/order/42", by="clerk", expect=0, value=[])
ANSWER = Answer(verdict=Verdict.CONFLICT, space="facts", key="k", partition=1, offset=2, version=9)


@pytest.mark.parametrize("one", [STORED, MARK, COMMAND, ANSWER], ids=lambda one: type(one).__name__)
def test_what_was_written_is_read_again(one: Any) -> None:
    assert type(one).decode(one.encode()) == one


def test_what_is_as_usual_takes_no_room() -> None:
    assert b"quarantined" not in STORED.encode()
    assert b"sealed" not in COMMAND.encode()


@pytest.mark.parametrize(
    "change",
    [
        {"version": "3"},
        {"version": True},
        {"version": INT_MAX + 1},
        {"version": None},
        {"key": 42},
        {"expires_ms": "soon"},
        {"derived_from": "m-1"},
        {"sealed": 1},
    ],
    ids=str,
)
def test_a_record_whose_facts_are_of_another_kind_is_refused(change: dict[str, object]) -> None:
    body = orjson.dumps({**orjson.loads(STORED.encode()), **change})

    with pytest.raises(MemoryRecordInvalid):
        StoredRecord.decode(body)


@pytest.mark.parametrize("body", [None, b"", b"\xff", b"[]", b"{}", b"7", b'{"space":"facts"}'])
def test_what_is_no_record_is_refused(body: bytes | None) -> None:
    for form in (StoredRecord, AppliedMark, Command, Answer):
        with pytest.raises(MemoryRecordInvalid):
            form.decode(body)


def test_a_mark_whose_offsets_are_no_numbers_is_refused() -> None:
    with pytest.raises(MemoryRecordInvalid):
        AppliedMark.decode(b'{"applied":1,"spaces":{"facts":"1"}}')


def test_what_a_later_version_adds_is_passed_over() -> None:
    body = orjson.dumps({**orjson.loads(STORED.encode()), "colour": "red"})

    assert StoredRecord.decode(body) == STORED
