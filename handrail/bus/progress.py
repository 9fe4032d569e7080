"""What a long wait of the bus tells whoever is watching; nothing is printed here."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

#: Called with the number of bytes that have arrived since the last call; from any thread.
Arrived = Callable[[int], None]


class Progress(Protocol):
    """Somebody who is told what is being waited for. Every method may be called from any thread."""

    def say(self, text: str) -> None:
        """Take one sentence about what happens now."""
        ...

    def download(self, title: str, total_bytes: int) -> AbstractContextManager[Arrived]:
        """Open the account of one download; what it yields is told of every piece."""
        ...


class Silent:
    """Tells nobody."""

    def say(self, text: str) -> None:
        """Drop the sentence."""

    @contextmanager
    def download(self, title: str, total_bytes: int) -> Generator[Arrived]:
        """Count for nobody."""
        del title, total_bytes
        yield lambda _: None
