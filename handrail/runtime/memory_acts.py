"""What people do to memory: take back what a task wrote or a message caused, and forget a person.

Each is planned from the view, shown, and carried out as commands that name the version which they
change, so that nothing is overwritten that was written meanwhile. Done twice, it is done once.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from handrail.bus.port import Bus
from handrail.contract.memory import Memory
from handrail.errors import CommitDoubtful
from handrail.errors.store import StoreDamaged, StoreTooNew, StoreUnusable
from handrail.errors.subject import KeeperRefused, SealBroken, SubjectHeld
from handrail.ledger.event_record import LEDGER, encode
from handrail.ledger.memory_event import MEMORY_TASK, MemoryForgotten, MemoryRefused
from handrail.memory.changes import Change, Plan, Planner
from handrail.memory.erasing import Forgetting, plan_forget
from handrail.memory.retracting import plan_retract
from handrail.memory.rights import tenant_part
from handrail.memory.sealing import SUBJECT_MARK, opened
from handrail.memory.undoing import plan_undo
from handrail.memory.versions import every_version, hold_on, holds_of_subject
from handrail.runtime.memory_commands import CommandSender, Sent
from handrail.runtime.memory_view import MemoryView
from handrail.runtime.one_commit import commit_together
from handrail.store.sealing import key_name
from handrail.store.subject_keys import Hold, SubjectKeys
from handrail.wire.memory import Command, Op, StoredRecord
from handrail.wire.rfc3339 import rfc3339

log = structlog.get_logger("handrail.memory")

SHOWN_WITHIN_S = 30.0  #: how long the view may take to show what the keeper has written
PURGED_WITHIN_S = 10.0  #: how long other processes here may take to clear their views
POLL_S = 0.1

#: How things stand when the keeper has refused an act on a subject.
_REFUSED: Final = {
    Op.FORGET: "The key is destroyed, so nothing stored is readable; the records are not removed.",
    Op.HOLD: "The keys are on hold, so nobody is forgotten; single records can be removed.",
    Op.RELEASE: "The hold stands.",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, and why."""

    name: str
    reason: str = ""

    @property
    def by(self) -> str:
        """Name them as memory does."""
        return f"person:{self.name}"


