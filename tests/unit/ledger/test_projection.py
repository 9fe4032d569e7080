"""The projection is a fold of the ledger: whole, once, shared, and the same after a refold."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.errors.ledger import FilterWrong
from handrail.ledger import queries
from handrail.ledger.event import Event
from handrail.ledger.projection import TABLES, Projection
from handrail.ledger.queries import TaskFilter, parse_filter
from handrail.ledger.task_state import TaskState
from handrail.wire.record import Record
from tests.unit.ledger.test_task_state import STATES
from tests.unit.ledger.told import Story, as_record, folded


def ledger(*stories: Sequence[Event], partition: int = 0) -> list[Record]:
    """Lay stories end to end on one partition."""
    events = [event for story in stories for event in story]
    return [as_record(event, offset, partition) for offset, event in enumerate(events)]


def every_row(projection: Projection) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: sorted(projection.database.rows(f"SELECT * FROM {table}"), key=repr)
        for table in TABLES
    }


def told_twice() -> list[Record]:
    a, b = Story("a" * 36), Story("b" * 36, start_ms=50)
    return ledger(
        [a.submitted(reference="invoice-7", text="What is it?"), a.accepted()],
        [b.accepted(), b.dead(), b.redriven("s1")],
        [a.finished("s1", "r1@results/result")],
    )


@pytest.mark.parametrize("name", STATES)
def test_the_projection_shows_each_story_as_the_fold_does(tmp_path: Path, name: str) -> None:
    projection = Projection(tmp_path / "p.db")
    events = STATES[name][2]

    projection.take(ledger(events), projection.beginning())

    assert queries.task(projection, events[0].task_id) == folded(*events)
    assert [told.event for told in queries.events(projection, events[0].task_id)] == events
    projection.close()


def test_what_was_folded_before_is_passed_over(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "p.db")
    records = told_twice()
    projection.take(records[:4], projection.beginning())
    before = every_row(projection)

    changed = projection.take(records[:4], projection.beginning())

    assert changed == frozenset()
    assert every_row(projection) == before
    projection.close()


def test_two_processes_that_fold_the_same_records_fold_each_once(tmp_path: Path) -> None:
    one, two = Projection(tmp_path / "p.db"), Projection(tmp_path / "p.db")
    alone = Projection(tmp_path / "alone.db")
    records = told_twice()

    one.take(records[:3], one.beginning())
    two.take(records, two.beginning())
    one.take(records[3:], one.beginning())
    alone.take(records, alone.beginning())

    assert every_row(one) == every_row(two) == every_row(alone)
    for projection in (one, two, alone):
        projection.close()


def test_a_file_that_was_emptied_meanwhile_takes_nothing_from_a_later_place(tmp_path: Path) -> None:
    one, two = Projection(tmp_path / "p.db"), Projection(tmp_path / "p.db")
    records = told_twice()
    beginning = one.beginning()
    one.take(records[:3], beginning)

    two.empty()

    assert one.take(records[3:], beginning) is None
    assert one.positions() == {}
    one.close()
    two.close()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_every_row_is_the_same_whatever_the_batches_were(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("p")
    parts, whole = Projection(folder / "parts.db"), Projection(folder / "whole.db")
    records = told_twice()

    whole.take(records, whole.beginning())
    rest = records
    for size in [*sizes, len(records)]:
        parts.take(rest[:size], parts.beginning())
        rest = rest[size:]

    assert every_row(parts) == every_row(whole)
    parts.close()
    whole.close()


def test_records_that_are_no_events_are_counted_and_passed_over(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "p.db")
    records = told_twice()
    stray = replace(records[1], value=b"garbage", offset=1)

    projection.take([records[0], stray, *records[2:]], projection.beginning())

    assert projection.unknown_count() == 1
    assert projection.positions()[0].next == len(records)
    projection.close()


def test_a_task_is_found_by_id_by_reference_and_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "p.db")
    projection.take(told_twice(), projection.beginning())

    found = [queries.task(projection, name) for name in ("a" * 36, "invoice-7", "aaaaaa")]

    assert [facts and facts.task_id for facts in found] == ["a" * 36] * 3
    assert queries.task(projection, "aaa") is None
    assert queries.task(projection, "nobody") is None
    projection.close()


def test_a_reference_that_is_no_utf_8_is_kept_and_found(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "p.db")
    reference = b"\xff7".decode("utf-8", "surrogateescape")

    projection.take(ledger([Story().accepted(reference=reference)]), projection.beginning())

    found = queries.task(projection, reference)
    assert found is not None
    assert found.reference == reference
    assert queries.task(projection, "\\xff7") == found
    projection.close()


def test_tasks_are_listed_by_what_is_asked_for_the_last_changed_first(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "p.db")
    projection.take(told_twice(), projection.beginning())

    def listed(where: str) -> list[str]:
        return [facts.task_id[0] for facts in queries.tasks(projection, parse_filter(where))]

    assert listed("") == ["b", "a"]
    assert listed("state=completed") == ["a"]
    assert listed("state=working,agent=planner") == ["b"]
    assert listed("agent=plan") == []
    assert listed("text=WHAT") == ["a"]
    assert listed("ended=no") == ["b"]
    assert listed("reference=invoice-7, tenant=default") == ["a"]
    projection.close()


@pytest.mark.parametrize("given_text", ["colour=red", "state", "state=sleeping", "ended=maybe"])
def test_a_filter_that_is_not_understood_says_what_may_be_asked(given_text: str) -> None:
    with pytest.raises(FilterWrong, match=r"(names are|a state is one of|yes or no)"):
        parse_filter(given_text)


def test_a_filter_is_read_into_its_conditions() -> None:
    assert parse_filter("state=failed,agent=writer") == TaskFilter(
        state=TaskState.FAILED, agent="writer"
    )


def test_work_and_dead_letters_are_listed(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "p.db")
    projection.take(told_twice(), projection.beginning())

    done = queries.work(projection, agent="planner")
    (dead,) = queries.dead_letters(projection)

    assert [(one.task_id[0], one.died) for one in done] == [("a", None), ("b", "attempts")]
    assert (dead.task_id[0], dead.reason, dead.absorbed) == ("b", "attempts", False)
    assert dead.redriven_ms is not None
    projection.close()
