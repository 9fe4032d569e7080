"""Connects a command to the broker of its project, and shows what a start of one waits for."""

import contextlib
import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from handrail.cli.output import note, on_terminal
from handrail.errors import BrokerUnreachable, LocalBrokerAway

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.progress import Arrived
    from handrail.bus.settings import Settings


def bootstrap_of(settings: "Settings") -> str:
    """Give the broker's address; raises BrokerUnreachable when there is none to try."""
    from handrail.bus.where import known_broker

    bootstrap = known_broker(settings)
    if bootstrap is None:
        raise _away(settings) or BrokerUnreachable(
            bootstrap="any address",
            reason="no cluster is configured and the local Kafka of this project is not running.",
        )
    return bootstrap


def _away(settings: "Settings") -> LocalBrokerAway | None:
    """Give the error that says who is starting the local Kafka; None when nobody is."""
    from handrail.runtime.claim_of_project import ProjectClaim

    # Whoever only looks leaves no folder behind.
    if settings.broker.bootstrap is not None or not (settings.project_dir / ".handrail").is_dir():
        return None
    holder = ProjectClaim(settings.project_dir).holder()
    if holder is None:
        return None
    return LocalBrokerAway(starter=f"`handrail {holder.command}` (process {holder.pid})")


@contextlib.asynccontextmanager
async def connected(settings: "Settings") -> AsyncGenerator["Bus"]:
    """Reach the broker of a project for the time of a command. Raises BrokerUnreachable."""
    from handrail.bus.kafka import KafkaBus
    from handrail.bus.where import connection_for
    from handrail.runtime.log_lines import set_up_logging

    set_up_logging(logging.WARNING, foreign=logging.CRITICAL)
    bus = KafkaBus(connection_for(settings, bootstrap_of(settings)))
    try:
        try:
            await bus.start()
        except BrokerUnreachable as error:
            if (away := _away(settings)) is None:
                raise
            raise away from error
        yield bus
    finally:
        await bus.close()


class ShownProgress:
    """Shows on standard error what a start waits for: sentences, and a bar for each download."""

    def say(self, text: str) -> None:
        """Write one sentence."""
        note(text)

    def download(self, title: str, total_bytes: int) -> AbstractContextManager["Arrived"]:
        """Show the account of one download."""
        return _bar(title, total_bytes) if on_terminal() else _lines(title, total_bytes)


@contextmanager
def _bar(title: str, total_bytes: int) -> Generator["Arrived"]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total_bytes)
        yield lambda count: progress.advance(task, count)


@contextmanager
def _lines(title: str, total_bytes: int) -> Generator["Arrived"]:
    # Without a terminal a bar would be a wall of text: a tenth at a time is enough.
    arrived, said = 0, 0
    note(f"{title}: {total_bytes / 1e6:.0f} MB")

    def count(more: int) -> None:
        nonlocal arrived, said
        arrived += more
        tenths = 10 * arrived // max(1, total_bytes)
        if tenths > said:
            said = tenths
            note(f"{title}: {10 * tenths} %")

    yield count
