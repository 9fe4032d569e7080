"""A page that is not as it was written is damage, wherever in a file or its log it lies."""

import random
import threading
from pathlib import Path

import pytest

from handrail.errors.store import StoreDamaged
from handrail.store.sqlite import Database, bring_log_in

LAYOUT = ("CREATE TABLE note (id INTEGER PRIMARY KEY, word TEXT UNIQUE, text TEXT)",)
MANY_COUNT = 20_000  #: more than SQLite keeps in memory at once


def opened(path: Path) -> Database:
    return Database.open(path, LAYOUT, is_precious=True, checks_pages=True)


def filled(path: Path, count: int) -> Database:
    database = opened(path)
    rows = [(number, f"word {number}", "x" * 300) for number in range(count)]
    with database.transaction():
        database.execute_many("INSERT INTO note VALUES (?, ?, ?)", rows)
    return database


def flip(path: Path, at: int, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


def words(path: Path) -> list[tuple[object, ...]]:
    database = opened(path)
    try:
        return list(database.rows("SELECT word, text FROM note ORDER BY word"))
    finally:
        database.close()


@pytest.mark.parametrize("seed", range(60))
def test_a_flipped_bit_is_damage_and_never_another_row(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    filled(tmp_path / "n.db", 60).close()
    # The head of the file says whether there are checksums, and is hit in every place.
    size = 100 if seed < 30 else (tmp_path / "n.db").stat().st_size
    flip(tmp_path / "n.db", dice.randrange(size), dice.randrange(8))

    with pytest.raises(StoreDamaged):
        words(tmp_path / "n.db")


@pytest.mark.parametrize("bit", range(8))
def test_a_head_that_says_that_there_are_no_checksums_is_not_believed(
    tmp_path: Path, bit: int
) -> None:
    filled(tmp_path / "n.db", 60).close()
    flip(tmp_path / "n.db", 20, bit)

    with pytest.raises(StoreDamaged):
        words(tmp_path / "n.db")


def test_a_file_that_was_begun_without_checksums_is_not_believed(tmp_path: Path) -> None:
    Database.open(tmp_path / "n.db", LAYOUT).close()

    with pytest.raises(StoreDamaged):
        opened(tmp_path / "n.db")


def test_a_copy_of_a_file_that_is_larger_than_memory_has_checksums_too(tmp_path: Path) -> None:
    database = filled(tmp_path / "n.db", MANY_COUNT)

    database.copy_to(tmp_path / "copy.db")
    database.close()

    assert len(words(tmp_path / "copy.db")) == MANY_COUNT


def test_a_page_that_is_damaged_is_not_copied(tmp_path: Path) -> None:
    filled(tmp_path / "n.db", 60).close()
    flip(tmp_path / "n.db", (tmp_path / "n.db").stat().st_size - 2_000, 3)
    database = opened(tmp_path / "n.db")

    with pytest.raises(StoreDamaged):
        database.copy_to(tmp_path / "copy.db")

    database.close()


def left_by_a_killed_process(folder: Path) -> Path:
    """Give a file of whose log all is in the file, and the log too."""
    living = folder / "living.db"
    database = filled(living, 60)
    bring_log_in(living)
    for number in range(10):
        database.execute("UPDATE note SET text = ? WHERE id = ?", (f"newer {number}", number))
    bring_log_in(living)
    for side in ("", "-wal"):
        Path(f"{folder / 'left.db'}{side}").write_bytes(Path(f"{living}{side}").read_bytes())
    database.close()
    return folder / "left.db"


def test_a_log_that_can_be_read_to_its_end_is_believed(tmp_path: Path) -> None:
    database = opened(left_by_a_killed_process(tmp_path))

    database.check_log()

    assert database.first("SELECT count(*) FROM note WHERE text LIKE 'newer%'") == (10,)
    database.close()


@pytest.mark.parametrize("at", [5, 17, 21, 40, 58, 3_000, 9_000])
def test_a_log_that_holds_commits_behind_what_cannot_be_read_is_damage(
    tmp_path: Path, at: int
) -> None:
    path = left_by_a_killed_process(tmp_path)
    flip(Path(f"{path}-wal"), at, 1)
    database = opened(path)

    with pytest.raises(StoreDamaged):
        database.check_log()

    database.close()


def test_the_log_of_a_file_that_others_write_to_meanwhile_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "n.db"
    writer = filled(path, 60)
    is_over = threading.Event()

    def write() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            writer.execute("UPDATE note SET text = ? WHERE id = ?", (f"newer {number}", number % 9))

    writing = threading.Thread(target=write, name="writer of a test")
    writing.start()
    try:
        for _ in range(200):
            Database.beside(path, LAYOUT).close()
    finally:
        is_over.set()
        writing.join()
    writer.close()


def test_who_opens_a_file_beside_others_leaves_a_log_that_cannot_be_read(tmp_path: Path) -> None:
    path = left_by_a_killed_process(tmp_path)
    log = Path(f"{path}-wal")
    flip(log, 3_000, 1)
    before = log.read_bytes()

    with pytest.raises(StoreDamaged):
        Database.beside(path, LAYOUT)
    Database.beside(path, LAYOUT, checks_log=False).close()

    assert log.read_bytes() == before
