"""`handrail dead`: handoffs that will not be tried again, with their reasons and their bytes."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import DeadRow
from handrail.errors import DeadLetterUnknown

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.wire.record import Record

COLUMNS = (
    Column("ID", "id"),
    Column("AGENT", "agent"),
    Column("TIME", "time"),
    Column("REASON", "reason"),
    Column("TASK", "task", absent="–"),
    Column("WHY", "error", absent=""),
)
FULL_COLUMNS = (*COLUMNS, Column("FROM", "original"), Column("VALUE", "value"))
FIRST_LINES = 20


@click.group()
def dead() -> None:
    """Dead letters: list, show."""


@dead.command(name="list")
@place_options
@click.option("--agent", metavar="AGENT", help="Only those of this agent.")
@click.option("-n", "--limit", default=50, show_default=True, help="At most so many.")
@output_option
def list_dead(place: Place, agent: str | None, limit: int, shape: Shape) -> int:
    """List dead letters, the newest first. They are kept for 30 days."""
    rows = asyncio.run(_list(place.settings(), agent, limit))
    show_rows("dead", rows, COLUMNS, shape, empty="There are no dead letters.")
    return 0


@dead.command()
@click.argument("dead_id", metavar="ID")
@place_options
@output_option
def show(place: Place, dead_id: str, shape: Shape) -> int:
    """Show one dead letter: why it died, and its original bytes. ID is AGENT/PARTITION/OFFSET."""
    row = asyncio.run(_show(place.settings(), dead_id))
    if shape is not Shape.TABLE:
        show_rows("dead", [row], FULL_COLUMNS, shape, empty="")
        return 0
    note(f"{row.agent} gave up at {row.time} ({row.reason}): {inert(row.error or 'no words')}")
    tried = "attempts unknown" if row.attempts is None else f"attempt {row.attempts}"
    note(f"It was read from {row.original} with key {row.key or '(none)'}; it was {tried}.")
    if row.task:
        note(f"Its task is {row.task}; its story: handrail show {row.task}")
    stack = row.headers.get("dlq.exception-stack")
    if stack:
        note("\n".join(inert(line) for line in stack.splitlines()[-FIRST_LINES:]))
    note("What it carried:")
    from handrail.cli.records import value_line

    click.echo(value_line(row.value) if row.value is not None else "(nothing)")
    return 0


async def _list(settings: "Settings", agent: str | None, limit: int) -> list[DeadRow]:
    from handrail.cli.broker import connected
    from handrail.cli.inspection import last_records

    async with connected(settings) as bus:
        own = f"{settings.namespace}."
        names = [
            name
            for name in await bus.admin.topics()
            if name.startswith(own) and name.endswith(".dead")
        ]
        if agent is not None:
            names = [name for name in names if name == f"{own}{agent}.dead"]
        found: list[Record] = []
        for name in names:
            found += await last_records(bus, name, await bus.admin.offsets(name), limit)
    found.sort(key=lambda record: record.timestamp_ms, reverse=True)
    return [dead_row(settings.namespace, record) for record in found[:limit]]


async def _show(settings: "Settings", wanted: str) -> DeadRow:
    from handrail.cli.broker import connected
    from handrail.wire.record import TopicPartition

    agent, _, place = wanted.partition("/")
    partition, _, offset = place.partition("/")
    if not (agent and partition.isdigit() and offset.isdigit()):
        reason = "an id is written AGENT/PARTITION/OFFSET."
        raise DeadLetterUnknown(wanted=wanted, reason=reason)
    name = f"{settings.namespace}.{agent}.dead"
    async with connected(settings) as bus:
        counts = await bus.admin.topics()
        if int(partition) >= counts.get(name, 0):
            raise DeadLetterUnknown(wanted=wanted, reason=f"{name} has no such partition.")
        first, end = (await bus.admin.offsets(name))[int(partition)]
        if not first <= int(offset) < end:
            reason = f"the broker keeps offsets {first} to {end - 1} there."
            raise DeadLetterUnknown(wanted=wanted, reason=reason)
        where = TopicPartition(name, int(partition))
        async for record in bus.fetch(where, int(offset), int(offset) + 1):
            return dead_row(settings.namespace, record)
    raise DeadLetterUnknown(wanted=wanted, reason="that offset holds no record.")


def dead_row(namespace: str, record: "Record") -> DeadRow:
    """Read a dead letter's own headers; what is missing or odd is left open, never an error."""
    from handrail.cli.records import readable, readable_headers, value_of
    from handrail.wire.rfc3339 import rfc3339

    headers = readable_headers(record.headers)
    agent = record.topic.removeprefix(f"{namespace}.").removesuffix(".dead")
    origin = "/".join(
        headers.get(f"dlq.original-{part}", "unknown") for part in ("topic", "partition", "offset")
    )
    attempts = headers.get("dlq.attempts", "")
    message = headers.get("dlq.exception-message") or headers.get("dlq.exception-type")
    return DeadRow(
        id=f"{agent}/{record.partition}/{record.offset}",
        agent=agent,
        time=rfc3339(record.timestamp_ms),
        reason=headers.get("dlq.reason", "unknown"),
        task=headers.get("dlq.task") or headers.get("ce_taskid"),
        error=message,
        attempts=int(attempts) if attempts.isdigit() else None,
        original=origin,
        key=readable(record.key),
        value=value_of(record.value),
        headers=headers,
    )
