"""`handrail result`: what a task brought forth."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Shape, output_option
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from handrail.bus.settings import Settings


@click.command()
@click.argument("task", metavar="ID|REFERENCE")
@place_options
@output_option
def result(place: Place, task: str, shape: Shape) -> int:
    """Write the result of a task, and nothing else, to standard output.

    Ends with 6 while the task runs, 7 when it waits for a person, 1 when it has failed.
    """
    return asyncio.run(_result(place.settings(), task, shape))


async def _result(settings: "Settings", wanted: str, shape: Shape) -> int:
    from handrail.cli.outcome import show_outcome
    from handrail.cli.projection import current_projection, known_task

    async with current_projection(settings) as (projection, bus):
        facts = await known_task(settings, projection, bus, wanted)
        return await show_outcome(settings, bus, facts, shape)
