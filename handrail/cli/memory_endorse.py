"""`handrail memory endorse`: a person vouches for a record that nobody trusted, as it stands."""

import asyncio
import getpass
import sys
from typing import TYPE_CHECKING

import click

from handrail.cli.memory_place import (
    Whose,
    full_key_of,
    known_space,
    opened_memory,
    whose_options,
    write_refused,
)
from handrail.cli.memory_rows import memory_row, shown_value
from handrail.cli.output import inert, note
from handrail.cli.place import Place, place_options
from handrail.errors import ConfirmationNeeded, Conflict, NothingRemembered

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.wire.memory import StoredRecord


@click.command()
@click.argument("space")
@click.argument("key")
@place_options
@whose_options
@click.option("--by", metavar="NAME", help="Who vouches for it.  [default: your login]")
@click.option("--reason", metavar="TEXT", default="", help="Why; everybody who looks sees it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def endorse(
    place: Place, space: str, key: str, by: str | None, reason: str, *, yes: bool, **whose: str
) -> int:
    """Vouch for a record of untrusted origin, in the very version that is shown.

    It leaves quarantine, and whoever reads it is trusted as if a person had written it. Of a
    preference or a procedure it is also the look that it wants from time to time. Ends with 3 when
    there is none and with 5 when somebody has written it meanwhile.
    """
    person = (by or getpass.getuser(), reason)
    before, version = asyncio.run(
        _endorse(place.settings(), space, key, person, Whose(**whose), yes=yes)
    )
    if before == version:
        note(f"{space}/{inert(key)} was trusted as a person's already; nothing was written.")
        return 0
    note(f"Endorsed: {space}/{inert(key)} is trusted as a person's, as version {version}.")
    return 0


async def _endorse(
    settings: "Settings", name: str, key: str, said: tuple[str, str], whose: Whose, *, yes: bool
) -> tuple[int, int]:
    from handrail.memory.sealing import opened
    from handrail.runtime.memory_acts import MemoryActs, Person
    from handrail.wire.memory import Command, Op, Positions

    by, reason = said
    async with opened_memory(settings, whose.tenant) as memory:
        space = known_space(memory.spaces, name)
        full = full_key_of(space, key, whose, memory, writes=True)
        found = await memory.view.get(name, full, wanted=Positions({}), person=True)
        if found is None:
            raise NothingRemembered(what=f"{name}/{key}", detail="there is no such record now.")
        row = memory_row(found, memory, present=True)
        note(f"Version {row.version}, written {row.written} by {inert(row.by)}; {row.state}:")
        note(shown_value(row.value))
        if not yes:
            _ask(opened(found, memory.keys), f"handrail memory endorse {name} {inert(key)}")
        person = Person(by, reason)
        command = Command(
            op=Op.ENDORSE,
            space=name,
            key=full,
            by=person.by,
            expect=found.version,
            reason=reason,
        )
        _, done = await MemoryActs(memory, person).put(command)
        now = await memory.view.get(name, full, wanted=Positions({}), person=True)
        version = 0 if now is None else now.version
        if done.is_conflict:
            expected = f"version {found.version}"
            raise Conflict(space=name, key=key, expected=expected, found=version)
        if done.sentence is not None:
            raise write_refused(space, key, done.sentence, done.remedy)
        return found.version, version


def _ask(found: "StoredRecord | None", command: str) -> None:
    if found is None:
        raise NothingRemembered(what="this record", detail="whoever it was about was forgotten.")
    if not sys.stdin.isatty():
        raise ConfirmationNeeded(
            action="vouching for a record wants a confirmation", command=command
        )
    click.confirm("Do you vouch for it?", abort=True, err=True)
