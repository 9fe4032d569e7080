"""`handrail status`: what runs on this machine for the project, and how much work waits."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Column, Shape, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import ProcessRow

if TYPE_CHECKING:
    from handrail.bus.settings import Settings

COLUMNS = (
    Column("NAME", "name"),
    Column("STATE", "state"),
    Column("PID", "pid", right=True),
    Column("AGENTS", "agents"),
    Column("PARTITIONS", "partitions", right=True),
    Column("HANDLED", "handled", right=True),
    Column("IN HAND", "in_hand", right=True),
    Column("SINCE", "since"),
)


@click.command()
@place_options
@output_option
def status(place: Place, shape: Shape) -> int:
    """Show the processes of this team on this machine, and whether the broker answers."""
    settings = place.settings()
    rows = processes(settings)
    if shape is Shape.TABLE:
        _say_who_supervises(settings)
        _say_who_waits(settings)
        _say_what_is_closed(settings)
        asyncio.run(_say_broker(settings))
    show_rows("processes", rows, COLUMNS, shape, empty="No process of this team runs here.")
    return 0


def processes(settings: "Settings") -> list[ProcessRow]:
    """Give what the processes of a project wrote about themselves; the dead ones say so."""
    from handrail.cli.task_rows import when
    from handrail.runtime.note import notes

    rows: list[ProcessRow] = []
    for _, found in notes(settings.project_dir):
        alive = found.alive
        rows.append(
            ProcessRow(
                name=found.name,
                state=found.state.value if alive else "dead",
                pid=found.pid if alive else None,
                agents=list(found.agents),
                partitions=found.partitions if alive else None,
                handled=found.handled,
                in_hand=found.in_hand if alive else None,
                since=when(found.since_ms),
            )
        )
    return rows


def _say_who_waits(settings: "Settings") -> None:
    from handrail.runtime.note import notes

    for _, found in notes(settings.project_dir):
        if found.alive and found.waits_for:
            note(f"{found.name} waits for a provider: {found.waits_for}. It goes on by itself.")


def _say_what_is_closed(settings: "Settings") -> None:
    from handrail.runtime.note import closed_partitions

    for where, why in closed_partitions(settings.project_dir).items():
        note(f"Partition {where} is closed, and nothing of it is carried out: {why}")


def _say_who_supervises(settings: "Settings") -> None:
    from handrail.runtime.claim_of_project import ProjectClaim

    holder = ProjectClaim(settings.project_dir).holder()
    if holder is None:
        note(f"Nobody supervises {settings.project_dir}. `handrail up` does.")
    else:
        note(f"`handrail {holder.command}` (process {holder.pid}) looks after this team.")


async def _say_broker(settings: "Settings") -> None:
    from handrail.cli.broker import connected
    from handrail.cli.halting import in_words
    from handrail.errors import BrokerUnreachable
    from handrail.lane.switches import CONTROL
    from handrail.runtime.holding import halted

    try:
        async with connected(settings) as bus:
            own = f"{settings.namespace}."
            names = [name for name in await bus.admin.topics() if name.startswith(own)]
            holds = await halted(bus, settings.namespace) if f"{own}{CONTROL}" in names else []
        note(f"The broker answers; namespace {settings.namespace} has {len(names)} topics on it.")
        for hold in holds:
            note(in_words(hold))
    except BrokerUnreachable as error:
        note(f"{error.what} {error.why[:1].upper()}{error.why[1:]}")
