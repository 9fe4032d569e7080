"""Takes dead letters of one lane back, or gives them up, as its answers ask for.

Sending back is one transaction: that this letter is settled, the message at rest at its original
place, what its invocation had recorded, and the ledger's event. So it happens once, however often
it is asked for and wherever a process dies; a second request is refused, and the ledger says so.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from handrail.bus.murmur2 import partition_for
from handrail.errors.transport import RecordRefused
from handrail.errors.wire import EnvelopeInvalid, WireError
from handrail.lane.decision import PartTaken
from handrail.lane.invocation import Invocation
from handrail.lane.journal import Entry, Kind, encode_entry, entry_key, tombstone
from handrail.lane.kept import KeptJournal
from handrail.lane.recorded_anew import recorded_anew, why_not_edited, with_another_message
from handrail.lane.redrives import KEPT_MS, REDRIVE_COUNT_MAX, Settled, Settling
from handrail.lane.references import SeenReferences
from handrail.lane.resting import parked_entry
from handrail.ledger.event import Event, PartKind
from handrail.rails import acts
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.admission import (
    AdmissionRules,
    Forward,
    Refuse,
    Take,
    TakePart,
    Verdict,
    judge,
    with_envelope,
)
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.question_letters import QuestionLetters
from handrail.runtime.worker.sent_back import (
    NotTakenBack,
    dated_anew,
    parts_anew,
    with_what_was_spent,
)
from handrail.wire.answer import with_asked_anew
from handrail.wire.codec import CONTENT_TYPE, JSON_TYPE, decode_envelope, is_foreign
from handrail.wire.dead_letter import DeadLetter, Reason
from handrail.wire.envelope import Envelope
from handrail.wire.ids import gather_invocation_id
from handrail.wire.record import Outgoing, Record
from handrail.wire.settling import Edited, Settle

if TYPE_CHECKING:
    from handrail.runtime.worker.ground import LaneGround

log = structlog.get_logger("handrail.lane")


@dataclass(frozen=True, slots=True)
class Found:
    """A dead letter, and what its invocation had recorded."""

    letter: DeadLetter
    message: Record  #: whole, as it lay in the inbox
    kept: KeptJournal | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is written to take a dead letter back."""

    envelope: Envelope
    invocation: str
    entries: Sequence[Entry] = ()  #: of the journal, which make it live again
    written: Sequence[Outgoing] = ()
    events: Sequence[Event] = ()
    removed: Sequence[bytes] = ()
    resubmitted: bool = False


