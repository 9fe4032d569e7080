"""`handrail logs`: what a process of the team has said."""

import time
from collections import deque
from pathlib import Path

import click

from handrail.cli.place import Place, place_options
from handrail.errors import LogUnknown

LOOK_EVERY_S = 0.2


@click.command()
@click.argument("name", metavar="AGENT")
@place_options
@click.option("-f", "--follow", is_flag=True, help="Go on showing what is said, until Ctrl-C.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Begin so many lines back.",
)
def logs(place: Place, name: str, *, follow: bool, lines: int) -> int:
    """Show the log of a process: an agent's name, AGENT-2 for its second process, or `broker`."""
    from handrail.bus.local_broker import LocalBroker
    from handrail.runtime.process_log import log_path

    project = place.folder
    path = LocalBroker(project).log_path if name == "broker" else log_path(project, name)
    if not path.is_file():
        known = sorted(p.stem for p in (project / ".handrail" / "logs").glob("*.log"))
        reason = (
            f"there are logs of {', '.join(known)}."
            if known
            else "no process has written one here; `handrail dev` shows its log itself."
        )
        raise LogUnknown(wanted=name, reason=reason)
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in deque(file, maxlen=max(0, lines)):
            click.echo(line, nl=False)
    if follow:
        _follow(path)
    return 0


def _follow(path: Path) -> None:
    """Show what is added; a log that has turned to a fresh file is read on from its start."""
    file = path.open(encoding="utf-8", errors="replace")
    file.seek(0, 2)
    try:
        while True:
            if line := file.readline():
                click.echo(line, nl=False)
                continue
            time.sleep(LOOK_EVERY_S)
            try:
                turned = path.stat().st_ino != _inode(file.fileno())
            except FileNotFoundError:
                continue
            if turned:
                file.close()
                file = path.open(encoding="utf-8", errors="replace")
    finally:
        file.close()


def _inode(descriptor: int) -> int:
    import os

    return os.fstat(descriptor).st_ino
