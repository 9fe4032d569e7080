"""`handrail dead`: handoffs that will not be tried again, with their reasons and their bytes."""

import asyncio
import heapq
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

import click
import orjson

from handrail.cli.dead_settling import discard, redrive
from handrail.cli.numbers import COUNT
from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import DeadGroupRow, DeadRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from handrail.bus.settings import Settings
    from handrail.cli.dead_choosing import Ledger
    from handrail.runtime.dead_letters import FoundLetter
    from handrail.wire.record import Record

COLUMNS = (
    Column("ID", "id"),
    Column("GROUP", "group", absent="–"),
    Column("TIME", "time"),
    Column("REASON", "reason"),
    Column("TASK", "task", absent="–"),
    Column("WHY", "error", absent=""),
)
ALL_COLUMNS = (*COLUMNS, Column("SETTLED", "settled", absent="open"))
FULL_COLUMNS = (*ALL_COLUMNS, Column("FROM", "original"), Column("VALUE", "value"))
GROUP_COLUMNS = (
    Column("GROUP", "group"),
    Column("COUNT", "count", right=True),
    Column("AGENT", "agent"),
    Column("REASON", "reason"),
    Column("STEP", "step", absent="–"),
    Column("FIRST", "first"),
    Column("LAST", "last"),
    Column("WHY, OF THE LAST ONE", "error", absent=""),
)
LAST_LINES = 20


@click.group()
def dead() -> None:
    """Dead letters: list, show, redrive, discard."""


for _settling in (redrive, discard):
    dead.add_command(_settling)


@dead.command(name="list")
@place_options
@click.option("--agent", metavar="AGENT", help="Only those of this agent.")
@click.option("--groups", is_flag=True, help="Put together those that died alike.")
@click.option("--all", "settled_too", is_flag=True, help="Also those sent back or given up.")
@click.option("-n", "--limit", type=COUNT, default=50, show_default=True, help="At most so many.")
@output_option
def list_dead(
    place: Place,
    agent: str | None,
    limit: int,
    shape: Shape,
    *,
    groups: bool,
    settled_too: bool,
) -> int:
    """List dead letters that wait for somebody, the newest first. They are kept for 30 days."""
    if groups and settled_too:
        message = "--groups puts open dead letters together; leave --all out."
        raise click.UsageError(message, click.get_current_context(silent=True))
    whose = f" of {inert(agent)}" if agent else ""
    empty = f"There are no dead letters{whose}."
    if not settled_too:
        empty = f"No dead letter{whose} is open."
    if groups:
        found = asyncio.run(_groups(place.settings(), agent))
        show_rows("dead_groups", found[:limit], GROUP_COLUMNS, shape, empty=empty)
        if shape is Shape.TABLE and found:
            example = f"handrail dead redrive --group {found[0].group} --dry-run"
            note(f"What sending a group back would do: {example}")
        return 0
    rows = asyncio.run(_list(place.settings(), agent, limit, settled_too=settled_too))
    show_rows("dead", rows, ALL_COLUMNS if settled_too else COLUMNS, shape, empty=empty)
    return 0


@dead.command()
@click.argument("dead_id", metavar="ID")
@place_options
@output_option
def show(place: Place, dead_id: str, shape: Shape) -> int:
    """Show one dead letter: why it died, and its original bytes. ID is AGENT/PARTITION/OFFSET.

    What it carried alone goes to standard output: `handrail dead show ID > message.json` keeps it.
    """
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
        from handrail.runtime.log_lines import own_frames_of

        shown = own_frames_of(stack).splitlines()[-LAST_LINES:]
        note("\n".join(inert(line) for line in shown))
    if row.settled:
        note(f"It is settled: {inert(row.settled)}.")
    else:
        note(f"Send it back:  handrail dead redrive {row.id}")
        note(f"Or give it up: handrail dead discard {row.id} --why TEXT")
    note("What it carried:")
    click.echo(
        "(nothing)" if row.value is None else carried(row.value, to_file=not sys.stdout.isatty())
    )
    return 0


