"""Keeps what one process says in a file of bounded size, and its last lines in memory.

At most FILES_KEPT files of BYTES_MAX each are kept for a process: `name.log` and the older
`name.log.1`, `name.log.2`. A line longer than LINE_BYTES_MAX is cut. Where the disk has no room, or
the folder is gone, lines are left out and counted: whose words they are must not stand still.
"""

from collections import deque
from io import FileIO
from pathlib import Path

BYTES_MAX = 4 * 1024 * 1024
FILES_KEPT = 3
LINES_REMEMBERED = 20
LINE_BYTES_MAX = 16 * 1024
assert LINE_BYTES_MAX < BYTES_MAX


def log_path(project: Path, name: str) -> Path:
    """Give the file in which a process's words are kept."""
    return project / ".handrail" / "logs" / f"{name}.log"


class ProcessLog:
    """The log of one process; written by its supervisor only."""

    def __init__(self, path: Path, *, bytes_max: int = BYTES_MAX) -> None:
        """Open the file for appending, made with its folder if it was not there. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._bytes_max = bytes_max
        self._file: FileIO | None = _opened(path)
        self._size = path.stat().st_size
        self._last: deque[str] = deque(maxlen=LINES_REMEMBERED)
        self._left_out = 0  #: lines since one was last written
        self._reason = ""

    def write(self, line: bytes) -> None:
        """Append one line, turning to a fresh file when this one is full. Never raises OSError."""
        line = line[:LINE_BYTES_MAX].rstrip(b"\n") + b"\n"
        self._last.append(line.decode(errors="replace").rstrip())
        try:
            if self._left_out:
                self._append(f"({self._left_out} lines were left out: {self._reason})\n".encode())
            self._left_out = 0
            self._append(line)
        except OSError as error:
            self._left_out += 1
            self._reason = str(error)
            self.close()

    def _append(self, line: bytes) -> None:
        if self._file is None:
            self._file = _opened(self.path)
            self._size = self.path.stat().st_size
        if self._size + len(line) > self._bytes_max:
            self._turn()
        self._file.write(line)
        self._size += len(line)

    def last_lines(self, count: int = 5) -> list[str]:
        """Give the last lines that are not blank."""
        return [line for line in self._last if line.strip()][-count:]

    def last_words(self) -> str:
        """Give the last sentence, with its reason where it has one: not what only belongs to it.

        An error is told in a line for people, indented lines under it say why and what to do.
        """
        lines = self.last_lines(LINES_REMEMBERED)
        at = next((n for n in reversed(range(len(lines))) if not lines[n].startswith(" ")), None)
        if at is None:
            return lines[-1].strip() if lines else ""
        why = next((line.strip() for line in lines[at + 1 :] if line.startswith("  Why:")), "")
        return f"{lines[at]} {why}".rstrip()

    def close(self) -> None:
        """Give back the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _turn(self) -> None:
        self.close()
        for number in range(FILES_KEPT - 1, 0, -1):
            older = self.path if number == 1 else self.path.with_suffix(f".log.{number - 1}")
            if older.exists():
                older.replace(self.path.with_suffix(f".log.{number}"))
        self._file = _opened(self.path)
        self._size = 0


def _opened(path: Path) -> FileIO:
    return path.open("ab", buffering=0)
