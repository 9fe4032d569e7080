"""The folder of a machine's views of memory: each process has a file, and finds it again.

Files are numbered. A process takes the lowest number that nobody holds, so a process that comes
back goes on from a file that is there. The lock is the system's and ends with its holder. Files
and snapshots hold words of personal records in the clear: once something was forgotten, those that
nobody holds are removed, since nobody would take the words out of them.
"""

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Final

from handrail.bus.file_lock import file_lock
from handrail.errors.broker import BrokerBusy
from handrail.errors.store import StoreUnusable
from handrail.memory.snapshot import newest_snapshot, remove_snapshots

VIEWS_COUNT_MAX: Final = 1_000  #: of one machine

_SIDES: Final = ("", "-wal", "-shm")
_COPY: Final = "-new"  #: of a snapshot, until it is whole


class MemoryFolder:
    """What one process has of the folder; everything it holds ends with `close`."""

    def __init__(self, path: Path | None) -> None:
        """Use this folder, or one of this process alone that vanishes with it."""
        self._is_own = path is None
        self.path = path or Path(tempfile.mkdtemp(prefix="handrail-memory-"))
        self.snapshots = self.path / "snapshots"
        self._held = contextlib.ExitStack()
        self._number: int | None = None
        self._is_restored = False  #: whether our file began with a snapshot

    def claim(self) -> Path:
        """Hold the lowest file that nobody holds. Raises StoreUnusable."""
        if self._number is None:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                self._number = self._claimed()
            except OSError as error:
                raise StoreUnusable(
                    path=self.path, folder=self.path.parent, reason=str(error)
                ) from error
        return self._file(self._number)

    def _claimed(self) -> int:
        for number in range(1, VIEWS_COUNT_MAX + 1):
            with contextlib.suppress(BrokerBusy):
                self._held.enter_context(file_lock(self._lock(number), wait_s=0))
                return number
        raise StoreUnusable(
            path=self.path, folder=self.path, reason=f"{VIEWS_COUNT_MAX} processes hold a view."
        )

    def restore(self, namespace: str, current_since_ms: int, now_ms: int) -> bool:
        """Put a checked snapshot in the place of our file; False when there is none."""
        file = self.claim()
        found = newest_snapshot(self.snapshots, namespace, current_since_ms, now_ms)
        if found is None:
            return False
        self.remove()
        copy = Path(f"{file}{_COPY}")
        try:
            shutil.copyfile(found, copy)
        except FileNotFoundError:  # removed by another process meanwhile
            return False
        copy.replace(file)
        self._is_restored = True
        return True

    def remove(self) -> None:
        """Remove our file and what lies beside it, damaged predecessors too."""
        _remove(self.claim())
        self._is_restored = False

    def remove_damaged(self) -> None:
        """Remove our file, and all snapshots if it began with one: they may hold the damage too."""
        if self._is_restored:
            remove_snapshots(self.snapshots)
        self.remove()

    def remove_unheld(self) -> None:
        """Remove every snapshot, every view that no process holds, and what lies beside our own."""
        remove_snapshots(self.snapshots)
        for file in sorted(self.path.glob("view-*.db")):
            number = int(file.stem.removeprefix("view-"))
            if number == self._number:
                _remove_beside(file)
            else:
                with contextlib.suppress(BrokerBusy), file_lock(self._lock(number), wait_s=0):
                    _remove(file)

    def close(self) -> None:
        """Let go of the file; it stays, unless the folder was ours alone."""
        self._held.close()
        self._number = None
        if self._is_own:
            shutil.rmtree(self.path, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.path / f"view-{number}.db"

    def _lock(self, number: int) -> Path:
        return self.path / f"view-{number}.lock"


def _remove(file: Path) -> None:
    for suffix in _SIDES:
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    _remove_beside(file)


def _remove_beside(file: Path) -> None:
    """Remove damaged predecessors, and a copy of a snapshot that a process was killed over."""
    for left in (Path(f"{file}{_COPY}"), *file.parent.glob(f"{file.name}.damaged-*")):
        left.unlink(missing_ok=True)
