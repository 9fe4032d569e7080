"""`handrail memory remove`: a person takes a record away, in the very version that is shown."""

import asyncio
import getpass
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from handrail.cli.memory_place import (
    Whose,
    full_key_of,
    known_space,
    opened_memory,
    spaces_of,
    whose_options,
    write_refused,
)
from handrail.cli.memory_rows import memory_row, shown_value
from handrail.cli.output import inert, note
from handrail.cli.place import Place, place_options
from handrail.errors import ConfirmationNeeded, Conflict, NothingRemembered

if TYPE_CHECKING:
    from handrail.bus.settings import Settings


@dataclass(frozen=True, slots=True)
class _Wish:
    by: str
    reason: str
    if_version: int | None
    dry_run: bool
    yes: bool


@click.command()
@click.argument("space")
@click.argument("key")
@place_options
@whose_options
@click.option(
    "--if-version", metavar="N", type=click.IntRange(min=1), help="Only if it is the present one."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--by", metavar="NAME", help="Who wants it.  [default: your login]")
@click.option("--reason", metavar="TEXT", default="", help="Why; everybody who looks sees it.")
def remove(
    place: Place,
    space: str,
    key: str,
    if_version: int | None,
    by: str | None,
    reason: str,
    *,
    dry_run: bool,
    yes: bool,
    **whose: str,
) -> int:
    """Remove a record: nobody reads or finds it from then on.

    Its versions stay in the history. Ends with 3 when there is none, with 4 when it is of a class
    that is never removed or on hold, and with 5 when somebody has written it meanwhile. To forget
    a person: handrail memory forget.
    """
    wish = _Wish(by or getpass.getuser(), reason, if_version, dry_run, yes)
    asyncio.run(_remove(place.settings(), space, key, wish, Whose(**whose)))
    if dry_run:
        note("Nothing was done: this was a dry run.")
        return 0
    note(f"Removed: {space}/{inert(key)}.")
    note(f"What it said before: handrail memory history {space} {inert(key)}")
    return 0


async def _remove(settings: "Settings", name: str, key: str, wish: _Wish, whose: Whose) -> None:
    from handrail.runtime.memory_acts import MemoryActs, Person
    from handrail.wire.memory import NOTHING_WRITTEN

    space = known_space(spaces_of(settings), name)
    if not space.rules.erasable:
        sentence = f"a record of class {space.keeps} is never removed"
        raise write_refused(space, key, sentence, "write a record that says what is different now")
    async with opened_memory(settings, whose.tenant) as memory:
        full = full_key_of(space, key, whose, memory)
        found = await memory.view.get(name, full, wanted=NOTHING_WRITTEN, person=True)
        if found is None:
            raise NothingRemembered(what=f"{name}/{key}", detail="there is no such record now.")
        if wish.if_version not in (None, found.version):
            expected = f"version {wish.if_version}"
            raise Conflict(space=name, key=key, expected=expected, found=found.version)
        row = memory_row(found, memory, present=True)
        note(f"Version {row.version}, written {row.written} by {inert(row.by)}; {row.state}:")
        note(shown_value(row.value))
        if wish.dry_run:
            return
        if not wish.yes:
            _ask(f"handrail memory remove {name} {inert(key)} --if-version {found.version}")
        done = await MemoryActs(memory, Person(wish.by, wish.reason)).remove(found)
        if done.is_conflict:
            now = await memory.view.get(name, full, wanted=NOTHING_WRITTEN, person=True)
            expected = f"version {found.version}"
            version = 0 if now is None else now.version
            raise Conflict(space=name, key=key, expected=expected, found=version)
        if done.sentence is not None:
            raise write_refused(space, key, done.sentence, done.remedy)


def _ask(command: str) -> None:
    if not sys.stdin.isatty():
        raise ConfirmationNeeded(action="removing a record wants a confirmation", command=command)
    click.confirm("Remove it?", abort=True, err=True)
