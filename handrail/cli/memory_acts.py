"""`handrail memory undo`, `retract`, `forget`, `hold`, `release`: what people take back.

Each shows what it would do before it does anything; what is done is told record by record.
"""

import asyncio
import getpass
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

from handrail.cli.memory_place import memory_on, opened_memory, tenant_option, views_folder
from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.remembered_rows import MemoryChangeRow, MemoryReceiptRow
from handrail.errors import ConfirmationNeeded, NothingRemembered

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.ledger.consequences import Act
    from handrail.ledger.memory_event import MemoryForgotten
    from handrail.memory.changes import Plan
    from handrail.memory.erasing import Forgetting
    from handrail.runtime.memory_acts import Done, MemoryActs, OnMemory

R = TypeVar("R")

CHANGES = (
    Column("SPACE", "space"),
    Column("KEY", "key"),
    Column("VERSION", "version", right=True),
    Column("STATE", "state"),
    Column("WHAT", "does", absent=""),
    Column("WHY", "why", absent=""),
)
RECEIPT = (
    Column("SUBJECT", "subject"),
    Column("RECORDS", "records", right=True),
    Column("VERSIONS", "versions", right=True),
    Column("ELSEWHERE", "elsewhere", right=True),
    Column("LEFT", "left", right=True),
    Column("KEY DESTROYED", "key_destroyed"),
    Column("STATE", "state"),
)
CONFLICT = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """What every act is told."""

    tenant: str
    dry_run: bool
    yes: bool
    by: str | None
    reason: str

    @property
    def person(self) -> str:
        """Who acts."""
        return self.by or getpass.getuser()


def _wish(function: Callable[..., R]) -> Callable[..., R]:
    for option in (
        click.option("--reason", metavar="TEXT", default="", help="Why; everybody sees it."),
        click.option("--by", metavar="NAME", help="Who wants it.  [default: your login]"),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Only show what would be done."),
        tenant_option,
    ):
        function = option(function)
    return function


@click.command()
@click.argument("task", metavar="ID|REFERENCE")
@place_options
@_wish
@output_option
def undo(place: Place, task: str, shape: Shape, **wish: object) -> int:
    """Take back what a task has written to memory, by new versions.

    What somebody has written since stays as it is and is listed; then it ends with 5. The undo is
    itself in the history and can be taken back by writing again.
    """
    return asyncio.run(_undo(place.settings(), task, shape, Wish(**wish)))  # type: ignore[arg-type]  # the options of `_wish`


@click.command()
@click.argument("message", metavar="MESSAGE")
@place_options
@_wish
@output_option
def retract(place: Place, message: str, shape: Shape, **wish: object) -> int:
    """Take back what memory holds because of a message, across all agents.

    MESSAGE is the id of a handoff: `message` of `handrail memory history SPACE KEY -o json`, or
    `ce_id` of `handrail show TASK -o json`; or another source that records name in
    `derived_from`, such as a document. What was handed on because of a message counts too, in
    whichever task, and what was made from that. What tools have done already and what has left the
    team is listed. Ends with 3 when nobody has heard of such a message or source.
    """
    return asyncio.run(_retract(place.settings(), message, shape, Wish(**wish)))  # type: ignore[arg-type]  # the options of `_wish`


@click.command()
@click.argument("subject")
@place_options
@_wish
@output_option
def forget(place: Place, subject: str, shape: Shape, **wish: object) -> int:
    """Forget a person: destroy their key, remove their records and what was made from them.

    It cannot be taken back. Ends with 3 when nothing is known of them, also when they were
    forgotten before, and with 4 when somebody has put them on hold. The reason is on the receipt.
    """
    return asyncio.run(_forget(place.settings(), subject, shape, Wish(**wish)))  # type: ignore[arg-type]  # the options of `_wish`


@click.command()
@click.argument("subject")
@place_options
@tenant_option
@click.option("--reason", metavar="TEXT", required=True, help="Why, such as the number of a case.")
@click.option("--by", metavar="NAME", help="Who wants it.  [default: your login]")
def hold(place: Place, subject: str, tenant: str, reason: str, by: str | None) -> int:
    """Keep a person from being forgotten, and what is known of them from being removed."""
    wish = Wish(tenant, dry_run=False, yes=True, by=by, reason=reason)
    asyncio.run(_hold(place.settings(), subject, wish))
    note(f"{inert(subject)} is on hold: nothing about them is forgotten or removed.")
    note(f"To end it: handrail memory release {inert(subject)}")
    return 0


