"""A database file is shared, whole, brought up to date, and set aside when it is damaged."""

import subprocess
import sys
from pathlib import Path

import pytest

from handrail.errors.store import StoreDamaged, StoreTooNew, StoreUnusable
from handrail.store.sqlite import Database, bring_log_in

LAYOUT = ("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)",)
NEXT_LAYOUT = (*LAYOUT, "ALTER TABLE note ADD COLUMN author TEXT; CREATE TABLE tag (word TEXT)")


def test_what_one_connection_committed_the_next_one_reads(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "a" / "b.db", LAYOUT)
    with database.transaction():
        database.execute_many("INSERT INTO note VALUES (?, ?)", [(1, "one"), (2, None)])
    database.close()

    again = Database.open(tmp_path / "a" / "b.db", LAYOUT)

    assert again.rows("SELECT id, text FROM note ORDER BY id") == [(1, "one"), (2, None)]
    again.close()


def test_an_error_inside_a_transaction_leaves_nothing_of_it(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "n.db", LAYOUT)

    with pytest.raises(StoreUnusable), database.transaction():
        database.execute("INSERT INTO note VALUES (1, 'half'); INSERT INTO nowhere VALUES (1)")

    assert database.first("SELECT * FROM note") is None
    database.close()


def test_an_older_layout_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path) -> None:
    old = Database.open(tmp_path / "n.db", LAYOUT)
    old.execute("INSERT INTO note VALUES (1, 'kept')")
    old.close()

    new = Database.open(tmp_path / "n.db", NEXT_LAYOUT)

    assert new.first("SELECT id, text, author FROM note") == (1, "kept", None)
    assert new.first("SELECT count(*) FROM tag") == (0,)
    new.close()


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    Database.open(tmp_path / "n.db", NEXT_LAYOUT).close()

    with pytest.raises(StoreTooNew) as refusal:
        Database.open(tmp_path / "n.db", LAYOUT)

    assert (refusal.value.found, refusal.value.known) == (2, 1)
    assert [file.name for file in tmp_path.iterdir()] == ["n.db"]


def test_a_file_that_is_no_database_is_moved_aside_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "n.db"
    path.write_bytes(b"not a database at all" * 100)

    database = Database.open(path, LAYOUT)

    assert database.moved_aside == tmp_path / "n.db.damaged-1"
    assert database.moved_aside.read_bytes().startswith(b"not a database")
    assert database.rows("SELECT * FROM note") == []
    database.close()


def test_a_file_with_an_overwritten_table_of_contents_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "n.db"
    Database.open(path, LAYOUT).close()
    content = bytearray(path.read_bytes())
    content[100:1200] = b"\xff" * 1100
    path.write_bytes(content)

    database = Database.open(path, LAYOUT)

    assert database.moved_aside is not None
    database.close()


def test_damage_that_shows_only_in_use_is_named(tmp_path: Path) -> None:
    path = tmp_path / "n.db"
    database = Database.open(path, LAYOUT)
    with database.transaction():
        database.execute_many("INSERT INTO note VALUES (?, ?)", [(n, "x" * 500) for n in range(99)])
    database.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xee" * (len(content) - 4096)
    path.write_bytes(content)
    reopened = Database.open(path, LAYOUT)

    with pytest.raises(StoreDamaged):
        reopened.rows("SELECT * FROM note")

    reopened.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreUnusable) as refusal:
        Database.open(tmp_path / "file" / "n.db", LAYOUT)

    assert "file" in str(refusal.value.folder)


def test_a_scratch_database_holds_rows_and_leaves_no_file() -> None:
    database = Database.scratch(LAYOUT)

    with database.transaction():
        database.execute("INSERT INTO note VALUES (1, 'here')")

    assert (database.path, database.first("SELECT text FROM note")) == (None, ("here",))
    database.close()


COUNT_UP = """
import sys
from pathlib import Path
from handrail.store.sqlite import Database, bring_log_in
for _ in range(25):
    database = Database.open(Path(sys.argv[1]), (sys.argv[2],))
    with database.transaction():
        row = database.first("SELECT count(*) FROM note")
        database.execute("INSERT INTO note VALUES (?, 'n')", row)
    database.close()
"""


def test_processes_that_open_and_write_at_once_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "n.db"
    command = [sys.executable, "-c", COUNT_UP, str(path), LAYOUT[0]]

    crowd = [subprocess.Popen(command) for _ in range(4)]
    codes = [one.wait(timeout=60) for one in crowd]

    assert codes == [0, 0, 0, 0]
    database = Database.open(path, LAYOUT)
    assert database.first("SELECT count(*), max(id) FROM note") == (100, 99)
    database.close()


def test_a_log_that_is_left_alone_reaches_the_file_only_when_it_is_brought_in(
    tmp_path: Path,
) -> None:
    path = tmp_path / "n.db"
    database = Database.open(path, LAYOUT)
    before = path.read_bytes()
    database.leave_log()
    for number in range(1_200):
        database.execute("INSERT INTO note VALUES (?, ?)", (number, "x" * 4_000))
    assert database.log_pages > 1_200
    assert path.read_bytes() == before

    bring_log_in(path)
    assert len(path.read_bytes()) > 1_200 * 4_000
    database.execute("INSERT INTO note VALUES (-1, 'the log begins anew')")

    assert database.log_pages < 10
    assert database.first("SELECT count(*) FROM note") == (1_201,)
    database.close()


def test_the_log_of_a_file_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable):
        bring_log_in(tmp_path / "n.db")

    assert not (tmp_path / "n.db").exists()
