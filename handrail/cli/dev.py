"""`handrail dev`: broker, exactly this team's topics, and its agents, reloaded on every save."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from handrail.cli.output import note
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from handrail.bus.settings import Settings

LOOK_EVERY_S = 0.3
DRAIN_S = 3  #: while developing, what has not ended by then is run again by the new code
DRAIN_VARIABLE = "HANDRAIL_DRAIN_S"
SKIPPED = frozenset({".handrail", ".venv", ".git", "__pycache__", "node_modules"})
WATCHED = frozenset({".py", ".toml"})

Seen = dict[Path, tuple[int, int]]


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@place_options
def dev(place: Place, file: Path | None) -> int:
    """Start everything for developing: a broker, exactly this team's topics, its agents.

    Every save loads the files anew; when they cannot be loaded, your own traceback is shown and
    the version before goes on. FILE is a file of agents that stands alone. Ctrl-C stops it all.
    """
    settings = place.settings()
    if file is not None and not file.is_file():
        from handrail.errors import TeamFileMissing

        raise TeamFileMissing(file=file, reason="nothing is there.")
    if file is not None:
        from handrail.cli.team import is_of_project, remember_file

        if is_of_project(settings, file):
            note(f"{file} belongs to the team of this folder: all of it is started.")
            file = None
        else:
            # Said before anything is started, so that a second terminal knows the team at once.
            remember_file(settings, file)
    else:
        from handrail.cli.team import has_team
        from handrail.errors import ProjectNotFound

        # Said at once: whoever is in the wrong folder would get a Kafka there, and wait.
        if not has_team(settings):
            raise ProjectNotFound(folder=settings.project_dir)
    folder = settings.project_dir if file is None else file.absolute().parent
    return asyncio.run(_dev(settings, place, file, folder))


async def _dev(settings: "Settings", place: Place, file: Path | None, folder: Path) -> int:
    from handrail.cli.broker import ShownProgress
    from handrail.cli.live_team import line_of
    from handrail.cli.up import on_signals
    from handrail.runtime.team_up import own_broker

    stop, hurry = asyncio.Event(), asyncio.Event()
    on_signals(stop, hurry)
    async with own_broker(
        settings, "dev", ShownProgress(), lambda event: note(line_of(event))
    ) as bootstrap:
        note(f"Kafka at {bootstrap}. Watching {file or folder}; Ctrl-C stops.")
        running: asyncio.subprocess.Process | None = None
        seen: Seen | None = None
        try:
            while not stop.is_set():
                now = snapshot(folder)
                if now != seen:
                    if seen is not None:
                        note(f"{changed(seen, now)} changed.")
                    seen = now
                    if await _topics_made(place, file):
                        await _end(running, hurry)
                        running = await _start(place, file)
                    elif running is not None and running.returncode is None:
                        note("The version before goes on. Waiting for the next save.")
                if running is not None and running.returncode is not None:
                    note(f"The agents ended with code {running.returncode}. Waiting for a save.")
                    running = None
                await _wait(stop, LOOK_EVERY_S)
        finally:
            await _end(running, hurry)
    note("Everything has stopped.")
    return 0


def snapshot(folder: Path) -> Seen:
    """Give size and time of change of every watched file of a project."""
    found: Seen = {}
    for path in _files(folder):
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue  # An editor writes beside a file and renames; the next look finds it.
        found[path] = (stat.st_mtime_ns, stat.st_size)
    return found


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return (
            found  # It vanished between two looks, or is nobody's to read: nothing of it is loaded.
        )
    for path in inside:
        if path.name in SKIPPED or path.name.startswith("."):
            continue
        if path.is_dir() and not (path / "pyvenv.cfg").exists():
            found += _files(path)
        elif path.suffix in WATCHED:
            found.append(path)
    return found


def changed(before: Seen, now: Seen) -> str:
    """Name the files in which two looks differ."""
    paths = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
    names = ", ".join(path.name for path in paths[:3])
    return names + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")  # noqa: PLR2004


async def _topics_made(place: Place, file: Path | None) -> bool:
    """Load the files in a process of their own and make their topics; say what is wrong."""
    from handrail.runtime.child import handrail_command

    what = [] if file is None else [str(file)]
    command = handrail_command("topics", "apply", "-o", "jsonl", *what, *place.flags())
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    return await process.wait() == 0


async def _start(place: Place, file: Path | None) -> asyncio.subprocess.Process:
    """Start agents and single writers in one process, which writes to this very terminal."""
    from handrail.runtime.child import handrail_command
    from handrail.runtime.deadman import PID_VARIABLE
    from handrail.runtime.log_lines import LEVEL_VARIABLE
    from handrail.runtime.team_up import KEEPER, REGISTRAR

    what = ["."] if file is None else [str(file)]
    return await asyncio.create_subprocess_exec(
        *handrail_command("run", REGISTRAR, KEEPER, *what, *place.flags()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=sys.stderr,
        env={
            **os.environ,
            DRAIN_VARIABLE: str(DRAIN_S),
            PID_VARIABLE: str(os.getpid()),
            LEVEL_VARIABLE: os.environ.get(LEVEL_VARIABLE, "warning"),
        },
        start_new_session=True,
    )


async def _end(process: asyncio.subprocess.Process | None, hurry: asyncio.Event) -> None:
    """Stop the agents in order; at once when hurried."""
    if process is None or process.returncode is not None:
        return
    process.terminate()
    ended = asyncio.ensure_future(process.wait())
    hurried = asyncio.ensure_future(hurry.wait())
    await asyncio.wait({ended, hurried}, timeout=DRAIN_S + 10, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    if not ended.done():
        process.kill()
    await ended


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.wait({waiting}, timeout=seconds)
    waiting.cancel()
