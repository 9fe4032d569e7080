"""`handrail memory list`: which records are there, and which of them want somebody."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.memory_place import (
    Whose,
    check_whose,
    known_space,
    opened_memory,
    spaces_of,
    whose_options,
)
from handrail.cli.output import Column, Shape, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.remembered_rows import MemoryListRow, MemorySpaceRow

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.contract.memory import Memory
    from handrail.memory.listing import Listed
    from handrail.runtime.memory_acts import OnMemory

LIMIT_DEFAULT, LIMIT_MAX = 50, 10_000
SPACES = (
    Column("SPACE", "space"),
    Column("KEEPS", "keeps"),
    Column("RECORDS", "records", right=True),
    Column("REVIEW DUE", "due", right=True),
    Column("QUARANTINED", "quarantined", right=True),
    Column("FLAGGED", "flagged", right=True),
)
RECORDS = (
    Column("KEY", "key"),
    Column("VERSION", "version", right=True),
    Column("WRITTEN", "written"),
    Column("BY", "by"),
    Column("EXPIRES", "expires", absent="never"),
    Column("STATE", "state"),
)
OF_SUBJECTS = (Column("SUBJECT", "subject", absent="–"), *RECORDS)
OF_TASKS = (Column("TASK", "scratch_of", absent="–"), *RECORDS)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which records of a space are wanted."""

    prefix: str
    due: bool
    quarantined: bool
    flagged: bool
    limit: int


@click.command(name="list")
@click.argument("space", required=False)
@place_options
@whose_options
@click.option("--prefix", metavar="P", default="", help="Only keys that begin so.")
@click.option("--due", is_flag=True, help="Those whose time for a look is over.")
@click.option("--quarantined", is_flag=True, help="Those in quarantine.")
@click.option("--flagged", is_flag=True, help="Those marked by a retraction.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, LIMIT_MAX),
    default=LIMIT_DEFAULT,
    show_default=True,
    help="At most so many.",
)
@output_option
def list_records(
    place: Place,
    space: str | None,
    prefix: str,
    limit: int,
    shape: Shape,
    *,
    due: bool,
    quarantined: bool,
    flagged: bool,
    **whose: str,
) -> int:
    """List the records of a space by their keys: who wrote each, when, and its state.

    With several of --due, --quarantined and --flagged, those of any of these states. Without
    SPACE, count the records of every space and those that want somebody. Nothing that has expired
    is listed. Values are not shown, and what is sealed is not opened: whom a record is about stands
    as a digest.
    """
    wish = Wish(prefix, due, quarantined, flagged, limit)
    mine = Whose(**whose)
    if space is not None:
        asyncio.run(_list(place.settings(), space, wish, mine, shape))
        return 0
    if prefix or due or quarantined or flagged or mine.subject or mine.task:
        raise click.UsageError("Those options choose among the records of one space: name it.")
    asyncio.run(_spaces(place.settings(), mine.tenant, shape))
    return 0


async def _spaces(settings: "Settings", tenant: str, shape: Shape) -> None:
    async with opened_memory(settings, tenant) as memory:
        await show_spaces(memory, tenant, shape)


async def show_spaces(memory: "OnMemory", tenant: str, shape: Shape) -> None:
    """Count the records of every space of a memory that is open."""
    from handrail.memory.listing import counted

    rows: list[MemorySpaceRow] = []
    for name, space in sorted(memory.spaces.items()):
        found = await counted(memory.view, space, tenant, memory.now_ms)
        rows.append(
            MemorySpaceRow(
                space=name,
                keeps=space.keeps.value,
                records=found.records,
                due=found.due,
                quarantined=found.quarantined,
                flagged=found.flagged,
            )
        )
    show_rows("memory-spaces", rows, SPACES, shape, empty="")
    for state in ("due", "quarantined", "flagged"):
        names = [row.space for row in rows if getattr(row, state)]
        if names:
            note(f"Which: handrail memory list {names[0]} --{state}")


async def _list(settings: "Settings", name: str, wish: Wish, whose: Whose, shape: Shape) -> None:
    space = known_space(spaces_of(settings), name)
    check_whose(space, whose, is_one=False)
    async with opened_memory(settings, whose.tenant) as memory:
        await show_records(memory, space, wish, whose, shape)


async def show_records(
    memory: "OnMemory", space: "Memory[Any]", wish: Wish, whose: Whose, shape: Shape
) -> None:
    """List the records that are wanted of a memory that is open."""
    from handrail.memory.listing import States, Within, listed

    states = States(wish.due, wish.quarantined, wish.flagged)
    within = Within(
        tenant=whose.tenant,
        subject=whose.subject and memory.keys.digest(whose.tenant, whose.subject),
        task=whose.task if space.rules.of_one_task else None,
        begins=wish.prefix,
        only_marked=states.only_marked,
    )
    rows: list[MemoryListRow] = []
    has_more = False
    async for one in listed(memory.view, space, within, states, memory.now_ms):
        has_more = len(rows) == wish.limit
        if has_more:
            break
        rows.append(_row(one))
    columns = OF_SUBJECTS if space.is_personal else RECORDS
    columns = OF_TASKS if space.rules.of_one_task else columns
    empty = f"There is no such record in {space.name}."
    show_rows("memory-list", rows, columns, shape, empty=empty)
    _tell(space, rows, has_more=has_more)


def _tell(space: "Memory[Any]", rows: list[MemoryListRow], *, has_more: bool) -> None:
    """Say what there is to say besides the rows."""
    if has_more:
        note(f"These are the first {len(rows)}; to see more: --prefix P, or a higher --limit.")
    if rows and space.is_personal:
        note("Whom each is about stands as a digest; to look at one, name them with --subject.")
    whom = " --subject NAME" if space.is_personal else ""
    if any(row.due or row.quarantined for row in rows):
        note(f"To vouch for one as it stands: handrail memory endorse {space.name} KEY{whom}")


def _row(one: "Listed") -> MemoryListRow:
    from handrail.memory.sealing import subject_of
    from handrail.memory.words import task_of
    from handrail.wire.memory import key_in_words
    from handrail.wire.rfc3339 import rfc3339

    stored = one.record
    review = None if one.review_ms is None else rfc3339(one.review_ms)
    states = [
        "quarantined" if stored.quarantined else "",
        "" if stored.flagged is None else f"flagged: {stored.flagged}",
        f"review due since {review}" if one.is_due else "",
    ]
    return MemoryListRow(
        space=stored.space,
        key=key_in_words(stored.key),
        subject=subject_of(stored.key),
        scratch_of=task_of(stored.key),
        version=stored.version,
        by=stored.agent,
        task=stored.task_id or None,
        written=rfc3339(stored.written_ms),
        expires=None if stored.expires_ms is None else rfc3339(stored.expires_ms),
        state=", ".join(filter(None, states)) or "present",
        quarantined=stored.quarantined,
        flagged=stored.flagged,
        review=review,
        due=one.is_due,
    )
