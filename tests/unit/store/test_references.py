"""What a lane keeps of references: whole below an offset, given up where that cannot be known."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from handrail.errors import StoreDamaged, StoreUnusable
from handrail.store.references import (
    LAYOUTS,
    Batch,
    Extent,
    ReferenceFile,
    ReferenceTable,
    Seen,
)
from handrail.store.sqlite import Database

LONG_AGO_MS = -1


def seen(number: int, time_ms: int = 5) -> Seen:
    return Seen(b"task %011d" % number, time_ms, b"record")


def batch(
    start: int, upto: int, rows: Sequence[tuple[int, Seen]], older_than_ms: int = LONG_AGO_MS
) -> Batch:
    return Batch(start, Extent(upto, upto - 1, b"mark %d" % upto), rows, older_than_ms)


@pytest.fixture
def table() -> Iterator[ReferenceTable]:
    made = ReferenceTable()
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lanes" / "one.sqlite"


@pytest.fixture
def file(path: Path) -> Iterator[ReferenceFile]:
    made = ReferenceFile(path)
    made.begin_at(0)
    yield made
    made.close()


def test_what_one_lane_wrote_the_next_one_takes_over(
    file: ReferenceFile, path: Path, table: ReferenceTable
) -> None:
    many = 5_001
    assert file.write(batch(0, many, [(n, seen(n)) for n in range(many)]))
    assert file.write(batch(many, many + 1, [(many, seen(0, time_ms=9))]))

    successor = ReferenceFile(path)
    extent = successor.copy_to(table, LONG_AGO_MS)
    successor.close()

    assert extent == Extent(many + 1, many, b"mark %d" % (many + 1))
    assert table.count() == many
    assert (table.get(seen(0).task), table.get(seen(7).task)) == (seen(0, time_ms=9), seen(7))
    assert table.get(b"another") is None


def test_an_empty_file_covers_nothing(file: ReferenceFile, table: ReferenceTable) -> None:
    assert file.copy_to(table, LONG_AGO_MS) is None
    assert (file.extent(), table.count()) == (None, 0)


def test_a_file_that_is_no_database_is_set_aside_and_begun_anew(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\x00no database at all" * 500)

    file = ReferenceFile(path)

    assert file.extent() is None
    (aside,) = path.parent.glob("*.damaged-*")
    assert aside.read_bytes().startswith(b"\x00no database")
    file.close()


def test_a_page_that_is_damaged_is_found_by_the_copy_and_the_next_file_is_whole(
    file: ReferenceFile, path: Path, table: ReferenceTable
) -> None:
    file.write(batch(0, 5_000, [(n, seen(n)) for n in range(5_000)]))
    file.close()
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + b"\xff" * 40_000 + whole[middle + 40_000 :])
    damaged = ReferenceFile(path)

    with pytest.raises(StoreDamaged):
        damaged.copy_to(table, LONG_AGO_MS)

    damaged.begin_at(0)
    assert damaged.write(batch(0, 1, [(0, seen(0))]))
    assert damaged.count() == 1
    damaged.close()


def test_what_would_leave_a_gap_is_refused(file: ReferenceFile) -> None:
    file.write(batch(0, 10, [(3, seen(3))]))

    assert not file.write(batch(11, 20, [(15, seen(15))]))
    assert (file.count(), (file.extent() or Extent(0, 0, b"")).upto) == (1, 10)


def test_a_lane_that_has_lost_its_partition_overwrites_nothing_that_came_later(
    file: ReferenceFile, path: Path, table: ReferenceTable
) -> None:
    file.write(batch(0, 10, [(3, seen(3, time_ms=3))]))
    successor = ReferenceFile(path)
    successor.copy_to(table, LONG_AGO_MS)
    table.close()
    successor.write(batch(10, 30, [(20, seen(3, time_ms=20))]))

    late = file.write(batch(10, 15, [(12, seen(3, time_ms=12))]))
    further = file.write(batch(15, 40, [(16, seen(3, time_ms=16)), (35, seen(4, time_ms=35))]))
    successor.copy_to(table, LONG_AGO_MS)
    successor.close()

    assert (late, further) == (True, True)
    assert table.get(seen(3).task) == seen(3, time_ms=20)
    assert table.get(seen(4).task) == seen(4, time_ms=35)


def test_who_filled_a_file_that_another_has_begun_anew_fills_it_no_more(
    file: ReferenceFile, path: Path
) -> None:
    file.write(batch(0, 10, [(3, seen(3))]))
    other = ReferenceFile(path)
    other.begin_at(10)

    assert not file.write(batch(10, 20, [(15, seen(15))]))
    assert (other.count(), other.extent()) == (0, None)
    other.close()


def test_what_is_older_than_a_day_is_swept_from_file_and_table(
    file: ReferenceFile, table: ReferenceTable
) -> None:
    file.write(batch(0, 100, [(n, seen(n, time_ms=n)) for n in range(100)]))
    table.put([seen(n, time_ms=n) for n in range(100)], LONG_AGO_MS)

    file.write(batch(100, 101, [(100, seen(100, time_ms=100))], older_than_ms=89))
    table.put([seen(100, time_ms=100)], 89)

    assert (file.count(), table.count()) == (11, 11)


def test_what_is_older_than_a_day_is_not_taken_over(
    file: ReferenceFile, table: ReferenceTable
) -> None:
    file.write(batch(0, 100, [(n, seen(n, time_ms=n)) for n in range(100)]))

    file.copy_to(table, 94)

    assert table.count() == 5


def test_a_file_that_another_program_keeps_locked_is_not_waited_for_long(path: Path) -> None:
    ReferenceFile(path).close()
    other = Database.open(path, LAYOUTS)
    file = ReferenceFile(path)

    with (
        other.transaction(),
        pytest.raises(StoreUnusable, match="another process has kept it locked"),
    ):
        file.begin_at(0)

    other.close()
    file.close()
