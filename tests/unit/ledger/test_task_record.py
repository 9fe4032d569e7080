"""A row can be read back whole, and each end is announced once and in the right words."""

import json

import pytest

from handrail.errors.ledger import StateBroken
from handrail.ledger.event import Event
from handrail.ledger.task_record import (
    Announced,
    TaskEnd,
    TaskRow,
    decode_end,
    decode_row,
    encode_end,
    encode_row,
    end_due,
    glance,
)
from handrail.ledger.task_state import TaskFacts, TaskState, fold
from handrail.wire.record import Outgoing, Record
from tests.unit.ledger.test_task_state import STATES
from tests.unit.ledger.told import TASK, Story, folded


def read(out: Outgoing) -> Record:
    return Record(out.topic, out.partition or 0, 5, 0, out.key, out.value, out.headers)


@pytest.mark.parametrize("name", STATES)
def test_a_row_is_read_back_as_it_was_written(name: str) -> None:
    facts = folded(*STATES[name][2])
    row = TaskRow(facts, 17, Announced("s1", TaskState.FAILED, 2))

    record = read(encode_row(row, "ns.tasks", 3))

    assert decode_row(record) == row
    assert glance(record) == (facts.task_id, facts.ended_ms, 17)


def test_a_row_says_in_plain_fields_what_people_ask_for() -> None:
    s = Story()
    facts = folded(s.accepted(reference="invoice-7"), s.finished("s1", "r1@results/result"))

    out = encode_row(TaskRow(facts, 2), "ns.tasks", 3)

    body = json.loads(out.value or b"")
    shown = ("task", "state", "why", "waiting_for", "open", "reference", "result")
    assert {name: body[name] for name in shown} == {
        "task": TASK,
        "state": "completed",
        "why": "Completed.",
        "waiting_for": [],
        "open": 0,
        "reference": "invoice-7",
        "result": {"topic": "results", "key": "invoice-7", "id": "r1"},
    }
    assert (out.partition, out.key) == (3, TASK.encode())


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"task": 1, "folded_to": "x"}', None])
def test_a_foreign_record_among_the_rows_is_named(value: bytes | None) -> None:
    record = Record("ns.tasks", 1, 9, 0, b"k", value)

    with pytest.raises(StateBroken):
        glance(record)
    with pytest.raises(StateBroken, match="offset 9"):
        decode_row(record)


def test_an_end_lies_under_the_callers_reference_and_is_told_from_a_result() -> None:
    reference = b"key-\xff".decode("utf-8", "surrogateescape")
    record = read(encode_end(folded(Story().rejected(reference=reference)), "ns.results"))

    assert record.key == b"key-\xff"
    assert decode_end(record) == TaskEnd(
        TASK, TaskState.REJECTED, "Refused at the intake (schema): It is not JSON."
    )
    assert decode_end(Record("ns.results", 0, 0, 0, b"k", b'{"any": "result"}')) is None


class Book:
    """Announces as the registrar does, one event at a time."""

    def __init__(self) -> None:
        self.facts: TaskFacts | None = None
        self.announced: Announced | None = None
        self.ends: list[str] = []

    def take(self, *events: Event) -> list[str]:
        for event in events:
            self.facts = fold(self.facts, event)
            due = end_due(TaskRow(self.facts, 0, self.announced))
            if due is not None:
                self.announced = due
                self.ends.append(str(due.state))
        return self.ends


def test_a_completed_task_with_a_result_has_no_end_but_its_result() -> None:
    s, book = Story(), Book()

    assert book.take(s.accepted(), s.finished("s1", "r@results/result")) == []


def test_a_completed_task_without_a_result_is_announced_once() -> None:
    s, book = Story(), Book()

    assert book.take(s.accepted(), s.finished(), s.submitted(), s.submitted()) == ["completed"]


def test_a_result_that_came_after_a_failure_does_not_stay_the_last_word() -> None:
    s, book = Story(), Book()
    book.take(s.accepted(), s.finished("s1", "h1@q", "h2@q"), s.dead("h1", topic="q"))

    ends = book.take(s.finished("h2", "r@results/result", topic="q"))

    assert ends == ["failed", "failed"]


def test_a_redriven_task_whose_result_was_written_over_says_so() -> None:
    s, book = Story(), Book()
    first = s.finished("s1", "h1@q", "r@results/result")
    book.take(s.accepted(), first, s.dead("h1", topic="q"))

    ends = book.take(s.redriven("h1"), s.finished("h1", topic="q"))

    assert ends == ["failed", "completed"]
    assert book.facts is not None
    assert "before it had failed" in str(decode_end(read(encode_end(book.facts, "r"))))


def test_a_redriven_task_that_fails_again_is_announced_no_second_time() -> None:
    s, book = Story(), Book()

    ends = book.take(s.accepted(), s.dead(), s.redriven("s1"), s.dead())

    assert ends == ["failed"]


def test_each_opening_of_a_reference_has_its_own_end() -> None:
    s, book = Story(), Book()

    ends = book.take(s.accepted(), s.finished(), s.accepted("s2"), s.finished("s2"))

    assert ends == ["completed", "completed"]


def test_two_refusals_of_one_reference_are_two_ends() -> None:
    s, book = Story(), Book()

    assert book.take(s.rejected("s1"), s.rejected("s2")) == ["rejected", "rejected"]
