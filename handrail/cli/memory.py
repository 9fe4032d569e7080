"""`handrail memory`: what the team has decided to remember, what it remembers, and since when."""

import asyncio
import getpass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.memory_acts import forget, hold, release, retract, undo
from handrail.cli.memory_endorse import endorse
from handrail.cli.memory_list import list_records
from handrail.cli.memory_place import (
    Whose,
    full_key_of,
    known_space,
    opened_memory,
    spaces_of,
    whose_options,
    write_refused,
)
from handrail.cli.memory_remove import remove
from handrail.cli.memory_rows import VERSIONS, memory_row, shown_value
from handrail.cli.memory_told import manifest, refused
from handrail.cli.message import given_value
from handrail.cli.numbers import COUNT
from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.remembered_rows import MemoryDiffRow, MemoryRow, PolicyRow
from handrail.errors import Conflict, NothingRemembered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handrail.bus.settings import Settings
    from handrail.contract.memory_reader import AsOf
    from handrail.memory.policy import SpacePolicy
    from handrail.wire.memory import StoredRecord

POLICY = (
    Column("SPACE", "space"),
    Column("KEEPS", "keeps"),
    Column("PERSISTS", "persists"),
    Column("EXPIRES", "expires"),
    Column("CHANGES", "changes"),
    Column("READERS", "readers", absent="every agent"),
    Column("WRITERS", "writers", absent="every agent"),
)
DIFF = (
    Column("FIELD", "field"),
    Column("BEFORE", "before", absent="–"),
    Column("AFTER", "after", absent="–"),
)
HITS = (Column("SCORE", "score", right=True), *VERSIONS)


@click.group()
def memory() -> None:
    """Memory: what is kept, looking, writing, what models were given, taking back, forgetting."""


ACTS = (list_records, manifest, refused, endorse, remove, undo, retract, forget, hold, release)
for act in ACTS:
    memory.add_command(act)


@memory.command()
@click.argument("space", required=False)
@place_options
@output_option
def policy(place: Place, space: str | None, shape: Shape) -> int:
    """Say what the team keeps: what persists, expires and never changes, and who may use it.

    It is read from the files in memory/; no broker is asked.
    """
    from handrail.memory.policy import policy_of

    spaces = spaces_of(place.settings())
    names = sorted(spaces) if space is None else [known_space(spaces, space).name]
    found = [policy_of(spaces[name]) for name in names]
    if shape is Shape.TABLE and found:
        click.echo("\n\n".join(map(_policy_in_words, found)))
        return 0
    empty = "This team keeps nothing: it declares no memory space."
    show_rows("memory-policy", [_policy_row(one) for one in found], POLICY, shape, empty=empty)
    return 0


@memory.command()
@click.argument("space")
@click.argument("key")
@place_options
@whose_options
@click.option("--as-of", metavar="VERSION|TIME", help="An earlier version, or the one at a time.")
@output_option
def get(place: Place, space: str, key: str, as_of: str | None, shape: Shape, **whose: str) -> int:
    """Show a record as it is now, or as it was. TIME is like 2026-11-28T14:00:00Z.

    Ends with 3 when there is none.
    """
    wanted = _as_of(as_of)
    row = asyncio.run(_get(place.settings(), space, key, wanted, Whose(**whose)))
    if shape is Shape.TABLE:
        note(f"Version {row.version}, written {row.written} by {inert(row.by)}; {row.state}.")
        if row.reason is not None:
            note(f"Why: {inert(row.reason)}")
        click.echo(shown_value(row.value))
        return 0
    show_rows("memory", [row], VERSIONS, shape, empty="")
    return 0


@memory.command()
@click.argument("space")
@click.argument("key")
@click.argument("value", metavar="JSON|-")
@place_options
@whose_options
@click.option(
    "--if-version",
    metavar="N",
    type=click.IntRange(min=0),
    help="Only if this is the present version; 0: only if there is none.",
)
@click.option("--by", metavar="NAME", help="Who writes.  [default: your login]")
@click.option("--reason", metavar="TEXT", default="", help="Why; everybody who looks sees it.")
def put(
    place: Place,
    space: str,
    key: str,
    value: str,
    if_version: int | None,
    by: str | None,
    reason: str,
    **whose: str,
) -> int:
    """Write a record as a person. - reads the value from the standard input.

    Without --if-version it replaces whatever is there when the command has looked. Ends with 5
    when somebody has written it meanwhile and with 4 when the space does not allow it.
    """
    text = given_value(value)
    said = (text, by or getpass.getuser(), reason)
    version = asyncio.run(_put(place.settings(), space, key, said, if_version, Whose(**whose)))
    note(f"Written: {space}/{inert(key)} is at version {version}.")
    note(f"Earlier versions: handrail memory history {space} {inert(key)}")
    return 0


