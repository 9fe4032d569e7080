"""`handrail undo`: what a task has done by its tools is taken back, by a task of its own."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rail_rows import UndoRow
from handrail.cli.submit import as_option

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.ledger.taking_back import Done

COLUMNS = (
    Column("ACT", "act"),
    Column("UNDO", "undo"),
    Column("WITH", "arguments"),
    Column("FROM", "label", absent="nobody vouches"),
    Column("UNTIL", "until", absent="any time"),
    Column("BY TASK", "task", absent="–"),
)


@click.command()
@click.argument("task", metavar="ID|REFERENCE")
@place_options
@click.option("--dry-run", is_flag=True, help="Say what would be taken back, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_option
@output_option
def undo(
    place: Place,
    task: str,
    dry_run: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
    asked_by: str | None,
    shape: Shape,
) -> int:
    """Take back what an ended task has done by tools that name an undo, the newest first.

    A task of its own does it, through the same gateway; where an undo fails, a person is asked.
    What the task wrote to memory is another matter: `handrail memory undo`. Ends with 5 when there
    is nothing to undo, or when it is too late.
    """
    settings = place.settings()
    return asyncio.run(_undo(settings, task, asked_by, shape, dry_run=dry_run, yes=yes))


async def _undo(
    settings: "Settings",
    wanted: str,
    asked_by: str | None,
    shape: Shape,
    *,
    dry_run: bool,
    yes: bool,
) -> int:
    from handrail.cli.broker import connected
    from handrail.errors import ConfirmationNeeded
    from handrail.runtime.client import Client
    from handrail.wire.rfc3339 import rfc3339

    async with (
        connected(settings) as bus,
        Client(bus=bus, namespace=settings.namespace, asked_by=asked_by) as client,
    ):
        found = await client.undo(wanted, dry_run=True)
        if not dry_run:
            if not yes:
                if not sys.stdin.isatty():
                    command = " ".join(["handrail", *sys.argv[1:]])
                    raise ConfirmationNeeded(
                        action="taking back what was done wants a confirmation", command=command
                    )
                for one in found.acts:
                    note(f"{inert(one.text)} is taken back by {inert(_call(one))}")
                click.confirm(f"Take back these {len(found.acts)} acts?", abort=True, err=True)
            found = await client.undo(wanted)
    by = None if found.task is None else found.task.id
    rows = [
        UndoRow(
            act=one.text,
            undo=one.undo,
            arguments=one.bound,
            label=one.label,
            until=None if one.until_ms is None else rfc3339(one.until_ms),
            task=by,
        )
        for one in found.acts
    ]
    show_rows("undo", rows, COLUMNS, shape, empty="")
    if by is None:
        note("Nothing was done: this was a dry run.")
    else:
        note(f"Do:  handrail watch {by}")
    return 0


def _call(act: "Done") -> str:
    """Give the call that takes an act back, with all that it is given."""
    given = ", ".join(f"{name}={json.dumps(value)}" for name, value in act.bound.items())
    return f"{act.undo}({given})" if not act.cannot else f"nobody: {act.cannot}"
