"""What a lane tells the ledger: one event for each thing that happened, in its transaction."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from handrail.errors.lane import GatherMissed
from handrail.errors.root import HandrailError, said_by
from handrail.errors.wire import WireError
from handrail.lane.invocation import Invocation
from handrail.lane.redrives import Settled
from handrail.lane.steps import Asked, Doubt, request_of
from handrail.ledger.event import (
    SENTENCE_CHARS_MAX,
    Accepted,
    AnswerDropped,
    DeadLettered,
    Discarded,
    Dropped,
    DropReason,
    Event,
    Finished,
    MarkerPassed,
    PartGathered,
    PartKind,
    PersonAnswered,
    PersonAsked,
    QuestionAsked,
    Redriven,
    RedriveRefused,
    Rejected,
    RequestKind,
    Rested,
    RestWhy,
    StepWasted,
    Wrote,
    summary,
)
from handrail.ledger.event_record import LEDGER, encode
from handrail.ledger.happened import Acted
from handrail.ledger.memory_event import BEFORE_SENDING, MemoryRefused
from handrail.ledger.rail_event import BudgetWarned
from handrail.runtime.worker.burial import Buried
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.place import WorkerPlace
from handrail.wire.codec import encode_time
from handrail.wire.decision import Decision
from handrail.wire.envelope import Envelope
from handrail.wire.ids import gather_invocation_id
from handrail.wire.record import Outgoing, Record
from handrail.wire.settling import Settle

if TYPE_CHECKING:
    from handrail.runtime.worker.ending import Ended
    from handrail.runtime.worker.run_budget import RunBudget


class Saying:
    """Puts what a lane does into the ledger's words."""

    def __init__(self, worker: WorkerPlace, place: LanePlace) -> None:
        """Speak for this lane."""
        self._worker = worker
        self._partition = place.inbox.partition
        self._topic = worker.team.full(LEDGER)

    def record(self, event: Event) -> Outgoing:
        """Give the record of an event."""
        return encode(event, self._topic)

    def accepted(self, record: Record, envelope: Envelope) -> Event:
        """A task begins here."""
        return Accepted(
            **self.here(envelope, record.offset),
            ce_id=envelope.id,
            reference=envelope.reference,
            deadline_ms=envelope.deadline_ms,
            text=_text(record),
            priority=envelope.priority,
        )

    def copy(self, record: Record, envelope: Envelope, *, lives: bool = False) -> Dropped:
        """A repeat was dropped: of a submission, or of the very handoff that `lives` here."""
        return Dropped(
            **self.here(envelope, record.offset),
            ce_id=envelope.id,
            reason=DropReason.REPEAT if lives else DropReason.COPY,
            intake=envelope.causation_id is None,
        )

    def part(
        self, record: Record, envelope: Envelope, what: PartKind, sentence: str, *, first: bool
    ) -> Event:
        """A part of a fan-out has reached its gather."""
        header = envelope.fan_outs[-1]
        return PartGathered(
            **self.here(envelope, record.offset),
            ce_id=envelope.id,
            fan_out=header.fan_out,
            part=header.part,
            parts=header.parts,
            what=what,
            first=first,
            gather=gather_invocation_id(header.fan_out),
            sentence=sentence,
        )

    def passed(self, record: Record, envelope: Envelope, wrote: Sequence[Wrote]) -> Event:
        """A marker went on to its gather."""
        return MarkerPassed(
            **self.here(envelope, record.offset), ce_id=envelope.id, wrote=tuple(wrote)
        )

    def finished(
        self, invocation: Invocation, ended: "Ended", now_ms: int, acts: tuple[Acted, ...]
    ) -> Event:
        """An invocation ended well."""
        gather = invocation.gather
        usage = ended.spent.usage
        started_ms = invocation.started_ms or now_ms
        return Finished(
            **self.here(ended.envelope, invocation.offset),
            invocation=invocation.id,
            run=invocation.run,
            started_ms=started_ms,
            waited_ms=max(0, started_ms - ended.written_ms),
            wrote=tuple(message.wrote for message in ended.outputs.messages),
            opened_fan_out=ended.outputs.fan_out,
            gathered=gather.fan_out if gather is not None else None,
            missing=ended.missing_count,
            model_calls=ended.spent.model_calls,
            tokens_in=usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens,
            tokens_out=usage.output_tokens,
            cost_micros=ended.spent.cost_micros,
            acted=acts,
        )

    def dead(
        self,
        buried: Buried,
        invocation: Invocation | None,
        wrote: Sequence[Wrote],
        acts: tuple[Acted, ...] = (),
    ) -> Event:
        """A handoff will not be tried again."""
        envelope = buried.envelope
        sentence = in_full(buried.error)
        offset = buried.record.offset if invocation is None else invocation.offset
        lane = self.here(envelope, offset)
        if buried.submission:
            return Rejected(
                **lane,
                ce_id=envelope.id,
                reason=buried.reason,
                sentence=sentence,
                reference=envelope.reference,
                text=_text(buried.record),
                unread=buried.unread,
            )
        gather = invocation.gather if invocation is not None else None
        return DeadLettered(
            **lane,
            invocation=invocation.id if invocation is not None else envelope.id,
            run=invocation.run if invocation is not None else 0,
            redrive=invocation.redrive_count if invocation is not None else 0,
            reason=buried.reason,
            sentence=sentence,
            absorbed=bool(wrote) or buried.absorbed or _told_lost(invocation),
            attempts=max(1, invocation.tries.total) if invocation is not None else 1,
            error=type(buried.error).__name__,
            started_ms=invocation.started_ms if invocation is not None else None,
            wrote=tuple(wrote),
            gathered=gather.fan_out if gather is not None else None,
            acted=acts,
        )

    def memory_refused(self, invocation: Invocation, envelope: Envelope) -> list[Event]:
        """Say what the newest run of an invocation that ends was refused of memory."""
        return [
            MemoryRefused(
                task_id=envelope.task_id,
                tenant=envelope.tenant,
                time_ms=self._worker.clock.now_ms(),
                space=use.space,
                key=use.key,
                op=use.op,
                by=self._worker.agent.name,
                message_id=invocation.id,
                partition=BEFORE_SENDING,
                offset=number,
                run=invocation.run,
                redrive=invocation.redrive_count,
                reason=use.reason,
                state=use.state,
                sentence=summary(use.sentence, SENTENCE_CHARS_MAX),
            )
            for number, use in enumerate(invocation.memory_refused)
        ]

    def asked(
        self, invocation: Invocation, envelope: Envelope, asked: Asked, wrote: Wrote
    ) -> Event:
        """A step has asked another agent."""
        return QuestionAsked(
            **self.here(envelope, invocation.offset),
            invocation=invocation.id,
            step=asked.path,
            wrote=(wrote,),
        )

    def answer_dropped(self, envelope: Envelope, why: str) -> Event:
        """An answer came for which no step waits."""
        return AnswerDropped(
            **self.here(envelope, -1),
            answer=envelope.id,
            question=envelope.answers or "",
            sentence=why,
        )

    def answer_unreadable(self, invocation: Invocation, record: Record, error: WireError) -> Event:
        """An answer came that cannot be read."""
        return AnswerDropped(
            **self._of_task(invocation.task_id, invocation.tenant, -1),
            answer=f"{self._worker.lanes_name}.answers/{record.partition}/{record.offset}",
            question="",
            sentence=f"it cannot be read: {error.what.rstrip('.')}",
        )

    def wasted(
        self, invocation: Invocation, envelope: Envelope, asked: Asked, attempt: int
    ) -> Event:
        """A step that costs money is carried out again."""
        return StepWasted(
            **self.here(envelope, invocation.offset),
            invocation=invocation.id,
            step=asked.path,
            attempt=attempt,
            text=asked.shown,
        )

    def spending(
        self, invocation: Invocation, envelope: Envelope, budget: "RunBudget"
    ) -> list[Outgoing]:
        """Most of a budget is used: said once, with the intent of a step."""
        account = budget.take_warning()
        if account is None or account.limit is None or account.left is None:
            return []
        event = BudgetWarned(
            task_id=envelope.task_id,
            tenant=envelope.tenant,
            time_ms=self._worker.clock.now_ms(),
            agent=self._worker.agent.name,
            invocation=invocation.id,
            limit_micros=account.limit,
            left_micros=account.left,
        )
        return [self.record(event)]

    def rested(
        self,
        invocation: Invocation,
        envelope: Envelope,
        why: RestWhy,
        until_ms: int,
        error: BaseException,
    ) -> Event:
        """An invocation rests and goes on by itself."""
        return Rested(
            **self.here(envelope, invocation.offset),
            invocation=invocation.id,
            why=why,
            failed_count=invocation.tries.total,
            until_ms=min(until_ms, envelope.deadline_ms or until_ms),
            sentence=in_short(error),
            error=type(error).__name__,
        )

    def waits_for_provider(
        self, invocation: Invocation, envelope: Envelope, until_ms: int, because: str
    ) -> list[Event]:
        """An invocation rests for a provider: said once, however often it is asked in vain."""
        if invocation.said_provider:
            return []
        invocation.said_provider = True
        return [
            Rested(
                **self.here(envelope, invocation.offset),
                invocation=invocation.id,
                why=RestWhy.PROVIDER,
                failed_count=invocation.tries.total,
                until_ms=min(until_ms, envelope.deadline_ms or until_ms),
                sentence=because,
            )
        ]

    def redriven(
        self, envelope: Envelope, offset: int, settled: Settled, *, resubmitted: bool
    ) -> Event:
        """A dead letter was taken back."""
        return Redriven(
            **self.here(envelope, offset),
            invocation=settled.invocation,
            by=settled.by,
            absorbed=settled.absorbed,
            dead=settled.dead,
            run=len(settled.runs),
            count=settled.count,
            resubmitted=resubmitted,
            deadline_ms=envelope.deadline_ms,
        )

    def discarded(self, asked: Settle, offset: int, invocation: str) -> Event:
        """A dead letter was given up for good."""
        return Discarded(
            **self._of_task(asked.task, asked.tenant, offset),
            invocation=invocation,
            by=asked.by,
            why=asked.why,
            dead=asked.dead,
        )

    def redrive_refused(self, asked: Settle, answer: int, why: str) -> Event:
        """A dead letter stays where it is, although somebody wanted it settled."""
        return RedriveRefused(
            **self._of_task(asked.task, asked.tenant, -1),
            by=asked.by,
            sentence=summary(why, SENTENCE_CHARS_MAX),
            dead=asked.dead,
            answer=answer,
        )

    def in_doubt(self, invocation: Invocation, envelope: Envelope, doubt: Doubt) -> Event:
        """A person is asked what became of a step."""
        return PersonAsked(
            task_id=envelope.task_id,
            tenant=envelope.tenant,
            time_ms=self._worker.clock.now_ms(),
            request=request_of(invocation.id, doubt),
            kind=RequestKind.DOUBT,
            text=f"step {doubt.path}, {doubt.shown}, was begun at {encode_time(doubt.begun_ms)}"
            f" and nobody knows whether it happened; {doubt.because}.",
            invocation=invocation.id,
            agent=self._worker.agent.name,
            act=doubt.name,
            reply_to=f"{self._worker.lanes_name}.answers/{self._partition}",
        )

    def decided(self, held: Invocation, decision: Decision) -> Event:
        """A person has said what became of a step."""
        return PersonAnswered(
            task_id=held.task_id,
            tenant=held.tenant,
            time_ms=self._worker.clock.now_ms(),
            request=decision.request,
            by=decision.by,
            decision="it happened" if decision.happened else "it did not happen",
        )

    def gather_missed(self, envelope: Envelope, words: str) -> GatherMissed:
        """The error for a part that does not count."""
        return GatherMissed(inbox=self._worker.inbox_name, detail=words, task=envelope.task_id)

    def here(self, envelope: Envelope, offset: int) -> dict[str, Any]:
        """Give what an event says of the lane and of the task."""
        return {**self._of_task(envelope.task_id, envelope.tenant, offset), "label": envelope.label}

    def _of_task(self, task_id: str, tenant: str, offset: int) -> dict[str, Any]:
        return {
            "task_id": task_id,
            "tenant": tenant,
            "time_ms": self._worker.clock.now_ms(),
            "agent": self._worker.agent.name,
            "agent_version": self._worker.agent.version,
            "process": self._worker.process,
            "topic": self._worker.inbox_name,
            "partition": self._partition,
            "offset": offset,
        }


def _told_lost(invocation: Invocation | None) -> bool:
    return invocation is not None and invocation.told_lost


def in_full(error: BaseException) -> str:
    """Give all that an error says, or where that is too long its first line: whole sentences."""
    words = said_by(error)
    return (
        summary(words, SENTENCE_CHARS_MAX) if len(words) <= SENTENCE_CHARS_MAX else in_short(error)
    )


def in_short(error: BaseException) -> str:
    """Give the first line of what an error says, or its kind when it says nothing."""
    words = error.what if isinstance(error, HandrailError) else said_by(error)
    first = words.strip().partition("\n")[0].strip()
    return summary(first or type(error).__name__, SENTENCE_CHARS_MAX)


def _text(record: Record) -> str:
    return summary((record.value or b"")[:800].decode(errors="replace"))
