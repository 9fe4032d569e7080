"""What becomes of a question that is asked anew, when nothing of it lives in the lane any more.

Its asker died, was sent back and asks once more, under the same id. Guarantee: nothing that was
recorded of it is done again. Has it been answered meanwhile, the same answer is sent again. Has it
died, it is carried on from its dead letter, as if that one had been sent back; where it may not be,
its asker is told why. Only one that has neither begins from the start.

Both are looked for where they are kept in any case, in the answers of the asker and in the lane's
own dead letters: so there is nothing that a crash could leave half done, but one transaction.
"""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from handrail.errors.transport import RecordRefused
from handrail.errors.wire import WireError
from handrail.lane.journal import Kind, encode_entry, entry_key, tombstone
from handrail.lane.recorded_anew import recorded_anew
from handrail.lane.redrives import KEPT_MS, REDRIVE_COUNT_MAX, Settled, Settling
from handrail.lane.resting import accepted_entry
from handrail.ledger.event import Event, Wrote, WroteKind
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.question_letters import NOT_ASKED
from handrail.runtime.worker.reading_back import read_back
from handrail.runtime.worker.replying import NoAnswer, failed_answer
from handrail.runtime.worker.sent_back import NotTakenBack
from handrail.wire.answer import REPLY_TYPE, ReplyAddress, asked_anew_from, sent_back_by
from handrail.wire.claim import Claim, is_claim
from handrail.wire.codec import decode_envelope
from handrail.wire.envelope import Envelope
from handrail.wire.record import Outgoing, Record, TopicPartition
from handrail.wire.settling import Settle

if TYPE_CHECKING:
    from handrail.lane.decision import Rest
    from handrail.lane.invocation import Invocation
    from handrail.runtime.worker.ground import LaneGround
    from handrail.runtime.worker.redriving import Found, Redriving

BUDGET = "ce_budget"

log = structlog.get_logger("handrail.lane")


@dataclass(frozen=True, slots=True)
class Repeated:
    """A question that ends without its handler: it was answered, or may not be carried on."""

    records: Sequence[Outgoing]  #: the answer to its asker
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class _Question:
    invocation: "Invocation"
    record: Record
    envelope: Envelope

    @property
    def by(self) -> str:
        """Who takes its letter back, in the words of the ledger."""
        return f"{self.envelope.source.rpartition('/')[2]}, which asks it anew"

    @property
    def person(self) -> str:
        """By whose rights its letter is taken back."""
        return sent_back_by(self.record.headers) or self.envelope.asked_by or ""