@dataclass(frozen=True, slots=True)
class OnMemory:
    """Everything that an act stands on."""

    bus: Bus
    sender: CommandSender
    spaces: Mapping[str, Memory[Any]]
    keys: SubjectKeys
    view: MemoryView
    now_ms: int


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one change; with a sentence it did not happen."""

    change: Change
    sentence: str | None = None
    is_conflict: bool = False
    remedy: str = ""  #: what to do instead, as the keeper says


def _refused(change: Change, event: MemoryRefused) -> Done:
    return Done(change, event.sentence, event.reason == "conflict", event.remedy)


class MemoryActs:
    """The acts of one person. Methods raise KeeperSilent and what the bus raises.

    They ask the store of keys on the event loop, so they are for a loop on which nothing else is
    served, as that of a command is.
    """

    def __init__(self, ground: OnMemory, person: Person) -> None:
        """Act for this person."""
        self._ground = ground
        self._person = person

    async def undoing(self, task: str) -> Plan:
        """Plan to take back what a task wrote."""
        return plan_undo(task, await self.versions(), self._planner())

    async def retracting(
        self, messages: Collection[str], versions: Collection[StoredRecord] | None = None
    ) -> Plan:
        """Plan to take back what memory holds because of messages; `versions` if they are read."""
        found = await self.versions() if versions is None else versions
        return plan_retract(messages, found, self._planner())

    async def versions(self) -> list[StoredRecord]:
        """Read every version of the tenant's records that is kept, removals too."""
        own = f"{tenant_part(self._ground.sender.tenant)}/"

        async def every(file: Path) -> list[StoredRecord]:
            return await asyncio.to_thread(every_version, file)

        found = await self._ground.view.of_file(every)
        return [one for one in found if one.key.startswith(own)]

    async def carry_out(self, changes: Sequence[Change]) -> list[Done]:
        """Carry changes out; what was written meanwhile stays and is told as a conflict."""
        if not changes:
            return []
        ground = self._ground
        sent = await ground.sender.send([one.command for one in changes], ground.now_ms)
        told = await ground.sender.outcomes(sent)
        await ground.view.wait_for(sent.positions, within_s=SHOWN_WITHIN_S)
        done: list[Done] = []
        for change, place in zip(changes, sent.places, strict=True):
            event = told[place]
            if isinstance(event, MemoryRefused):
                done.append(_refused(change, event))
            else:
                done.append(Done(change))
        return done

    async def put(self, command: Command) -> tuple[Sent, Done]:
        """Write one record; see `carry_out`."""
        change = Change(command.space, command.key, command.expect or 0, "writes it", command)
        ground = self._ground
        sent = await ground.sender.send([command], ground.now_ms)
        event = (await ground.sender.outcomes(sent))[sent.places[0]]
        await ground.view.wait_for(sent.positions, within_s=SHOWN_WITHIN_S)
        if isinstance(event, MemoryRefused):
            return sent, _refused(change, event)
        return sent, Done(change)

    async def remove(self, present: StoredRecord) -> Done:
        """Remove one record, in the very version that was shown."""
        command = Command(
            op=Op.REMOVE,
            space=present.space,
            key=present.key,
            by=self._person.by,
            expect=present.version,
            reason=self._person.reason,
        )
        _, done = await self.put(command)
        return done

    # ---- forgetting

    async def check_not_held(self, subject: str) -> None:
        """Raise SubjectHeld when nothing about a subject may be removed.

        The keeper's word counts as much as that of the keys, whose file may be an older copy.
        """
        digest = self._digest(subject)
        hold = self._ground.keys.held(digest) or await self._held_by_keeper(digest)
        if hold is not None:
            raise SubjectHeld(
                subject=subject, by=hold.by, since=rfc3339(hold.since_ms), reason=hold.reason
            )

    async def forgetting(self, subject: str) -> Forgetting:
        """Plan to forget a subject."""
        return plan_forget(self._digest(subject), await self.versions(), self._planner())

    async def forget(self, subject: str, plan: Forgetting, folder: Path) -> MemoryForgotten:
        """Destroy the subject's key, remove every record, clear the views, and write a receipt.

        The key goes first: from then on nothing about them can be read, whatever fails afterwards.
        `folder` holds the views of this machine. Raises SubjectHeld before anything is done,
        KeeperRefused when the key is destroyed and the records stay, and ErasureUnfinished when
        old bytes of the key are still to be cleared.
        """
        await self.check_not_held(subject)
        ground, digest = self._ground, self._digest(subject)
        key = ground.keys.find(digest)
        # The names of keys that an earlier attempt has destroyed stand where it was broken off.
        names = plan.keys if key is None else plan.keys | {key_name(key)}
        destroyed = ground.keys.destroy(digest)
        done = await self.carry_out(plan.elsewhere.changes)
        sent = await self._tell(Op.FORGET, subject, names)
        await _clear(folder, digest)
        kept = sum(one.sentence is not None for one in done)
        receipt = MemoryForgotten(
            task_id=MEMORY_TASK,
            tenant=ground.sender.tenant,
            time_ms=ground.now_ms,
            space="",
            key=digest,
            op=Op.FORGET.value,
            by=self._person.by,
            partition=sent.places[0][0],
            offset=sent.places[0][1],
            records=sum(plan.own.values()),
            versions=plan.versions,
            elsewhere=len(done) - kept,
            left=kept + len(plan.elsewhere.left),
            key_destroyed=destroyed,
            reason=self._person.reason,
        )
        await _write(ground.bus, ground.sender.namespace, receipt)
        return receipt

    async def hold(self, subject: str) -> None:
        """Forbid to forget a subject or to remove anything about them. Raises KeeperRefused."""
        digest, now_ms = self._digest(subject), self._ground.now_ms
        # Here first: from now on no key is destroyed, whatever the keeper has yet to hear.
        self._ground.keys.hold(digest, Hold(self._person.by, self._person.reason, now_ms))
        await self._tell(Op.HOLD, subject)

    async def release(self, subject: str) -> bool:
        """Allow it again; False when nothing forbade it. Raises KeeperRefused."""
        digest = self._digest(subject)
        was_held = await self._held_by_keeper(digest) is not None
        await self._tell(Op.RELEASE, subject)
        return self._ground.keys.release(digest) or was_held

    async def _held_by_keeper(self, digest: str) -> Hold | None:
        owner = f"{tenant_part(self._ground.sender.tenant)}/{SUBJECT_MARK}{digest}"

        async def held(file: Path) -> Hold | None:
            return hold_on(file, owner)

        return await self._ground.view.of_file(held)

    async def _tell(self, op: Op, subject: str, names: Collection[str] = ()) -> Sent:
        """Have the keeper act on a subject, and the view show it; one refusal is a refusal."""
        command = Command(
            op=op,
            space="",
            key=self._digest(subject),
            by=self._person.by,
            reason=self._person.reason,
            keys=tuple(sorted(names)),
        )
        sent = await self._ground.sender.send([command], self._ground.now_ms)
        # Of many records they are forgotten part by part: as long as it goes on, it is waited for.
        outcomes = await self._ground.sender.outcomes(
            sent, is_done=lambda: op is not Op.FORGET or self._ground.view.holds(sent.positions)
        )
        for event in outcomes.values():
            if isinstance(event, MemoryRefused):
                raise KeeperRefused(
                    op=op.value,
                    subject=subject,
                    sentence=event.sentence,
                    state=_REFUSED[op],
                    cure=event.remedy or "handrail status    which keeper runs",
                )
        await self._ground.view.wait_for(sent.positions, within_s=SHOWN_WITHIN_S)
        return sent

    def _digest(self, subject: str) -> str:
        return self._ground.keys.digest(self._ground.sender.tenant, subject)

    # ---- planning

    def _planner(self) -> Planner:
        return Planner(
            by=self._person.by,
            reason=self._person.reason,
            rules={name: space.rules for name, space in self._ground.spaces.items()},
            now_ms=self._ground.now_ms,
            opens=self._opens,
        )

    def _opens(self, record: StoredRecord) -> bool:
        try:
            return opened(record, self._ground.keys) is not None
        except SealBroken:
            return False


