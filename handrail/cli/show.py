"""`handrail show`: the story of one task, from the ledger."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Shape, note, output_option, show_rows
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from handrail.bus.settings import Settings


@click.command()
@click.argument("task", metavar="ID|REFERENCE")
@place_options
@output_option
def show(place: Place, task: str, shape: Shape) -> int:
    """Tell what happened to a task, one sentence an event. TASK is an id or a reference."""
    asyncio.run(_show(place.settings(), task, shape))
    return 0


async def _show(settings: "Settings", wanted: str, shape: Shape) -> None:
    from handrail.cli.projection import current_projection, known_task
    from handrail.cli.task_rows import EVENT_COLUMNS, event_rows, task_row
    from handrail.ledger.queries import asked_first, events

    async with current_projection(settings) as (projection, bus):
        facts = await known_task(settings, projection, bus, wanted)
        rows = event_rows(asked_first(events(projection, facts.task_id)))
    row = task_row(facts)
    urgent = f", {row.priority} priority" if row.priority != "normal" else ""
    note(f"Task {row.id}{f' ({row.reference})' if row.reference else ''}: {row.state}{urgent}.")
    note(row.reason or "")
    show_rows("story", rows, EVENT_COLUMNS, shape, empty="Nothing has happened yet.")