def carried(value: object, *, to_file: bool) -> str:
    """Give what a letter carried, on one line; into a file as JSON, so that a text stays whole."""
    from handrail.cli.records import value_line

    return orjson.dumps(value).decode() if to_file else value_line(value)


async def _list(
    settings: "Settings", agent: str | None, limit: int, *, settled_too: bool
) -> list[DeadRow]:
    from handrail.cli.dead_choosing import Ledger
    from handrail.cli.projection import current_projection
    from handrail.runtime.dead_letters import dead_records

    newest: list[tuple[int, int, DeadRow]] = []
    async with current_projection(settings) as (projection, bus):
        ledger, number = Ledger(projection), 0
        async with aclosing(dead_records(bus, settings.namespace, agent)) as records:
            async for record in records:
                row = dead_row(settings.namespace, record, ledger)
                if settled_too or row.settled is None:
                    number += 1
                    heapq.heappush(newest, (record.timestamp_ms, number, row))
                if len(newest) > limit:
                    heapq.heappop(newest)
    return [row for _, _, row in sorted(newest, key=lambda one: one[:2], reverse=True)]


async def _groups(settings: "Settings", agent: str | None) -> list[DeadGroupRow]:
    from handrail.cli.dead_choosing import Ledger
    from handrail.cli.projection import current_projection
    from handrail.runtime.dead_letters import all_letters

    async with current_projection(settings) as (projection, bus):
        ledger = Ledger(projection)
        found = await all_letters(bus, settings.namespace, agent, whole=False)
        return groups_of(one for one in found if ledger.settled(one) is None)


def groups_of(letters: "Iterable[FoundLetter]") -> list[DeadGroupRow]:
    """Put letters together that died alike, the largest group first; they come oldest first."""
    from handrail.wire.rfc3339 import rfc3339

    by_group: dict[str, list[FoundLetter]] = {}
    for letter in letters:
        by_group.setdefault(letter.group, []).append(letter)
    rows: list[DeadGroupRow] = []
    for group, alike in by_group.items():
        last = alike[-1].letter.failure
        row = DeadGroupRow(
            group=group,
            agent=alike[-1].id.agent,
            reason=last.reason,
            step=last.step,
            error=last.exception_message or last.exception_type,
            count=len(alike),
            first=rfc3339(alike[0].letter.failure.failed_ms),
            last=rfc3339(last.failed_ms),
            example=str(alike[-1].id),
        )
        rows.append(row)
    return sorted(rows, key=lambda row: (-row.count, row.last), reverse=False)


async def _show(settings: "Settings", wanted: str) -> DeadRow:
    from handrail.cli.dead_choosing import Ledger, bytes_of
    from handrail.cli.projection import current_projection
    from handrail.runtime.dead_letters import DeadId, find_record

    async with current_projection(settings) as (projection, bus):
        record = await find_record(bus, settings.namespace, DeadId.read(wanted))
        body = await bytes_of(bus, settings.namespace, record)
        return dead_row(settings.namespace, record, Ledger(projection), body)


def dead_row(
    namespace: str, record: "Record", ledger: "Ledger | None" = None, body: bytes | None = None
) -> DeadRow:
    """Read a dead letter's own headers; what is missing or odd is left open, never an error."""
    from handrail.cli.records import readable, readable_headers, value_of
    from handrail.runtime.dead_letters import letter_of
    from handrail.wire.rfc3339 import rfc3339

    headers = readable_headers(record.headers)
    agent = record.topic.removeprefix(f"{namespace}.").removesuffix(".dead")
    origin = "/".join(
        headers.get(f"dlq.original-{part}", "unknown") for part in ("topic", "partition", "offset")
    )
    attempts = headers.get("dlq.attempts", "")
    message = headers.get("dlq.exception-message") or headers.get("dlq.exception-type")
    letter = letter_of(namespace, record)
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
        value=value_of(record.value if body is None else body),
        headers=headers,
        group=None if letter is None else letter.group,
        settled=None if letter is None or ledger is None else ledger.settled(letter),
    )