@memory.command()
@click.argument("space")
@click.argument("words", nargs=-1, required=True)
@place_options
@whose_options
@click.option("-k", "count", type=COUNT, default=10, show_default=True, help="At most so many.")
@output_option
def search(
    place: Place, space: str, words: tuple[str, ...], count: int, shape: Shape, **whose: str
) -> int:
    """Find the records of a space that match words, the best first."""
    found = asyncio.run(_search(place.settings(), space, " ".join(words), count, Whose(**whose)))
    show_rows("memory", found, HITS, shape, empty=f"Nothing in {space} matches.")
    return 0


@memory.command()
@click.argument("space")
@click.argument("key")
@place_options
@whose_options
@output_option
def history(place: Place, space: str, key: str, shape: Shape, **whose: str) -> int:
    """Show every version of a record that is still kept, oldest first: who wrote it, and why."""
    rows = asyncio.run(_history(place.settings(), space, key, Whose(**whose)))
    show_rows("memory", rows, VERSIONS, shape, empty="")
    return 0


@memory.command()
@click.argument("space")
@click.argument("key")
@click.argument("before", metavar="VERSION", type=int)
@click.argument("after", metavar="[VERSION]", type=int, required=False)
@place_options
@whose_options
@output_option
def diff(
    place: Place,
    space: str,
    key: str,
    before: int,
    after: int | None,
    shape: Shape,
    **whose: str,
) -> int:
    """Show in which fields two versions of a record differ; the second is the present one."""
    from handrail.memory.difference import difference

    rows = asyncio.run(_history(place.settings(), space, key, Whose(**whose)))
    by_version = {row.version: row for row in rows}
    last = rows[-1].version if after is None else after
    for wanted in (before, last):
        if wanted not in by_version:
            known = ", ".join(map(str, by_version))
            what = f"version {wanted} of {space}/{key}"
            raise NothingRemembered(what=what, detail=f"kept are versions {known}.")
    fields = difference(by_version[before].value, by_version[last].value)
    found = [MemoryDiffRow(*one) for one in fields]
    same = f"Versions {before} and {last} say the same."
    show_rows("memory-diff", found, DIFF, shape, empty=same)
    return 0


async def _get(settings: "Settings", name: str, key: str, as_of: "AsOf", whose: Whose) -> MemoryRow:
    async with opened_memory(settings, whose.tenant) as memory:
        space = known_space(memory.spaces, name)
        full = full_key_of(space, key, whose, memory)
        found = await memory.view.get(name, full, wanted=_anything(), as_of=as_of, person=True)
        if found is None:
            raise _nothing(name, key)
        return memory_row(found, memory, present=True)


async def _put(
    settings: "Settings",
    name: str,
    key: str,
    said: tuple[str, str, str],
    if_version: int | None,
    whose: Whose,
) -> int:
    from handrail.memory.sealing import sealed
    from handrail.runtime.memory_acts import MemoryActs, Person
    from handrail.wire.memory import Command, Op

    text, by, reason = said
    declared = known_space(spaces_of(settings), name)
    declared.check_key(key)
    _check_words(declared, key, text)
    async with opened_memory(settings, whose.tenant) as memory:
        space = known_space(memory.spaces, name)
        full = full_key_of(space, key, whose, memory, writes=True)
        present = await memory.view.get(name, full, wanted=_anything(), person=True)
        expect = if_version
        if expect is None and space.rules.compares:
            expect = 0 if present is None else present.version
        value = _fitting(space, text)
        person = Person(by, reason)
        command = Command(
            op=Op.PUT,
            space=name,
            key=full,
            by=person.by,
            type_name=space.type_name,
            value=value,
            expect=expect,
            reason=reason,
        )
        _, done = await MemoryActs(memory, person).put(sealed(command, memory.keys))
        now = await memory.view.get(name, full, wanted=_anything(), person=True)
        version = 0 if now is None else now.version
        if done.is_conflict:
            expected = "nothing" if expect == 0 else f"version {expect}"
            raise Conflict(space=name, key=key, expected=expected, found=version)
        if done.sentence is not None:
            raise write_refused(space, key, done.sentence, done.remedy)
        return version


