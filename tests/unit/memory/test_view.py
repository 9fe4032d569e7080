"""The view is a fold of the topics: whole, once, the same whatever the batches were."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.contract.memory_reader import AsOf
from handrail.errors.store import StoreDamaged
from handrail.memory.reading import Asker, Reader
from handrail.memory.versions import hold_on
from handrail.memory.view import View
from handrail.store.subject_keys import Hold
from handrail.wire.memory import HOLD_PREFIX, Command, Op, Positions, full_key
from handrail.wire.record import Record
from tests.unit.memory.written import NAMESPACE, TENANT, Written

SPACES = ("facts", "scratch")
NOW = Asker(now_ms=10_000_000)
COMPARED = {
    "record": 'space, "key", source, place, expires_ms, found, stale, sealed, crc, body',
    "version": 'space, "key", "offset", number, written_ms, sealed, crc, body',
    "position": 'topic, partition, "next", last, mark',
    "seen": "topic, partition, applied",
    "taken": "partition, applied, body",
    "state": "unreadable",
}


@contextmanager
def view_at(path: Path, **more: Any) -> Iterator[View]:
    view = View(path, NAMESPACE, SPACES, **more)
    try:
        yield view
    finally:
        view.close()


@contextmanager
def reader_at(path: Path) -> Iterator[Reader]:
    reader = Reader(path)
    try:
        yield reader
    finally:
        reader.close()


def every_row(view: View) -> dict[str, list[tuple[object, ...]]]:
    """Give what a view says; numbers of rows are left out, which the order of arrival decides."""
    found = {
        table: sorted(view.database.rows(f"SELECT {columns} FROM {table}"), key=repr)
        for table, columns in COMPARED.items()
    }
    words = 'SELECT r."key", w.own, w.around FROM words w JOIN record r ON r.id = w.rowid'
    return {**found, "words": sorted(view.database.rows(words), key=repr)}


def take(view: View, records: Sequence[Record]) -> frozenset[str] | None:
    return view.take(records, view.beginning())


COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "remove", "refuse", "quarantine"]),
        st.sampled_from(SPACES),
        st.sampled_from([f"doc/{n}" for n in range(6)] + ["alone"]),
        st.sampled_from(["river", "bridge over the river", "a paid invoice", "7 parcels"]),
    ),
    max_size=30,
)


def written(commands: Sequence[tuple[str, str, str, str]]) -> Written:
    topics = Written()
    for op, space, key, text in commands:
        if op == "remove":
            topics.remove(space, key)
        elif op == "refuse":
            topics.refuse(space, key)
        else:
            topics.put(space, key, {"text": text}, quarantined=op == "quarantine")
    return topics


def interleaved(topics: Written, choices: Sequence[int]) -> list[Record]:
    """Give all records in one order of arrival; each partition keeps its own."""
    rest = [list(log) for log in topics]
    found: list[Record] = []
    for choice in choices:
        waiting = [log for log in rest if log]
        if waiting:
            found.append(waiting[choice % len(waiting)].pop(0))
    return found + [record for log in rest for record in log]


@given(COMMANDS, st.lists(st.integers(0, 8), max_size=60), st.lists(st.integers(1, 9), max_size=30))
@settings(max_examples=30, deadline=None)
def test_every_row_is_the_same_whatever_the_batches_and_the_order_of_arrival_were(
    tmp_path_factory: pytest.TempPathFactory,
    commands: list[tuple[str, str, str, str]],
    choices: list[int],
    sizes: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("view")
    topics = written(commands)
    with view_at(folder / "whole.db") as whole, view_at(folder / "parts.db") as parts:
        take(whole, topics.records())

        rest = interleaved(topics, choices)
        for size in [*sizes, len(rest)]:
            take(parts, rest[:size])
            rest = rest[size:]

        assert every_row(parts) == every_row(whole)
        assert parts.progress == whole.progress


@given(COMMANDS, st.lists(st.integers(1, 9), max_size=30), st.data())
@settings(max_examples=25, deadline=None)
def test_a_crash_between_or_within_batches_neither_loses_nor_doubles_a_record(
    tmp_path_factory: pytest.TempPathFactory,
    commands: list[tuple[str, str, str, str]],
    sizes: list[int],
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("view")
    topics = written(commands)
    with view_at(folder / "whole.db") as whole, view_at(folder / "crashing.db") as crashing:
        take(whole, topics.records())

        rest = topics.records()
        for size in [*sizes, len(rest) + 1]:
            if data.draw(st.booleans()):
                crash_within(crashing, rest[:size])
            take(crashing, rest[:size])
            # Whoever comes back reads the last record again, and perhaps more.
            rest = rest[max(0, size - data.draw(st.integers(0, 3))) :]

        assert every_row(crashing) == every_row(whole)


def crash_within(view: View, records: Sequence[Record]) -> None:
    """Fold a batch up to its last record, and let what was done be rolled back."""
    broken = _Breaks(records)
    with pytest.raises(RuntimeError):
        view.take(broken, view.beginning())


class _Breaks(list[Record]):
    def __iter__(self) -> Iterator[Record]:
        yield from super().__iter__()
        raise RuntimeError("as if the process had ended here")


@given(COMMANDS)
@settings(max_examples=25, deadline=None)
def test_words_that_are_indexed_afterwards_are_the_same_as_those_indexed_at_once(
    tmp_path_factory: pytest.TempPathFactory, commands: list[tuple[str, str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("view")
    topics = written(commands)
    with view_at(folder / "once.db") as once, view_at(folder / "afterwards.db") as afterwards:
        for record in topics.records():
            take(once, [record])
            afterwards.take([record], afterwards.beginning(), index=False)
        while afterwards.index_rest(2):
            pass

        assert every_row(afterwards) == every_row(once)


@given(COMMANDS, st.lists(st.integers(0, 8), max_size=60))
@settings(max_examples=30, deadline=None)
def test_a_view_that_holds_a_position_has_all_that_was_written_up_to_it(
    tmp_path_factory: pytest.TempPathFactory,
    commands: list[tuple[str, str, str, str]],
    choices: list[int],
) -> None:
    path = tmp_path_factory.mktemp("view") / "v.db"
    topics = written(commands)
    with view_at(path) as view:
        held = dict.fromkeys(topics.applied, -1)
        for record in interleaved(topics, choices):
            take(view, [record])
            for partition, last in topics.applied.items():
                applied = view.progress.applied(partition)
                assert held[partition] <= applied <= last
                held[partition] = applied
                assert seen_up_to(view, topics, partition, applied)

        assert view.holds(Positions(topics.applied))
        assert not view.holds(Positions({0: topics.applied.get(0, -1) + 1}))


def seen_up_to(view: View, topics: Written, partition: int, applied: int) -> bool:
    """Say whether every record of these commands was folded, judged by the topics alone."""
    places = view.positions()
    for where, log in topics.logs.items():
        for record in log:
            body: dict[str, Any] = orjson.loads(record.value) if record.value else {}
            mine = where.partition == partition and body.get("applied", applied + 1) <= applied
            if (
                mine
                and "spaces" not in body
                and (where not in places or places[where].next <= record.offset)
            ):
                return False
    return True


def test_what_was_folded_before_is_passed_over(tmp_path: Path) -> None:
    topics = written([("put", "facts", "doc/1", "river"), ("put", "facts", "doc/1", "bridge")])
    with view_at(tmp_path / "v.db") as view:
        take(view, topics.records())
        before = every_row(view)

        assert take(view, topics.records()) == frozenset()
        assert every_row(view) == before


def test_a_file_that_was_emptied_meanwhile_takes_nothing_from_a_later_place(
    tmp_path: Path,
) -> None:
    topics = written([("put", "facts", "doc/1", "river"), ("put", "facts", "doc/2", "river")])
    with view_at(tmp_path / "v.db") as one, view_at(tmp_path / "v.db") as two:
        beginning = one.beginning()
        two.empty()

        assert one.take(topics.records(), beginning) is None
        assert one.positions() == {}


def test_the_file_of_another_namespace_is_emptied(tmp_path: Path) -> None:
    topics = written([("put", "facts", "doc/1", "river")])
    with view_at(tmp_path / "v.db") as view:
        take(view, topics.records())

    other = View(tmp_path / "v.db", "other", SPACES)

    assert other.positions() == {}
    assert other.database.rows("SELECT * FROM record") == []
    other.close()


def test_a_space_that_is_not_declared_any_more_is_forgotten_with_its_positions(
    tmp_path: Path,
) -> None:
    topics = written([("put", "facts", "a", "river"), ("put", "scratch", "a", "river")])
    with view_at(tmp_path / "v.db") as view:
        take(view, topics.records())

    fewer = View(tmp_path / "v.db", NAMESPACE, ["facts"])

    assert {space for (space,) in fewer.database.rows("SELECT space FROM record")} == {"facts"}
    assert {where.topic for where in fewer.positions()} == {"ns.memory.facts", "ns.memory.history"}
    assert fewer.holds(Positions(topics.applied))
    fewer.close()


STRAYS: list[tuple[bytes | None, bytes | None]] = [
    (b"acme/-/doc/1", b"garbage"),
    (b"acme/-/doc/1", b"{}"),
    (b"\xff\xfe", b'{"space":"facts"}'),
    (None, b"{}"),
    (b"handrail/applied", b"{}"),
    (b"handrail/applied", None),
    (b"acme/-/doc/1", orjson.dumps({"space": "facts", "version": 2**63})),
]


@pytest.mark.parametrize(("key", "value"), STRAYS)
def test_a_record_that_nobody_can_read_is_counted_and_stalls_nothing(
    tmp_path: Path, key: bytes | None, value: bytes | None
) -> None:
    topics = written([("put", "facts", "doc/1", "river"), ("put", "facts", "doc/1", "bridge")])
    first, *rest = topics.records()
    stray = replace(first, key=key, value=value, offset=1)
    with view_at(tmp_path / "v.db") as view:
        take(view, [first, stray, *rest])

        assert view.unreadable_count() == 1
        assert view.holds(Positions(topics.applied))


def test_a_legal_hold_on_a_topic_of_records_is_no_record(tmp_path: Path) -> None:
    topics = written([("put", "facts", "doc/1", "river")])
    first = topics.records()[0]
    said = Command(op=Op.HOLD, space="", key="d1", by="person:ada", reason="case 7")
    key = HOLD_PREFIX + b"acme/~d1"
    hold = replace(first, key=key, value=said.encode(), offset=7, timestamp_ms=5)
    odd = replace(first, key=HOLD_PREFIX + b"acme/~d2", value=b'{"op":"hold"}', offset=8)
    with view_at(tmp_path / "v.db") as view:
        take(view, [*topics.records()[:2], hold, odd])

        assert view.unreadable_count() == 0
        assert view.database.rows("SELECT count(*) FROM record") == [(1,)]
        assert hold_on(view.path, "acme/~d1") == Hold("person:ada", "case 7", 5)
        assert hold_on(view.path, "acme/~d2") is not None
        assert hold_on(view.path, "acme/~d3") is None
        take(view, [replace(hold, value=None, offset=9)])
        assert hold_on(view.path, "acme/~d1") is None


def test_a_record_under_the_key_of_another_is_not_believed(tmp_path: Path) -> None:
    topics = written([("put", "facts", "doc/1", "river")])
    first = topics.records()[0]
    stray = replace(first, key=b"acme/-/doc/2", offset=1)
    with view_at(tmp_path / "v.db") as view, reader_at(tmp_path / "v.db") as reader:
        take(view, [*topics.records()[:2], replace(stray, offset=7)])

        assert reader.get("facts", full_key(TENANT, "doc/2"), NOW) is None
        assert view.unreadable_count() == 1


def test_a_row_that_was_changed_in_the_file_is_damage_and_never_an_answer(tmp_path: Path) -> None:
    topics = written([("put", "facts", "doc/1", "river")])
    key = full_key(TENANT, "doc/1")
    with view_at(tmp_path / "v.db") as view, reader_at(tmp_path / "v.db") as reader:
        take(view, topics.records())
        view.database.execute(
            "UPDATE record SET body = CAST(replace(body, 'river', 'rover') AS BLOB)"
        )

        with pytest.raises(StoreDamaged):
            reader.get("facts", key, NOW)


def test_the_present_is_given_as_of_a_time_that_its_history_does_not_reach(tmp_path: Path) -> None:
    topics = written([("put", "facts", "doc/1", "river")])
    key = full_key(TENANT, "doc/1")
    with view_at(tmp_path / "v.db") as view, reader_at(tmp_path / "v.db") as reader:
        take(view, [one for one in topics.records() if "history" not in one.topic])

        assert reader.get("facts", key, NOW, AsOf(version=1)) is not None
        assert reader.get("facts", key, NOW, AsOf(at_ms=5000)) is not None
        assert reader.get("facts", key, NOW, AsOf(at_ms=999)) is None
        assert reader.get("facts", key, NOW, AsOf(version=2)) is None
