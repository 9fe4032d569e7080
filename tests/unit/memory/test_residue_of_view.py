"""What was forgotten is in no file of a view any more: no row, no index, no log, no snapshot."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from handrail.errors.store import StoreDamaged
from handrail.memory.reading import Reader
from handrail.memory.snapshot import take_snapshot
from handrail.memory.tables import LAYOUTS
from handrail.memory.versions import every_version, hold_on, holds_of_subject
from handrail.memory.view import View
from handrail.runtime.memory_folder import MemoryFolder
from handrail.store.sqlite import Database
from handrail.wire.memory import FORGOTTEN_PREFIX, Command, Op, StoredRecord, full_key
from tests.unit.memory.written import NAMESPACE, TENANT, Written

#: The middle of each is looked for, since an index stores only how a word differs from the one
#: before it.
CANARIES = ("quxotlisk", "vambrexil", "jyrkpolth")
SUBJECT = "d1g3st"


class Keys:
    """A store of keys of one subject; the clear values lie beside it, as a cipher would hold."""

    def __init__(self) -> None:
        self.there = True
        self.clear: dict[str, object] = {}

    def seal(self, value: object) -> str:
        text = f"sealed-{len(self.clear)}"
        self.clear[text] = value
        return text

    def open(self, record: StoredRecord) -> StoredRecord | None:
        if not record.sealed:
            return record
        if not self.there:
            return None
        return replace(record, value=self.clear[str(record.value)], sealed=False)


def residue(folder: Path) -> dict[str, int]:
    """Count the canaries in every file below a folder."""
    found: dict[str, int] = {}
    for path in folder.rglob("*"):
        content = path.read_bytes().lower() if path.is_file() else b""
        count = sum(content.count(word[2:-1].encode()) for word in CANARIES)
        if count:
            found[path.name] = count
    return found


def personal(topics: Written, keys: Keys, number: int, text: str) -> str:
    full = full_key(TENANT, f"profile/{number}", subject=SUBJECT)
    return topics.put("people", "", keys.seal({"text": text}), full=full, sealed=True)


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[MemoryFolder]:
    folder = MemoryFolder(tmp_path)
    yield folder
    folder.close()


def test_a_forgotten_word_is_in_no_file_of_the_folder(keys: Keys, folder: MemoryFolder) -> None:
    path = folder.claim()
    topics = Written()
    fulls = [
        personal(topics, keys, number, f"{number} lives by the river {CANARIES[number % 3]}")
        for number in range(120)
    ]
    for number in range(60):  # many are written again, so that there are former pages too
        personal(topics, keys, number, f"{number} moved to {CANARIES[number % 3]} bridge")
    for number in range(50):
        topics.put("people", f"river/{number}", {"text": "a bridge over the river"})
    view = View(path, NAMESPACE, ["people"], keys.open)
    view.take(topics.records(), view.beginning())
    take_snapshot(path, folder.snapshots, NAMESPACE)
    leave_a_file_that_nobody_holds(folder)
    before = residue(folder.path)

    keys.there = False
    for full in fulls:
        topics.remove("people", "", full=full)
    view.take(topics.records(), view.beginning())
    assert view.is_purge_due()
    folder.remove_unheld()
    purged = view.purge()

    assert set(before) >= {"view-1.db-wal", "snapshot-1.db", "view-2.db"}
    assert purged
    assert residue(folder.path) == {}
    assert not view.is_purge_due()
    assert view.database.rows("SELECT count(*) FROM version WHERE sealed = 1") == [(0,)]
    assert view.database.rows("SELECT count(*) FROM record") == [(50,)]
    view.close()
    assert residue(folder.path) == {}


def test_a_crash_before_the_purge_is_made_up_for_by_whoever_opens_the_file(
    keys: Keys, folder: MemoryFolder
) -> None:
    path = folder.claim()
    topics = Written()
    full = personal(topics, keys, 1, f"lives by the river {CANARIES[0]}")
    view = View(path, NAMESPACE, ["people"], keys.open)
    view.take(topics.records(), view.beginning())
    keys.there = False
    topics.remove("people", "", full=full)
    view.take(topics.records(), view.beginning())
    left = residue(folder.path)

    other = View(path, NAMESPACE, ["people"], keys.open)

    assert left
    assert other.is_purge_due()
    assert other.purge()
    assert residue(folder.path) == {}
    view.close()
    other.close()


def test_words_of_a_record_that_was_only_removed_can_be_restored_from_its_history(
    keys: Keys, folder: MemoryFolder
) -> None:
    topics = Written()
    full = personal(topics, keys, 1, f"lives by the river {CANARIES[0]}")
    view = View(folder.claim(), NAMESPACE, ["people"], keys.open)
    topics.remove("people", "", full=full)

    view.take(topics.records(), view.beginning())

    assert view.database.rows("SELECT count(*) FROM version WHERE sealed = 1") == [(1,)]
    assert view.purge()
    assert residue(folder.path) == {}
    view.close()


def test_a_sealed_value_lies_sealed_in_every_row(keys: Keys, folder: MemoryFolder) -> None:
    topics = Written()
    personal(topics, keys, 1, f"lives by the river {CANARIES[0]}")
    view = View(folder.claim(), NAMESPACE, ["people"])

    view.take(topics.records(), view.beginning())

    assert residue(folder.path) == {}
    view.close()


def leave_a_file_that_nobody_holds(folder: MemoryFolder) -> None:
    copy = folder.path / "view-2.db"
    (snapshot,) = folder.snapshots.glob("*.db")
    copy.write_bytes(snapshot.read_bytes())


def test_a_forgotten_person_of_whom_a_view_holds_nothing_leaves_the_files_beside_it(
    keys: Keys, folder: MemoryFolder
) -> None:
    path = folder.claim()
    topics = Written()
    personal(topics, keys, 1, f"lives by the river {CANARIES[0]}")
    with_people = View(path, NAMESPACE, ["people"], keys.open)
    with_people.take(topics.records(), with_people.beginning())
    with_people.close()
    take_snapshot(path, folder.snapshots, NAMESPACE)
    folder.remove()
    view = View(path, NAMESPACE, ["facts"], keys.open)
    view.purge()
    before = residue(folder.path)

    topics.put("facts", "order/1", {"text": "paid"})
    first, *_ = [record for record in topics.records() if record.topic == "ns.memory.facts"]
    said = Command(op=Op.FORGET, space="", key=SUBJECT, by="person:ada")
    key = FORGOTTEN_PREFIX + f"{TENANT}/~{SUBJECT}".encode()
    view.take([replace(first, key=key, value=said.encode())], view.beginning())

    assert list(before) == ["snapshot-1.db"]
    assert view.unreadable_count() == 0
    assert view.is_purge_due()
    folder.remove_unheld()
    assert residue(folder.path) == {}
    view.close()


def test_as_long_as_a_word_is_left_the_file_says_that_it_has_to_go(
    keys: Keys, folder: MemoryFolder
) -> None:
    path = folder.claim()
    topics = Written()
    full = personal(topics, keys, 1, f"lives by the river {CANARIES[0]}")
    view = View(path, NAMESPACE, ["people"], keys.open)
    view.take(topics.records(), view.beginning())
    keys.there = False
    topics.remove("people", "", full=full)
    view.take(topics.records(), view.beginning())
    somebody, other = Database.open(path, LAYOUTS), Database.open(path, LAYOUTS)
    somebody.execute("BEGIN")
    somebody.rows("SELECT * FROM state")

    with ThreadPoolExecutor(max_workers=1) as beside:
        purging = beside.submit(view.purge)
        said = set[object]()
        while not purging.done():
            said.add(other.rows("SELECT purge_due FROM state")[0][0])

    assert not purging.result()
    assert said == {1}
    assert residue(folder.path)
    somebody.execute("COMMIT")
    assert view.purge()
    assert not view.is_purge_due()
    assert residue(folder.path) == {}
    for one in (view, somebody, other):
        one.close()


@pytest.mark.parametrize("beside", ["", "river/"])
def test_words_about_somebody_are_in_no_file_whatever_was_changed_before_and_in_between(
    keys: Keys, folder: MemoryFolder, beside: str
) -> None:
    path = folder.claim()
    topics = Written()
    view = View(path, NAMESPACE, ["people"], keys.open)
    for _ in range(4):  # a piece of the index each
        for number in range(60):
            personal(topics, keys, number, f"{number} lives by the river {CANARIES[number % 3]}")
        view.take(topics.records(), view.beginning())
    before = residue(folder.path)
    keys.there = False

    for number in range(60):
        topics.remove("people", "", full=full_key(TENANT, f"profile/{number}", subject=SUBJECT))
        topics.put("people", f"{beside}{number}", {"text": "a bridge"})
        view.take(topics.records(), view.beginning())

    assert before
    assert view.purge()
    assert residue(folder.path) == {}
    view.close()


@pytest.mark.parametrize("layout", range(1, len(LAYOUTS)))
def test_a_file_of_an_earlier_layout_is_emptied_of_every_word(
    keys: Keys, folder: MemoryFolder, layout: int
) -> None:
    path = folder.claim()
    topics = Written()
    fulls = [
        personal(topics, keys, number, f"{number} lives by the river {CANARIES[number % 3]}")
        for number in range(120)
    ]
    view = View(path, NAMESPACE, ["people"], keys.open)
    view.take(topics.records(), view.beginning())
    view.database.execute("DROP TABLE hold; DROP INDEX version_written" if layout == 1 else "")
    view.database.execute(f"PRAGMA user_version = {layout}")
    view.close()
    before = residue(folder.path)

    keys.there = False
    view = View(path, NAMESPACE, ["people"], keys.open)
    for full in fulls:
        topics.remove("people", "", full=full)
    view.take(topics.records(), view.beginning())
    assert view.purge()

    assert list(before) == ["view-1.db"]
    assert residue(folder.path) == {}
    view.close()


def test_a_damaged_file_is_never_set_aside_by_whoever_only_reads_it(folder: MemoryFolder) -> None:
    path = folder.claim()
    path.write_bytes(b"lives by the river " * 1_000)

    def look_for_hold(path: Path) -> object:
        return hold_on(path, SUBJECT)

    def look_for_subject(path: Path) -> object:
        return holds_of_subject(path, SUBJECT)

    def copy(path: Path) -> object:
        return take_snapshot(path, folder.snapshots, NAMESPACE)

    looks: list[Callable[[Path], object]] = [
        Reader,
        every_version,
        look_for_hold,
        look_for_subject,
        copy,
    ]
    for look in looks:
        with pytest.raises(StoreDamaged):
            look(path)

    assert list(path.parent.glob("view-*.db*")) == [path]


def test_what_lies_beside_a_file_that_is_held_goes_with_those_that_nobody_holds(
    folder: MemoryFolder,
) -> None:
    path = folder.claim()
    for suffix in ("", "-new", ".damaged-1", ".damaged-1-wal"):
        Path(f"{path}{suffix}").write_bytes(b"lives by the river")

    folder.remove_unheld()

    assert list(path.parent.glob("view-*.db*")) == [path]
