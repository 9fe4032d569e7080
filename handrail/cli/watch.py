"""`handrail watch`: follows a task and says each thing that happens, until it has ended."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Shape, inert, note, output_option, show_line
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings
    from handrail.ledger.projection import Projection
    from handrail.ledger.task_state import TaskFacts


LOOK_EVERY_S = 0.5


@click.command()
@click.argument("task", metavar="ID|REFERENCE")
@place_options
@output_option
def watch(place: Place, task: str, shape: Shape) -> int:
    """Follow a task until it has ended; Ctrl-C stops looking, not the task."""
    return asyncio.run(_watch(place.settings(), task, shape))


async def _watch(settings: "Settings", wanted: str, shape: Shape) -> int:
    from handrail.cli.projection import current_projection, known_task

    async with current_projection(settings) as (projection, bus):
        facts = await known_task(settings, projection, bus, wanted)
        facts = await follow_task(settings, projection, bus, facts.task_id, shape)
    from handrail.cli.outcome import exit_code_of

    return exit_code_of(facts)


async def follow_task(
    settings: "Settings", projection: "Projection", bus: "Bus", task_id: str, shape: Shape
) -> "TaskFacts":
    """Say each event of a task as it comes; give what is known once it has ended or is stuck.

    Events go to standard error as sentences, or to standard output as lines of JSON when asked.
    """
    from handrail.cli.task_rows import event_rows
    from handrail.ledger.queries import events, task
    from handrail.runtime.follow import follow

    said = 0
    stream = follow(bus, settings.namespace, projection)
    news = asyncio.ensure_future(anext(stream))
    try:
        while True:
            told = events(projection, task_id)
            for row in event_rows(told[said:]):
                if shape is Shape.TABLE:
                    note(f"{row.time[11:19]}  {inert(row.sentence)}")
                else:
                    show_line(row)
            said = len(told)
            facts = task(projection, task_id)
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
