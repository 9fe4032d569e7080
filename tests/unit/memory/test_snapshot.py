"""Copies of a view: the newest two stay, and nothing of one that was never finished."""

import contextlib
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from handrail.memory.snapshot import newest_snapshot, remove_snapshots, take_snapshot
from handrail.memory.view import View
from tests.unit.memory.written import NAMESPACE, Written

COUNT = 4  #: of copies that are made at once


@pytest.fixture
def view(tmp_path: Path) -> Iterator[Path]:
    topics = Written()
    topics.put("facts", "order/1", {"text": "paid"})
    view = View(tmp_path / "view-1.db", NAMESPACE, ["facts"])
    view.take(topics.records(), view.beginning())
    view.became_current(1_000, {})
    view.close()
    return tmp_path / "view-1.db"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def killed_before_its_manifest(view: Path, folder: Path) -> None:
    """Leave what a process leaves that is killed in the middle of a copy."""
    copy = take_snapshot(view, folder, NAMESPACE)
    copy.with_suffix(".json").rename(copy.with_suffix(".json.new"))
    copy.with_name(f"{copy.name}-journal").write_bytes(b"")


def test_the_newest_two_copies_are_kept(view: Path, tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"

    for _ in range(4):
        take_snapshot(view, folder, NAMESPACE)

    assert names(folder) == [f"snapshot-{n}.{end}" for n in (3, 4) for end in ("db", "json")]


def test_a_copy_that_its_process_was_killed_over_goes_with_the_next_one(
    view: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "snapshots"
    killed_before_its_manifest(view, folder)

    kept = take_snapshot(view, folder, NAMESPACE)

    assert names(folder) == ["snapshot-2.db", "snapshot-2.json"]
    assert newest_snapshot(folder, NAMESPACE, 1, 1_000) == kept


@pytest.mark.parametrize(("since_ms", "now_ms"), [(1_001, 2_000), (1, 999)])
def test_a_copy_that_is_too_old_or_from_the_future_is_not_begun_with(
    view: Path, tmp_path: Path, since_ms: int, now_ms: int
) -> None:
    folder = tmp_path / "snapshots"
    take_snapshot(view, folder, NAMESPACE)

    assert newest_snapshot(folder, NAMESPACE, since_ms, now_ms) is None


def test_copies_that_are_made_at_once_have_numbers_of_their_own(view: Path, tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    together = threading.Barrier(COUNT)

    def copied(_: int) -> Path | None:
        together.wait()
        with contextlib.suppress(FileNotFoundError):  # the others were faster
            return take_snapshot(view, folder, NAMESPACE)
        return None

    with ThreadPoolExecutor(COUNT) as threads:
        for _ in range(5):
            made = [one for one in threads.map(copied, range(COUNT)) if one is not None]

            assert len(set(made)) == len(made) >= 1
            assert newest_snapshot(folder, NAMESPACE, 1, 1_000) == max(made, key=number)


def number(path: Path) -> int:
    return int(path.stem.removeprefix("snapshot-"))


class Doomed(type(Path())):  # type: ignore[misc]  # which kind of path is the system's
    """A file whose folder is removed as soon as it is there."""

    def open(self, *args: object) -> object:
        file = super().open(*args)
        shutil.rmtree(self.parent)
        return file


class DoomedFolder(type(Path())):  # type: ignore[misc]
    def __truediv__(self, name: str) -> Path:
        return Doomed(super().__truediv__(name))


def test_a_copy_whose_folder_was_removed_meanwhile_does_not_come_back_with_it(
    view: Path, tmp_path: Path
) -> None:
    folder = DoomedFolder(tmp_path / "snapshots")

    with pytest.raises(FileNotFoundError, match="removed while it was made"):
        take_snapshot(view, folder, NAMESPACE)

    assert list(tmp_path.rglob("snapshot-*")) == []


def test_nothing_is_left_of_copies_that_are_removed(view: Path, tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    killed_before_its_manifest(view, folder)
    take_snapshot(view, folder, NAMESPACE)
    killed_before_its_manifest(view, folder)

    count = remove_snapshots(folder)

    assert (count, names(folder)) == (2, [])
