"""The end of a handoff that will not be carried out: its dead letter, and who is told.

The dead letter keeps the original bytes. A dead part of a fan-out tells its gather, so that
nobody waits for it; a dead question tells its asker. What the handoff itself has asked of people
is asked no longer. A large body that is old is stored again, so that it outlives its dead letter.
"""

import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson
import structlog

from handrail.errors.root import said_by
from handrail.errors.wire import WireError
from handrail.lane.charging import spent_at_most
from handrail.lane.journal import encode_entry, tombstone
from handrail.lane.retry import Tries
from handrail.ledger.event import Event, Wrote
from handrail.rails.budget import read_budget, written
from handrail.runtime.worker.keeping import Keeping
from handrail.runtime.worker.outputs import Origin, marker
from handrail.runtime.worker.packing import RENEWED_AFTER_MS
from handrail.runtime.worker.replying import NoAnswer, failed_answer
from handrail.runtime.worker.requests import all_closed
from handrail.runtime.worker.wasting import paid_in_vain
from handrail.wire.claim import Claim, is_claim
from handrail.wire.dead_letter import (
    DeadLetter,
    Failure,
    Reason,
    needs_body_claim,
    needs_key_claim,
)
from handrail.wire.envelope import Envelope
from handrail.wire.limits import BODY_BYTES_MAX
from handrail.wire.marker import Marker, MarkerKind
from handrail.wire.record import Outgoing, Record, TopicPartition

if TYPE_CHECKING:
    from handrail.lane.invocation import Invocation
    from handrail.runtime.worker.ground import LaneGround

#: What an agent's own code died of: the log says where.
_TOLD_WHOLE = frozenset({Reason.ATTEMPTS, Reason.IN_DOUBT, Reason.UNANSWERED})

log = structlog.get_logger("handrail.agent")


@dataclass(frozen=True, slots=True)
class Buried:
    """A handoff that died, and of what."""

    record: Record
    envelope: Envelope
    reason: Reason
    error: BaseException
    submission: bool = False  #: refused before any handler saw it
    unread: bool = False  #: it was taken in before its stored body could be read
    absorbed: bool = False  #: nobody misses it: its gather has closed without it
    spent: str | None = None  #: of its budget; the envelope has what is left
    step: str | None = None  #: path of the step that it failed in
    keeping: Keeping | None = None  #: what the lane knew of it, if it has forgotten it by now


