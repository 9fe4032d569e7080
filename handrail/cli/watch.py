"""`handrail watch`: follows a task and says each thing that happens, until it has ended."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

import click

from handrail.cli.interrupted import run_until_interrupted
from handrail.cli.live_task import PAINT_EVERY_S, LiveTask
from handrail.cli.output import Shape, inert, note, on_terminal, output_option, show_line
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings
    from handrail.cli.rows import EventRow
    from handrail.ledger.projection import Projection
    from handrail.ledger.task_state import TaskFacts

INTERRUPTED = 130
LOOK_EVERY_S = PAINT_EVERY_S


@click.command()
@click.argument("task", metavar="ID|REFERENCE")
@place_options
@output_option
def watch(place: Place, task: str, shape: Shape) -> int:
    """Follow a task until it has ended; Ctrl-C stops looking, not the task."""
    found: list[str] = []
    try:
        return run_until_interrupted(_watch(place.settings(), task, shape, found))
    except KeyboardInterrupt:
        if not found:
            raise
        return detached(found[0])


async def _watch(settings: "Settings", wanted: str, shape: Shape, found: list[str]) -> int:
    from handrail.cli.projection import current_projection, known_task

    async with current_projection(settings) as (projection, bus):
        facts = await known_task(settings, projection, bus, wanted)
        found.append(facts.task_id)
        facts = await follow_task(settings, projection, bus, facts.task_id, shape)
    from handrail.cli.outcome import say_end

    code = say_end(facts, shape)
    if shape is Shape.TABLE and facts.results:
        note(f"Its result: handrail result {facts.task_id}")
    return code


async def follow_task(
    settings: "Settings", projection: "Projection", bus: "Bus", task_id: str, shape: Shape
) -> "TaskFacts":
    """Tell of a task as it runs; give what is known once it has ended or waits for a person.

    On a terminal it is a live tree; elsewhere each event is a line on standard error, or a line of
    JSON on standard output when that was asked for.
    """
    from handrail.runtime.follow import follow

    live = LiveTask() if shape is Shape.TABLE and on_terminal() else None
    said = _Said(projection, task_id, shape, live)
    stream = follow(bus, settings.namespace, projection)
    news = asyncio.ensure_future(anext(stream))
    try:
        with live or contextlib.nullcontext():
            while True:
                facts = said.look()
                if facts is not None and (facts.ended or facts.requests):
                    return facts
                # Another process may fold the news into the same file, so it is looked at anyway.
                await asyncio.wait({news}, timeout=LOOK_EVERY_S)
                if news.done():
                    news.result()
                    news = asyncio.ensure_future(anext(stream))
    finally:
        news.cancel()
        await asyncio.wait({news})
        await stream.aclose()


class _Said:
    """What a person was told of a task, by lines or by a live view."""

    def __init__(
        self, projection: "Projection", task_id: str, shape: Shape, live: "LiveTask | None"
    ) -> None:
        self._projection, self._task_id = projection, task_id
        from handrail.cli.telling import Telling

        self._shape, self._live = shape, live
        self._telling = Telling(whole=shape is not Shape.TABLE)
        self._facts: TaskFacts | None = None

    def look(self) -> "TaskFacts | None":
        """Tell what is new; give what is known of the task as a whole."""
        from handrail.cli.task_rows import event_rows
        from handrail.ledger.queries import events, task

        facts = task(self._projection, self._task_id)
        # Reading all events of a large task again and again would cost more than the task.
        if facts != self._facts or not self._telling.told:
            self._facts = facts
            fresh = self._telling.take(events(self._projection, self._task_id))
            if self._live is not None:
                self._live.take(self._telling.told, event_rows(self._telling.told))
            for row in event_rows(fresh):
                self._say(row)
        if self._live is not None:
            self._live.show(facts)
        return facts

    def _say(self, row: "EventRow") -> None:
        if self._shape is not Shape.TABLE:
            show_line(row)
        elif self._live is None:
            note(f"{row.time[11:19]}  {inert(row.sentence)}")


def detached(task: str) -> int:
    """Say that a task runs on although nobody looks any more, and how to look; give the code."""
    from handrail.cli.commands import COMMANDS

    stop = f" Stop: handrail cancel {task}" if "cancel" in COMMANDS else ""
    note(f"Still running. Follow: handrail watch {task}{stop}")
    return INTERRUPTED