class AskedAnew:
    """The questions of one open lane that are asked anew."""

    def __init__(self, ground: "LaneGround", redriving: "Redriving") -> None:
        """Take letters back beside `redriving`, one of them at a time."""
        self._ground = ground
        self._lane = ground.lane
        self._worker = ground.worker
        self._redriving = redriving

    async def look(self, invocation: "Invocation") -> Repeated | None:
        """See, before its handler starts, what is known of a question; None: let it go on.

        Raises BrokerUnreachable.
        """
        if not self._worker.agent.answers or invocation.gather is not None:
            return None
        if invocation.tries.total or self._lane.steps.of(invocation.id).records:
            return None  # it has begun here
        record = invocation.record or await self._read_back(invocation)
        envelope = invocation.envelope or decode_envelope(record)
        answered_from = asked_anew_from(record.headers)
        if answered_from is None and self._lane.blocks.of(invocation.id) is not None:
            answered_from = 0  # an asker of an earlier release does not say it
        if answered_from is None or envelope.reply_to is None or envelope.causation_id is None:
            return None
        if self._worker.switches.cancel_for(envelope) is not None:
            return None
        # What has ended here may not have committed. What has is seen once it is marked where it
        # lies, which Kafka does before it lets another transaction of the same writer begin.
        await self._ground.committer.flush()
        await self._ground.committer.commit(Item((), tells_group=True))
        question = _Question(invocation, record, envelope)
        answer = await self._answer_to(question, envelope.reply_to, answered_from)
        if answer is not None:
            topic = ReplyAddress.of(envelope.reply_to).topic
            wrote = Wrote(decode_envelope(answer).id, topic, WroteKind.ANSWER)
            return Repeated([self._again(question, answer)], [self._dropped(question, wrote)])
        async with self._redriving.one_at_a_time:
            return await self._carry_on(question)

    async def _read_back(self, invocation: "Invocation") -> Record:
        ground, key = self._ground, entry_key(invocation.id, Kind.PARKED)
        bus = ground.worker.bus
        entry = await read_back(bus, ground.place, ground.lane, ground.committer, key)
        assert entry.snapshot is not None, "what rests is a message"
        return entry.snapshot

    def _dropped(self, question: _Question, *wrote: Wrote) -> Event:
        dropped = self._ground.saying.copy(question.record, question.envelope, lives=True)
        return replace(dropped, wrote=wrote)

    # ---- answered

    async def _answer_to(
        self, question: _Question, reply_to: str, answered_from: int
    ) -> Record | None:
        """Give the newest answer that was given to it; None when there is none that is kept."""
        ground = self._ground
        if not await ground.packer.knows(reply_to):
            return None
        address, bus = ReplyAddress.of(reply_to), ground.worker.bus
        where = TopicPartition(ground.worker.team.full(address.topic), address.partition)
        begin, end = await bus.begin_offset(where), await bus.end_offset(where)
        if answered_from <= end:  # else it was deleted by hand and made anew: all is looked at
            begin = max(answered_from, begin)
        found: Record | None = None
        if begin < end:
            wanted = question.invocation.id.encode()
            async with aclosing(bus.fetch(where, begin, end)) as records:
                async for record in records:
                    if record.header("ce_for") == wanted and _is_answer(record):
                        found = record
        return found

    def _again(self, question: _Question, answer: Record) -> Outgoing:
        # It has spent nothing of what it was lent this time.
        headers = tuple(pair for pair in answer.headers if pair[0] != BUDGET)
        if question.envelope.budget is not None:
            headers = (*headers, (BUDGET, question.envelope.budget.encode()))
        return Outgoing(answer.topic, answer.key, answer.value, headers, answer.partition)

    # ---- died

    async def _carry_on(self, question: _Question) -> Repeated | None:
        letters = await self._redriving.letters.open(question.invocation.id)
        if not letters:
            return None
        envelope = question.envelope
        asked = Settle(
            dead=letters[-1].dead,
            by=question.by,
            task=envelope.task_id,
            tenant=envelope.tenant,
        )
        found: Found | None = None
        try:
            found = await self._redriving.find(asked)
            self._redriving.check_policy(question.person, found.letter)
            await self._take_back(question, asked, found)
        except (NotTakenBack, WireError, RecordRefused) as refused:
            return await self._refused(question, asked, found, refused)
        return None

    async def _take_back(self, question: _Question, asked: Settle, found: "Found") -> None:
        """Write what the letter holds under the question, and that the letter is sent back."""
        ground, lane, invocation = self._ground, self._lane, question.invocation
        failure, kept = found.letter.failure, found.kept
        if failure.redrive >= REDRIVE_COUNT_MAX:
            raise NotTakenBack(
                f"it was sent back {failure.redrive} times already and died each time; discard it,"
                " and the question begins from the start"
            )
        steps = recorded_anew(kept.entries) if kept is not None else []
        if steps and not await self._is_same(question.record, found.message):
            raise NotTakenBack(
                "what it had recorded belongs to another message than the one that is asked now;"
                " discard it, and the question begins from the start"
            )
        now_ms, version = self._worker.clock.now_ms(), lane.settings.agent_version
        settled = self._settled(question, asked, found, now_ms)
        closed = await self._redriving.letters.closed_with(asked, found.letter, invocation.id)
        entries = [settled.entry(lane.epoch, version, now_ms), *(entry for entry, _ in closed)]
        sent_back = ground.saying.redriven(
            question.envelope, invocation.offset, settled, resubmitted=False
        )
        # The record of the question ends with it: what it names lives again from its letter.
        events = [sent_back, *(event for _, event in closed), self._dropped(question)]
        points = self._worker.fail_points
        await points.reached(Moment.BEFORE_REDRIVE)
        block, journal = lane.blocks.of(invocation.id), ground.place.journal
        rest = self._rest_in_its_place(question)
        # Its start goes with it: of its key it is the first, as the one that died was.
        started = accepted_entry(invocation, lane.epoch, version, now_ms)
        rests = () if rest is None else rest.entries
        records = [
            *(tombstone(one.journal_key, journal) for one in (block,) if one is not None),
            *(encode_entry(entry, journal) for entry in (*entries, *steps, *rests, started)),
            *(ground.saying.record(event) for event in events),
        ]
        invocation.is_on_record = True
        try:
            await ground.committer.commit(Item(records, () if rest is None else rest.offsets))
        except RecordRefused:
            if rest is not None:
                lane.moved_back(rest, question.record)
            raise
        await points.reached(Moment.AFTER_REDRIVE_COMMIT)
        lane.take_back([*entries, *steps])
        invocation.redriven = lane.redrives.of(invocation.id)
        lane.unblock(invocation.id)
        task = question.envelope.task_id
        log.info("dead letter sent back", dead=asked.dead, by=asked.by, task=task)

    def _settled(self, question: _Question, asked: Settle, found: "Found", now_ms: int) -> Settled:
        failure, kept = found.letter.failure, found.kept
        return Settled(
            dead=asked.dead,
            invocation=question.invocation.id,
            what=Settling.REDRIVEN,
            answer=NOT_ASKED,
            by=asked.by,
            person=question.person,
            until_ms=now_ms + KEPT_MS,
            count=failure.redrive + 1,
            runs=kept.runs if kept is not None else (),
            absorbed=failure.absorbed,
            spent=failure.cost,
        )

    def _rest_in_its_place(self, question: _Question) -> "Rest | None":
        """Let one rest where the one that died stood, if others of its key wait behind that one.

        So it is first of them whoever opens the lane, as what is sent back is, and once it has died
        again they wait behind it.
        """
        lane, invocation = self._lane, question.invocation
        place = lane.blocks.place_of(invocation.id, invocation.key)
        if place is None:
            return None
        record = replace(question.record, offset=place)
        return lane.move(invocation, record, self._worker.clock.now_ms())

    async def _is_same(self, asked: Record, recorded: Record) -> bool:
        if asked.header("ce_type") != recorded.header("ce_type"):
            return False
        packer = self._ground.packer
        return await packer.body_of(asked) == await packer.body_of(recorded)

    async def _refused(
        self, question: _Question, asked: Settle, found: "Found | None", why: Exception
    ) -> Repeated:
        """Tell its asker and the ledger why it is not carried on; its letter stays open."""
        ground = self._ground
        log.warning("dead letter stays", dead=asked.dead, why=str(why))
        reason = "unanswered" if found is None else str(found.letter.failure.reason)
        where = None if found is None else found.letter.where
        told = NoAnswer(reason, f"it is not carried on from its dead letter: {why}", where)
        said = await failed_answer(ground, question.envelope, question.invocation.id, told)
        said_to_it = [] if said is None else [said]
        records = [ground.packer.pack_small(one) for one in said_to_it]
        dropped = self._dropped(question, *(one.wrote for one in said_to_it))
        # The event is named after what asked for it, and no record of the answers has this offset.
        of_inbox = NOT_ASKED - 1 - question.record.offset
        told_why = ground.saying.redrive_refused(asked, of_inbox, str(why))
        return Repeated(records, [told_why, dropped])


def _is_answer(record: Record) -> bool:
    if record.header("ce_type") != REPLY_TYPE.encode():
        return False
    try:
        decode_envelope(record)
        if is_claim(record):
            Claim.decode(record.value)
    except WireError:
        return False
    return True
