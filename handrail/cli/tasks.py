"""`handrail list`: tasks and their states, the one that changed last first."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.numbers import COUNT
from handrail.cli.output import Shape, output_option, show_rows
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.cli.rows import TaskRow


@click.command(name="list")
@place_options
@click.option(
    "--where",
    metavar="NAME=VALUE,…",
    default="",
    help="Only tasks for which all of these hold: state, ended, agent, tenant, reference, text.",
)
@click.option("-n", "--limit", type=COUNT, default=50, show_default=True, help="At most so many.")
@output_option
def list_tasks(place: Place, where: str, limit: int, shape: Shape) -> int:
    """List tasks and their states, the one that changed last first."""
    from handrail.cli.task_rows import TASK_COLUMNS

    rows = asyncio.run(_rows(place.settings(), where, limit))
    show_rows("tasks", rows, TASK_COLUMNS, shape, empty="There are no such tasks.")
    return 0


async def _rows(settings: "Settings", where: str, limit: int) -> "list[TaskRow]":
    from handrail.cli.projection import current_projection
    from handrail.cli.task_rows import task_row
    from handrail.ledger.queries import parse_filter, tasks

    wanted = parse_filter(where)
    async with current_projection(settings) as (projection, _):
        return [task_row(facts) for facts in tasks(projection, wanted, limit)]