async def _clear(folder: Path, digest: str) -> None:
    """Wait until no view of this machine holds anything of a subject; delete those that stay so.

    Each process clears its own, and whoever clears first removes those of processes that are gone.
    A view that hangs behind is a copy of what Kafka holds: deleted, it is filled anew.
    """
    deadline = asyncio.get_running_loop().time() + PURGED_WITHIN_S
    while waiting := _holding(folder, digest):
        if asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(POLL_S)
    for path in waiting:
        log.info("view deleted, since nobody clears it", file=str(path))
        _delete(path)


def _holding(folder: Path, digest: str) -> list[Path]:
    return [path for path in sorted(folder.glob("view-*.db")) if _still_holds(path, digest)]


def _delete(path: Path) -> None:
    for side in ("", "-wal", "-shm"):
        Path(f"{path}{side}").unlink(missing_ok=True)


def _still_holds(path: Path, digest: str) -> bool:
    try:
        return holds_of_subject(path, digest)
    except (StoreDamaged, StoreTooNew, StoreUnusable):
        return True  # what cannot be read may hold anything


async def _write(bus: Bus, namespace: str, receipt: MemoryForgotten) -> None:
    name = f"{namespace}.memory.receipt.{receipt.partition}.{receipt.offset}"
    try:
        await commit_together(bus, name, [encode(receipt, f"{namespace}.{LEDGER}")])
    except CommitDoubtful:
        # Whatever became of the receipt, forgetting again writes another one.
        log.warning("receipt may not be written", subject=receipt.key)
        raise