class Burial:
    """Writes dead letters for one lane."""

    def __init__(self, ground: "LaneGround") -> None:
        """Write to the lane's own partition of the agent's dead letters."""
        self._ground = ground
        self._worker = ground.worker
        self._place = ground.place
        self._packer = ground.packer
        self._saying = ground.saying

    def keeping(self, invocation: "Invocation") -> Keeping:
        """Give what the lane knows of an invocation that it is about to forget."""
        return Keeping(self._ground, invocation.id, invocation)

    async def records(
        self, buried: Buried, invocation: "Invocation | None"
    ) -> tuple[list[Outgoing], list[Event]]:
        """Give what is to be written in the transaction that ends the handoff."""
        now_ms = self._worker.clock.now_ms()
        buried = self._with_cost(buried, invocation)
        log.warning(
            "handoff died",
            agent=self._worker.agent.name,
            reason=str(buried.reason),
            task=buried.envelope.task_id,
            why=said_by(buried.error),
            exc_info=buried.error if buried.reason in _TOLD_WHOLE else None,
        )
        record, claim, key_claim = await self._lasting(buried.record, now_ms), None, None
        if needs_body_claim(record):
            claim = await self._packer.store(record.value or b"")
        if needs_key_claim(record):
            key_claim = await self._packer.store(record.key or b"")
        ended = buried.envelope.id if invocation is None else invocation.id
        told_before = invocation is not None and invocation.told_lost
        innermost = buried.envelope.fan_outs[-1:]
        tells = bool(innermost) and not (buried.absorbed or buried.submission)
        tells = tells and await self._packer.meets(innermost[0].gather)
        answers = buried.envelope.reply_to is not None and not buried.submission
        failure = replace(
            self._failure(buried, invocation, now_ms),
            invocation=ended,
            absorbed=tells or answers or buried.absorbed,
        )
        letter = DeadLetter.of(record, failure, claim, key_claim)
        keeping = buried.keeping or Keeping(self._ground, ended, invocation)
        failure = replace(
            failure,
            step=keeping.step_in_words(buried.step) if buried.step else keeping.open_step,
            journal=await keeping.store(record, whole=letter.holds_all_headers),
        )
        letter = replace(letter, failure=failure)
        records = [letter.outgoing(self._place.dead.topic)]
        wrote: list[Wrote] = []
        if tells and not told_before:
            origin = Origin(ended, buried.envelope, now_ms)
            lost = Marker(MarkerKind.LOST, buried.reason, letter.where)
            told = marker(self._worker.agent, self._worker.team, origin, lost)
            records.append(self._packer.pack_small(told))
            wrote.append(told.wrote)
        ended = buried.envelope.id if invocation is None else invocation.id
        failed = NoAnswer(buried.reason, buried.error, letter.where)
        if not buried.submission and (
            said := await failed_answer(self._ground, buried.envelope, ended, failed)
        ):
            records.append(self._packer.pack_small(said))
            wrote.append(said.wrote)
        because = f"the work ended without an answer: {buried.reason}"
        records += all_closed(self._ground, ended, because)
        steps = self._ground.lane.steps.of(ended).records.values()
        offset = buried.record.offset if invocation is None else invocation.offset
        wasted = paid_in_vain(steps, ended, self._saying.here(buried.envelope, offset))
        return records, [*wasted, self._saying.dead(buried, invocation, wrote, keeping.acts)]

    def _with_cost(self, buried: Buried, invocation: "Invocation | None") -> Buried:
        """Say what it has spent where no run has said so, and leave the rest to who is told."""
        envelope = buried.envelope
        budget = read_budget(envelope.budget)
        if buried.spent is not None or budget is None:
            return buried
        ended = envelope.id if invocation is None else invocation.id
        spent = spent_at_most(self._ground.lane.steps.of(ended).records.values())
        left = written(max(0, budget - spent))
        return replace(buried, spent=written(spent), envelope=envelope.but(budget=left))

    async def _lasting(self, record: Record, now_ms: int) -> Record:
        """Give a record whose stored body is kept for as long as a dead letter of today."""
        if not is_claim(record) or now_ms - record.timestamp_ms < RENEWED_AFTER_MS:
            return record
        try:
            body = await self._packer.claimed(Claim.decode(record.value))
        except WireError as gone:
            log.warning("a claimed body is gone", offset=record.offset, why=str(gone))
            return record
        return replace(record, value=(await self._packer.store(body)).encode())

    def blocks(self, buried: Buried, invocation: "Invocation | None") -> list[Outgoing]:
        """Hold back what follows of its key, if its agent says so; give what says it.

        To be asked before the lane is told of its end, and committed with it.
        """
        record = buried.record
        if self._worker.agent.followers != "block_key" or not record.key:
            return []
        ended = buried.envelope.id if invocation is None else invocation.id
        mailbox = record.key if invocation is None else invocation.key
        lane, journal = self._ground.lane, self._place.journal
        before = lane.blocks.of(ended)
        now_ms = self._worker.clock.now_ms()
        block = lane.blocks.begin(ended, mailbox, record.offset, now_ms)
        entry = block.entry(lane.epoch, lane.settings.agent_version)
        is_elsewhere = before is not None and before.journal_key != block.journal_key
        gone = [before.journal_key] if before is not None and is_elsewhere else []
        return [*(tombstone(key, journal) for key in gone), encode_entry(entry, journal)]

    def _failure(self, buried: Buried, invocation: "Invocation | None", now_ms: int) -> Failure:
        error, task_id = buried.error, buried.envelope.task_id
        tries = invocation.tries if invocation is not None else Tries()
        named = buried.record.header("ce_taskid") == task_id.encode()
        return Failure(
            reason=buried.reason,
            agent=self._worker.agent.name,
            agent_version=self._worker.agent.version,
            failed_ms=now_ms,
            first_failed_ms=tries.first_ms,
            redrive=0 if invocation is None else invocation.redrive_count,
            attempts=max(1, tries.total),
            exception_type=type(error).__name__,
            exception_message=str(error),
            stack="".join(traceback.format_exception(error)),
            task=None if named else task_id,
            cost=buried.spent,
        )


def record_of_parts(
    inbox: TopicPartition, key: str, bodies: list[tuple[int, bytes | None]], written_ms: int
) -> Record:
    """Make the one record that stands for a gather in its dead letter: its parts as one JSON list.

    Parts that do not fit any more are named without their bodies.
    """
    listed: list[dict[str, object]] = []
    room = BODY_BYTES_MAX // 2
    for number, body in bodies:
        room -= len(body or b"")
        entry: dict[str, object] = {"part": number}
        if body is not None and room > 0:
            entry["message"] = _json_or_text(body)
        listed.append(entry)
    return Record(
        inbox.topic, inbox.partition, 0, written_ms, key.encode(), orjson.dumps(listed), ()
    )


def _json_or_text(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")