class Redriving:
    """The dead letters of one open lane that are to be settled."""

    def __init__(self, ground: "LaneGround", tell: Callable[[Outgoing], None]) -> None:
        """Write through the lane's committer.

        `tell` takes what the ledger is told of a request that is refused, and commits it with how
        far was read: nothing else says that the request is settled.
        """
        self._ground = ground
        self._tell = tell
        self._lane = ground.lane
        self._worker = ground.worker
        self.letters = QuestionLetters(ground)
        self.one_at_a_time = asyncio.Lock()  #: a letter is settled by one of those who want it

    async def take(self, record: Record) -> bool:
        """Settle the dead letter that a record names; it is never too early for it."""
        async with self.one_at_a_time:
            return await self._take(record)

    async def _take(self, record: Record) -> bool:
        asked = Settle.from_record(record)
        known = self._lane.redrives.settled(asked.dead)
        if known is not None and known.answer == record.offset:
            return True  # this very record, read again
        try:
            if known is not None:
                raise NotTakenBack(_settled_in_words(known))
            found = await self.find(asked)
            self.check_policy(asked.by, found.letter, discard=asked.discard)
            if asked.discard:
                await self._discard(asked, found, record.offset)
            else:
                await self._redrive(asked, found, record.offset)
        except (NotTakenBack, WireError, RecordRefused) as refused:
            self._refuse(asked, record.offset, refused)
        return True

    def check_policy(self, by: str, letter: DeadLetter, *, discard: bool = False) -> None:
        """Judge by the rights of whoever wants it settled. Raises NotTakenBack."""
        worker, reason = self._worker, str(letter.failure.reason)
        agent, tenant = worker.agent.name, worker.limits.tenant
        access = acts.redrive(by, agent, tenant, reason, discard=discard)
        denied = worker.rails.policy.judge(access)
        if denied is not None:
            raise NotTakenBack(acts.in_words(denied))

    # ---- finding it

    async def find(self, asked: Settle) -> Found:
        """Give a letter and what is kept with it. Raises NotTakenBack, WireError."""
        ground = self._ground
        where = ground.place.dead
        end = await ground.worker.bus.end_offset(where)
        begin = await ground.worker.bus.begin_offset(where)
        found: list[Record] = []
        if begin <= asked.dead < end:
            async with aclosing(
                ground.worker.bus.fetch(where, asked.dead, asked.dead + 1)
            ) as records:
                found = [record async for record in records]
        if not found:
            raise NotTakenBack("there is no such dead letter, or it was deleted by its age")
        # Not while it is read: readers are few, what it claims needs one too, and lanes that each
        # hold the last one would wait for one another for ever.
        return await self._read(DeadLetter.from_record(found[0]), asked)

    async def _read(self, letter: DeadLetter, asked: Settle) -> Found:
        packer, kept = self._ground.packer, None
        if asked.discard:
            return Found(letter, letter.original(), None)
        if letter.failure.journal is not None:
            kept = KeptJournal.decode(await packer.claimed(letter.failure.journal))
        message = kept.message if kept is not None else None
        if message is None:
            message = letter.original()
            if letter.claim is not None:
                message = replace(message, value=await packer.claimed(letter.claim))
            if letter.key_claim is not None:
                message = replace(message, key=await packer.claimed(letter.key_claim))
        return Found(letter, message, kept)

    # ---- taking it back

    async def _redrive(self, asked: Settle, found: Found, answer: int) -> None:
        failure = found.letter.failure
        if failure.redrive >= REDRIVE_COUNT_MAX:
            raise NotTakenBack(
                f"it was sent back {failure.redrive} times already and died each time;"
                " submit the work again, or discard it"
            )
        plan = await self._plan(asked, found)
        ground, now_ms = self._ground, self._worker.clock.now_ms()
        settled = self._settled(asked, found, plan, answer)
        own = settled.entry(self._lane.epoch, self._lane.settings.agent_version, now_ms)
        closed = await self.letters.closed_with(asked, found.letter, plan.invocation)
        entries = [own, *(entry for entry, _ in closed), *plan.entries]
        event = ground.saying.redriven(
            plan.envelope, found.letter.offset, settled, resubmitted=plan.resubmitted
        )
        blocked = self._blocked(plan.invocation)
        journal = ground.place.journal
        records = [
            *(tombstone(key, journal) for key in (*plan.removed, *blocked)),
            *(encode_entry(entry, journal) for entry in entries),
            *plan.written,
            *(
                ground.saying.record(said)
                for said in (event, *plan.events, *(e for _, e in closed))
            ),
        ]
        await self._worker.fail_points.reached(Moment.BEFORE_REDRIVE)
        lives = [entry.invocation for entry in plan.entries]
        self._check_not_held(lives)
        self._lane.redrives.under_way.update(lives)
        try:
            await ground.committer.commit(Item(records))
            await self._worker.fail_points.reached(Moment.AFTER_REDRIVE_COMMIT)
            self._lane.take_back(entries)
        finally:
            self._lane.redrives.under_way.difference_update(lives)
        self._lane.unblock(plan.invocation)
        log.info("dead letter sent back", dead=asked.dead, by=asked.by, task=plan.envelope.task_id)

    def _settled(self, asked: Settle, found: Found, plan: _Plan, answer: int) -> Settled:
        runs = found.kept.runs if found.kept is not None else ()
        if asked.from_step is not None:
            runs = (*runs, asked.from_step)
        return Settled(
            dead=asked.dead,
            invocation=plan.invocation,
            what=Settling.REDRIVEN,
            answer=answer,
            by=asked.by,
            until_ms=self._worker.clock.now_ms() + KEPT_MS,
            count=found.letter.failure.redrive + 1,
            runs=runs,
            absorbed=found.letter.failure.absorbed,
        )

    async def _plan(self, asked: Settle, found: Found) -> _Plan:
        kept = found.kept
        if kept is not None and kept.parts:
            return self._gather(asked, kept)
        message = found.message
        if asked.edited is not None:
            message = await self._edited(message, asked.edited)
        verdict, message = await self._judged(with_what_was_spent(message, found.letter.failure))
        match verdict:
            case Take(envelope, mailbox, submission):
                if submission:
                    message = with_envelope(message, envelope)
                recorded = kept.entries if kept else ()
                if asked.edited is not None and (why := why_not_edited(recorded, asked.from_step)):
                    raise NotTakenBack(why)
                entries = recorded_anew(recorded, asked.from_step)
                if asked.edited is not None:
                    entries = with_another_message(entries)
                # It is sent back by itself: what it had answered before does not count.
                headers = with_asked_anew(message.headers, None)
                written_ms = found.message.timestamp_ms
                message = replace(message, timestamp_ms=written_ms, headers=headers)
                place = self._lane.blocks.place_of(envelope.id, mailbox)
                message = replace(message, offset=message.offset if place is None else place)
                parked = self._parked(message, envelope, mailbox)
                self._check_not_over(envelope, envelope.id)
                self._check_room(envelope.id, mailbox)
                return _Plan(envelope, envelope.id, [parked, *entries])
            case TakePart(envelope, end, sentence):
                taken = self._lane.take_part(message, envelope, end, self._worker.clock.now_ms())
                if not isinstance(taken, PartTaken):
                    raise NotTakenBack(taken.sentence)
                kind = PartKind(end.value)
                event = self._ground.saying.part(
                    message, envelope, kind, sentence, first=taken.first
                )
                written = [encode_entry(taken.entry, self._ground.place.journal)]
                return _Plan(envelope, envelope.id, written=written, events=[event])
            case Forward(envelope, outgoing):
                return _Plan(envelope, envelope.id, written=[outgoing], resubmitted=True)
            case Refuse():
                raise NotTakenBack(
                    f"it would die again at once ({verdict.reason}): {verdict.error}"
                )
            case _:
                raise NotTakenBack("it is a record of the engine's own, which nobody carries out")

    async def _judged(self, message: Record) -> tuple[Verdict, Record]:
        """Judge it as if it came now; one whose time is over gets the team's usual time anew."""
        rules, now_ms = await self._rules(), self._worker.clock.now_ms()
        verdict = judge(message, rules, SeenReferences(), now_ms)
        if isinstance(verdict, Refuse) and verdict.reason is Reason.DEADLINE:
            message = dated_anew(message, now_ms, rules.deadline_ms_max)
            verdict = judge(message, rules, SeenReferences(), now_ms)
        return verdict, message

    async def _rules(self) -> AdmissionRules:
        worker = self._worker
        partitions = (await worker.bus.admin.topics()).get(worker.inbox, 1)
        return AdmissionRules(
            agent=worker.agent,
            place=worker.team,
            tenant=worker.limits.tenant,
            deadline_ms_max=int(worker.limits.task_deadline_s * 1000),
            home_of=lambda key: partition_for(key, partitions),
            policy=worker.rails.policy,
        )

    async def _edited(self, message: Record, edited: Edited) -> Record:
        body = edited.message
        if edited.claim is not None:
            body = await self._ground.packer.claimed(edited.claim)
        if is_foreign(message):
            return replace(message, value=body)
        replaced = {"ce_type": edited.type.encode(), CONTENT_TYPE: JSON_TYPE.encode()}
        headers = tuple((name, replaced.get(name, value)) for name, value in message.headers)
        return replace(message, value=body, headers=headers)

    def _parked(self, message: Record, envelope: Envelope, mailbox: bytes) -> Entry:
        lane, now_ms = self._lane, self._worker.clock.now_ms()
        invocation = Invocation(
            id=envelope.id,
            key=mailbox,
            offset=message.offset,
            admitted_ms=now_ms,
            record=message,
            envelope=envelope,
            deadline_ms=envelope.deadline_ms,
            task_id=envelope.task_id,
            tenant=envelope.tenant,
        )
        return parked_entry(invocation, lane.epoch, lane.settings.agent_version, now_ms)

    def _gather(self, asked: Settle, kept: KeptJournal) -> _Plan:
        """Take the parts of a fan-out back, which were gathered and died together."""
        if asked.edited is not None:
            raise NotTakenBack("the parts of a fan-out cannot be edited")
        now_ms, span_ms = (
            self._worker.clock.now_ms(),
            int(self._worker.limits.task_deadline_s * 1000),
        )
        parts = parts_anew(kept.parts, now_ms, span_ms)
        assert parts[0].snapshot is not None
        envelope = decode_envelope(parts[0].snapshot)
        fan_out = str(parts[0].facts["fan_out"])
        invocation = gather_invocation_id(fan_out)
        self._check_not_over(envelope, invocation)
        closed = entry_key(invocation, Kind.GATHER_CLOSED)
        steps = recorded_anew(kept.entries, asked.from_step)
        return _Plan(envelope, invocation, [*parts, *steps], removed=[closed])

    def _check_not_over(self, envelope: Envelope, invocation: str) -> None:
        self._check_not_held([invocation])
        if self._worker.switches.cancel_for(envelope) is not None:
            raise NotTakenBack("its task was canceled")

    def _check_room(self, invocation: str, mailbox: bytes) -> None:
        """Leave the bound of its key to what the inbox brings, unless all that waits for it."""
        lane = self._lane
        if not lane.has_room_behind(mailbox) and lane.blocks.of(invocation) is None:
            raise NotTakenBack(
                f"{lane.settings.bounds.per_key} wait behind its key already, which is as many as"
                " may; send it back once some of them have ended"
            )

    def _check_not_held(self, invocations: Sequence[str]) -> None:
        if any(self._lane.find(one) is not None for one in invocations):
            raise NotTakenBack("it is being carried out")

    def _blocked(self, invocation: str) -> list[bytes]:
        """Give the journal's keys that held back what follows it: none, mostly."""
        block = self._lane.blocks.of(invocation)
        return [] if block is None else [block.journal_key]

    # ---- giving it up, or leaving it where it is

    async def _discard(self, asked: Settle, found: Found, answer: int) -> None:
        ground, now_ms = self._ground, self._worker.clock.now_ms()
        invocation = found.letter.failure.invocation or _id_of(found.message)
        settled = Settled.given_up(asked.dead, invocation, asked.by, answer, now_ms)
        entry = settled.entry(self._lane.epoch, self._lane.settings.agent_version, now_ms)
        blocked = [] if await self._is_left(asked, invocation) else self._blocked(invocation)
        event = ground.saying.discarded(asked, found.letter.offset, invocation)
        records = [
            *(tombstone(key, ground.place.journal) for key in blocked),
            encode_entry(entry, ground.place.journal),
        ]
        await ground.committer.commit(Item([*records, ground.saying.record(event)]))
        self._lane.redrives.put(settled)
        if blocked:
            self._lane.unblock(invocation)

    async def _is_left(self, asked: Settle, invocation: str) -> bool:
        """Say whether the same question has another open letter, behind which others wait."""
        if self._lane.blocks.of(invocation) is None:
            return False
        return any(one.dead != asked.dead for one in await self.letters.open(invocation))

    def _refuse(self, asked: Settle, answer: int, why: Exception) -> None:
        log.warning("dead letter stays", dead=asked.dead, why=str(why))
        event = self._ground.saying.redrive_refused(asked, answer, str(why))
        self._tell(self._ground.saying.record(event))


def _settled_in_words(known: Settled) -> str:
    words = "sent back" if known.what is Settling.REDRIVEN else "discarded"
    return f"it was {words} already, by {known.by}"


def _id_of(message: Record) -> str:
    try:
        return decode_envelope(message).id
    except EnvelopeInvalid:
        return ""