async def _search(
    settings: "Settings", name: str, text: str, count: int, whose: Whose
) -> list[MemoryRow]:
    from handrail.memory.rights import tenant_part

    async with opened_memory(settings, whose.tenant) as memory:
        space = known_space(memory.spaces, name)
        prefix = f"{tenant_part(whose.tenant)}/"
        if whose.subject is not None or whose.task is not None:
            prefix = full_key_of(space, "x", whose, memory).removesuffix("x")
        found = await memory.view.search(name, prefix, text, count, wanted=_anything())
        return [memory_row(one.record, memory, present=True, score=one.score) for one in found]


async def _history(settings: "Settings", name: str, key: str, whose: Whose) -> list[MemoryRow]:
    async with opened_memory(settings, whose.tenant) as memory:
        full = full_key_of(known_space(memory.spaces, name), key, whose, memory)
        now = await memory.view.get(name, full, wanted=_anything(), person=True)
        found: Sequence[StoredRecord] = await memory.view.history(
            name, full, wanted=_anything(), person=True
        )
        if not found and now is not None:
            found = [now]
        if not found:
            raise _nothing(name, key)
        present = now.version if now is not None else None
        return [memory_row(one, memory, present=one.version == present) for one in found]


def _check_words(space: Any, key: str, text: str) -> None:  # noqa: ANN401  # a space of any type
    """Raise WriteRefused for what may not be kept, before it is sealed or leaves the process."""
    from handrail.memory.gate import refused_text

    refusal = refused_text(space, _fitting(space, text))
    if refusal is not None:
        raise write_refused(space, key, refusal.detail, refusal.remedy)


def _fitting(space: Any, text: str) -> object:  # noqa: ANN401  # a space of any type
    """Give what a person typed as a value of the space, or say what is wrong with it."""
    import orjson

    from handrail.errors import HandrailError

    # A space of texts takes words as they are; anything else is JSON.
    body = text.encode()
    if space.carries is str and not text.startswith('"'):
        body = orjson.dumps(text)
    try:
        value: object = orjson.loads(space.encode(space.decode(space.type_name, body)))
    except HandrailError as error:
        raise click.UsageError(f"This is no value of {space.name}: {error.what}") from error
    return value


def _as_of(text: str | None) -> "AsOf":
    from handrail.contract.memory_reader import AsOf

    if text is None:
        return AsOf()
    if text.isascii() and text.isdigit():
        return AsOf(version=int(text[:18]))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(
            f"{text!r} is neither a version nor a time such as 2026-11-28T14:00:00Z."
        ) from None
    if moment.tzinfo is None:
        raise click.UsageError(f"{text!r} names no time zone; write Z or +01:00 behind it.")
    return AsOf(at_ms=round(moment.timestamp() * 1000))


def _anything() -> Any:  # noqa: ANN401  # a value of a lazily imported type
    from handrail.wire.memory import NOTHING_WRITTEN

    return NOTHING_WRITTEN


def _nothing(space: str, key: str) -> NothingRemembered:
    detail = "it was never written, or was removed, or its time is over."
    return NothingRemembered(what=f"{space}/{key}", detail=detail)


def _policy_in_words(one: "SpacePolicy") -> str:
    title = f"{one.space} ({one.keeps}): {one.purpose}" if one.purpose else one.space
    return "\n".join([title.rstrip(), *(f"  {sentence}" for sentence in one.sentences())])


def _policy_row(one: "SpacePolicy") -> PolicyRow:
    return PolicyRow(
        space=one.space,
        keeps=one.keeps,
        purpose=one.purpose,
        persists=one.persists,
        expires=one.expires,
        changes=one.changes,
        readers=list(one.readers),
        writers=list(one.writers),
        untrusted=one.untrusted,
        personal=one.personal,
        quota=one.quota,
    )