@click.command()
@click.argument("subject")
@place_options
@tenant_option
@click.option("--reason", metavar="TEXT", default="", help="Why; everybody who looks sees it.")
@click.option("--by", metavar="NAME", help="Who wants it.  [default: your login]")
def release(place: Place, subject: str, tenant: str, reason: str, by: str | None) -> int:
    """End the hold of a person; they can be forgotten again. Ends with 3 when there was none."""
    wish = Wish(tenant, dry_run=False, yes=True, by=by, reason=reason)
    if not asyncio.run(_release(place.settings(), subject, wish)):
        raise NothingRemembered(what=inert(subject), detail="nobody has put them on hold.")
    note(f"{inert(subject)} is not on hold any more.")
    return 0


async def _undo(settings: "Settings", wanted: str, shape: Shape, wish: Wish) -> int:
    from handrail.cli.projection import current_projection, known_task

    async with current_projection(settings) as (projection, bus):
        facts = await known_task(settings, projection, bus, wanted)
        async with memory_on(bus, settings, wish.tenant) as memory:
            acts = _acts(memory, wish, f"undo of task {facts.task_id}")
            plan = await acts.undoing(facts.task_id)
            what = f"Task {facts.task_id} has written nothing to memory that could be taken back."
            return await _offer(acts, plan, shape, wish, what)


async def _retract(settings: "Settings", message: str, shape: Shape, wish: Wish) -> int:
    from handrail.cli.projection import current_projection
    from handrail.runtime.retraction import plan_retraction

    async with (
        current_projection(settings) as (projection, bus),
        memory_on(bus, settings, wish.tenant) as memory,
    ):
        acts = _acts(memory, wish, f"retraction of message {message}")
        found = await plan_retraction(projection, acts, message, wish.tenant)
        if not found.known:
            detail = "neither the ledger nor memory has heard of such a message or source."
            raise NothingRemembered(what=inert(message), detail=detail)
        for act in found.acts:
            note(_done_already(act))
        for one in found.left:
            note(f"Done already, and not taken back: a message to {one.topic} ({inert(one.id)}).")
        if found.cut:
            note("More tasks came of it than one retraction looks at: retract later messages too.")
        what = f"Memory holds nothing because of message {inert(message)}."
        ended = await _offer(acts, found.plan, shape, wish, what)
        return CONFLICT if found.cut and ended == 0 else ended


def _done_already(act: "Act") -> str:
    who, what = inert(act.agent), inert(act.text)
    if act.undoable:
        return f"Done already by {who}: {what}. To take it back: handrail undo {act.task}"
    perhaps = ", though nobody knows whether it happened" if act.perhaps else ""
    return f"Done already by {who}, and not taken back: {what}{perhaps} (task {act.task})."


async def _offer(acts: "MemoryActs", plan: "Plan", shape: Shape, wish: Wish, nothing: str) -> int:
    """Show a plan, ask, and carry it out."""
    from handrail.contract.explain import many

    rows = _planned(plan)
    if plan.is_empty or wish.dry_run:
        show_rows("memory-changes", rows, CHANGES, shape, empty=nothing)
        if wish.dry_run and not plan.is_empty:
            note("Nothing was done: this was a dry run.")
        return CONFLICT if plan.left and not wish.dry_run else 0
    if not wish.yes:
        if not sys.stdin.isatty():
            raise ConfirmationNeeded(
                action="changing memory wants a confirmation",
                command=" ".join(["handrail", *sys.argv[1:]]),
            )
        show_rows("memory-changes", rows, CHANGES, Shape.TABLE, empty="")
        click.confirm(f"Change {many(len(plan.changes), 'record')}?", abort=True, err=True)
    done = await acts.carry_out(plan.changes)
    show_rows("memory-changes", _carried_out(done, plan), CHANGES, shape, empty=nothing)
    failed = sum(one.sentence is not None for one in done) + len(plan.left)
    changed = many(len(done) - failed + len(plan.left), "record")
    note(f"{changed} changed, {failed} left as before.")
    note("Each is a new version; the one before stays: handrail memory history SPACE KEY")
    return CONFLICT if failed else 0


async def _forget(settings: "Settings", subject: str, shape: Shape, wish: Wish) -> int:
    async with opened_memory(settings, wish.tenant) as memory:
        acts = _acts(memory, wish, "")
        await acts.check_not_held(subject)
        plan = await acts.forgetting(subject)
        digest = memory.keys.digest(wish.tenant, subject)
        if plan.is_empty and memory.keys.find(digest) is None:
            if not wish.dry_run:
                # An earlier forgetting may have left old bytes of the key, which this clears.
                await asyncio.to_thread(memory.keys.destroy, digest)
            await _check_unfinished(settings, subject, digest, plan)
        _preview(subject, plan)
        if wish.dry_run:
            row = _planned_receipt(subject, digest, plan, wish)
            show_rows("memory-receipts", [row], RECEIPT, shape, empty="")
            note("Nothing was done: this was a dry run.")
            return 0
        if not wish.yes:
            _confirm(subject)
        receipt = await acts.forget(subject, plan, views_folder(settings.project_dir))
        row = _receipt(subject, receipt)
        show_rows("memory-receipts", [row], RECEIPT, shape, empty="")
        note("The receipt stands on the ledger. No undo exists: the key is gone.")
        note("Backups of the file of keys from before still open what was known of them.")
        return CONFLICT if receipt.left else 0


