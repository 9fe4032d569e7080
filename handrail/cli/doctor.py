"""`handrail doctor`: numbered checks, each with what was found and one fix."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Column, Shape, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import CheckRow

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings

COLUMNS = (
    Column("NO", "number", right=True),
    Column("CHECK", "check"),
    Column("STATE", "state"),
    Column("FOUND", "finding"),
)
VERIFICATION_FAILED = 9


@click.command()
@place_options
@output_option
def doctor(place: Place, shape: Shape) -> int:
    """Check this machine, this project and its broker; say one fix for each fault.

    Ends with code 9 when a check has failed. Nothing is changed.
    """
    rows = asyncio.run(_look(place.settings()))
    show_rows("checks", rows, COLUMNS, shape, empty="")
    if shape is Shape.TABLE:
        # Below the table: a fix is a command to copy, and a line of its own keeps it whole.
        for row in rows:
            if row.fix is not None:
                note(f"Do about {row.number} ({row.check}):  {row.fix}")
    failed = [row for row in rows if row.state == "failed"]
    if failed:
        note(f"{len(failed)} of {len(rows)} checks failed. Begin with number {failed[0].number}.")
        return VERIFICATION_FAILED
    return 0


async def _look(settings: "Settings") -> list[CheckRow]:
    from handrail.cli.broker import connected
    from handrail.errors import BrokerUnreachable

    try:
        async with connected(settings) as bus:
            return await _rows(settings, bus, "")
    except BrokerUnreachable as error:
        return await _rows(settings, None, f"{error.what} {error.why[:1].upper()}{error.why[1:]}")


async def _rows(settings: "Settings", bus: "Bus | None", unreachable: str) -> list[CheckRow]:
    from handrail.cli.checks import checks

    rows: list[CheckRow] = []
    for number, (name, look) in enumerate(checks(settings, bus, unreachable), start=1):
        found = await look()
        rows.append(CheckRow(number, name, found.state.value, found.finding, found.fix))
    return rows
