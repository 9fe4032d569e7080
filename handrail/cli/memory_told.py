"""`handrail memory manifest` and `refused`: what models were given, and what was not taken in."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.memory_place import memory_on, tenant_option
from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.remembered_rows import MemoryManifestRow, MemoryRefusedRow
from handrail.errors import NothingRemembered

if TYPE_CHECKING:
    from pathlib import Path

    from handrail.bus.settings import Settings
    from handrail.ledger.memory_event import MemoryRecalled

MANIFEST = (
    Column("PROMPT", "prompt", right=True),
    Column("AGENT", "agent"),
    Column("STEP", "step"),
    Column("SPACE", "space"),
    Column("KEY", "key"),
    Column("VERSION", "version", right=True),
    Column("SCORE", "score", right=True),
    Column("TOKENS", "tokens", right=True),
    Column("LEFT OUT", "left_out", absent=""),
)
REFUSED = (
    Column("SPACE", "space", absent="–"),
    Column("REASON", "reason"),
    Column("BY", "by", absent="–"),
    Column("COUNT", "count", right=True),
    Column("LAST", "last"),
)


@click.command()
@click.argument("task", metavar="ID|REFERENCE")
@place_options
@tenant_option
@click.option(
    "--text",
    "number",
    metavar="PROMPT",
    type=click.IntRange(min=1),
    help="Make the text of this prompt again.",
)
@output_option
def manifest(place: Place, task: str, tenant: str, number: int | None, shape: Shape) -> int:
    """Show what of memory the models of a task were given, and what was left out and why.

    With --text 1 the text of prompt 1 is made again, byte for byte, from the versions that are
    kept; ends with 3 when the task was given no such prompt. A task that was given nothing has an
    empty list, and ends with 0.
    """
    asyncio.run(_manifest(place.settings(), task, tenant, number, shape))
    return 0


@click.command()
@place_options
@output_option
def refused(place: Place, shape: Shape) -> int:
    """Count what memory has refused, by space, reason and writer.

    What an agent's own process refuses before it sends anything is counted too, once for each
    handoff. What this command line refuses of a person is not.
    """
    asyncio.run(_refused(place.settings(), shape))
    return 0


async def _manifest(
    settings: "Settings", wanted: str, tenant: str, number: int | None, shape: Shape
) -> None:
    from handrail.cli.projection import current_projection, known_task
    from handrail.ledger.memory_event import MemoryRecalled
    from handrail.ledger.queries import events
    from handrail.memory.rebuilding import rebuilt

    async with current_projection(settings) as (projection, bus):
        facts = await known_task(settings, projection, bus, wanted)
        told = [one.event for one in events(projection, facts.task_id)]
        given = [event for event in told if isinstance(event, MemoryRecalled)]
        if number is None:
            rows = [row for at, event in enumerate(given, 1) for row in _rows(at, event)]
            nothing = f"No model of task {facts.task_id} was given anything of memory."
            show_rows("memory-manifest", rows, MANIFEST, shape, empty=nothing)
            return
        if number > len(given):
            detail = f"its models were given {len(given)} texts of memory."
            raise NothingRemembered(what=f"prompt {number} of task {facts.task_id}", detail=detail)
        event = given[number - 1]
        async with memory_on(bus, settings, tenant) as memory:

            async def made_again(file: "Path") -> str:
                return rebuilt(event.manifest, file, event.time_ms, memory.keys)

            text = await memory.view.of_file(made_again)
        size = len(text.encode())
        note(f"{inert(event.agent)}, step {event.step}: {size} bytes, the very same as then.")
        click.echo(text, nl=False)


async def _refused(settings: "Settings", shape: Shape) -> None:
    from handrail.cli.projection import current_projection
    from handrail.ledger.queries import refusals_of_memory
    from handrail.wire.rfc3339 import rfc3339

    async with current_projection(settings) as (projection, _):
        found = refusals_of_memory(projection)
    rows = [
        MemoryRefusedRow(one.space, one.reason, one.by, one.count, rfc3339(one.last_ms))
        for one in found
    ]
    show_rows("memory-refused", rows, REFUSED, shape, empty="Memory has refused nothing.")


def _rows(number: int, event: "MemoryRecalled") -> list[MemoryManifestRow]:
    from handrail.wire.memory import key_in_words

    return [
        MemoryManifestRow(
            prompt=number,
            agent=event.agent,
            step=event.step,
            space=one.space,
            key=key_in_words(one.key),
            version=one.version,
            score=round(one.score, 3),
            tokens=one.tokens,
            left_out=one.dropped or None,
            invocation=event.invocation,
            budget=event.manifest.budget,
            sha256=event.manifest.sha256,
        )
        for slot in event.manifest.slots
        for one in slot.entries
    ]