async def _check_unfinished(
    settings: "Settings", subject: str, digest: str, plan: "Forgetting"
) -> None:
    """Raise NothingRemembered, unless only the receipt of a forgetting was not written."""
    from handrail.cli.projection import current_projection
    from handrail.ledger.queries import receipt_of
    from handrail.wire.rfc3339 import rfc3339

    detail = "nobody has written about them."
    if plan.removals:
        async with current_projection(settings) as (projection, _):
            receipt = receipt_of(projection, digest)
        if receipt is None:
            return
        when, by = rfc3339(receipt.time_ms), inert(receipt.by)
        detail = f"they were forgotten at {when} by {by}; the receipt stands on the ledger."
    raise NothingRemembered(what=inert(subject), detail=detail)


def _receipt(subject: str, receipt: "MemoryForgotten") -> MemoryReceiptRow:
    from handrail.wire.rfc3339 import rfc3339

    return MemoryReceiptRow(
        subject=subject,
        digest=receipt.key,
        records=receipt.records,
        versions=receipt.versions,
        elsewhere=receipt.elsewhere,
        left=receipt.left,
        key_destroyed=receipt.key_destroyed,
        time=rfc3339(receipt.time_ms),
        state="done",
        by=receipt.by,
        reason=receipt.reason or None,
    )


def _planned_receipt(subject: str, digest: str, plan: "Forgetting", wish: Wish) -> MemoryReceiptRow:
    return MemoryReceiptRow(
        subject=subject,
        digest=digest,
        records=sum(plan.own.values()),
        versions=plan.versions,
        elsewhere=len(plan.elsewhere.changes),
        left=len(plan.elsewhere.left),
        key_destroyed=False,
        time=None,
        state="planned",
        by=f"person:{wish.person}",
        reason=wish.reason or None,
    )


def _preview(subject: str, plan: "Forgetting") -> None:
    from handrail.contract.explain import many

    count = sum(plan.own.values())
    spaces = ", ".join(f"{n} in {space}" for space, n in sorted(plan.own.items())) or "none"
    versions = many(plan.versions, "version")
    note(f"About {inert(subject)}: {many(count, 'record')} ({spaces}), {versions}.")
    for change in plan.elsewhere.changes:
        note(f"Made from them: {change.space}/{inert(change.key)}; forgetting {change.does}.")
    for left in plan.elsewhere.left:
        note(f"Made from them and left: {left.space}/{inert(left.key)}; {left.why}.")


def _confirm(subject: str) -> None:
    if not sys.stdin.isatty():
        raise ConfirmationNeeded(
            action=f"forgetting {subject} cannot be taken back",
            command=f"handrail memory forget {subject}",
        )
    text = f"This cannot be taken back. Type {subject} to go on"
    if click.prompt(text, err=True, default="", show_default=False) != subject:
        raise click.Abort


async def _hold(settings: "Settings", subject: str, wish: Wish) -> None:
    async with opened_memory(settings, wish.tenant) as memory:
        await _acts(memory, wish, "").hold(subject)


async def _release(settings: "Settings", subject: str, wish: Wish) -> bool:
    async with opened_memory(settings, wish.tenant) as memory:
        return await _acts(memory, wish, "").release(subject)


def _acts(memory: "OnMemory", wish: Wish, reason: str) -> "MemoryActs":
    from handrail.runtime.memory_acts import MemoryActs, Person

    words = ": ".join(part for part in (reason, wish.reason) if part)
    return MemoryActs(memory, Person(wish.person, words))


def _planned(plan: "Plan") -> list[MemoryChangeRow]:
    from handrail.wire.memory import key_in_words

    changes = [
        MemoryChangeRow(one.space, key_in_words(one.key), one.version, one.does, "planned", None)
        for one in plan.changes
    ]
    return [*changes, *_left(plan)]


def _carried_out(done: "list[Done]", plan: "Plan") -> list[MemoryChangeRow]:
    from handrail.wire.memory import key_in_words

    rows: list[MemoryChangeRow] = []
    for one in done:
        change = one.change
        failed = "conflict" if one.is_conflict else "refused"
        state = "done" if one.sentence is None else failed
        key = key_in_words(change.key)
        rows.append(
            MemoryChangeRow(change.space, key, change.version, change.does, state, one.sentence)
        )
    return [*rows, *_left(plan)]


def _left(plan: "Plan") -> list[MemoryChangeRow]:
    from handrail.wire.memory import key_in_words

    return [
        MemoryChangeRow(one.space, key_in_words(one.key), one.version, "leaves it", "left", one.why)
        for one in plan.left
    ]
