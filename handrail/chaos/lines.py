"""A file of a history that grows by a line for each fact, on the disk before anybody goes on."""

import os
from pathlib import Path

from handrail.chaos.folder import Fact, line_of


class Lines:
    """Appends facts to one file."""

    def __init__(self, path: Path) -> None:
        """Go on at the end of the file, made if it was not there."""
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, fact: Fact) -> None:
        """Write a fact; it outlives the sudden end of this process and of the machine."""
        os.write(self._file, line_of(fact))
        os.fsync(self._file)

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)
