"""Shows what the broker is waited for: a bar on a terminal, plain lines elsewhere, on stderr."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from handrail.bus.progress import Arrived

LINE_EVERY_S = 5.0  #: without a terminal, a line is written no more often than this
MEGABYTE = 1_000_000


class WaitingBar:
    """A `handrail.bus.progress.Progress` for people; safe to call from any thread."""

    def __init__(self, console: Console | None = None) -> None:
        """Write to standard error, or to the console given."""
        self._console = console or Console(stderr=True, highlight=False)
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Write one line."""
        self._console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def download(self, title: str, total_bytes: int) -> Generator[Arrived]:
        """Show one download from its first byte to its last."""
        if self._console.is_terminal:
            with self._bar(title, total_bytes) as arrived:
                yield arrived
        else:
            with self._lines(title, total_bytes) as arrived:
                yield arrived

    @contextmanager
    def _bar(self, title: str, total_bytes: int) -> Generator[Arrived]:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console) as bar:
            task = bar.add_task(f"Downloading {title}", total=total_bytes)
            yield lambda size: bar.advance(task, size)

    @contextmanager
    def _lines(self, title: str, total_bytes: int) -> Generator[Arrived]:
        self.say(f"Downloading {title}: {total_bytes / MEGABYTE:.0f} MB.")
        so_far, told = 0, time.monotonic()

        def arrived(size: int) -> None:
            nonlocal so_far, told
            with self._lock:
                so_far += size
                if time.monotonic() - told >= LINE_EVERY_S:
                    told = time.monotonic()
                    share = so_far / max(total_bytes, 1)
                    self.say(f"Downloading {title}: {share:.0%} has arrived.")

        yield arrived
        self.say(f"Downloaded {title}.")
