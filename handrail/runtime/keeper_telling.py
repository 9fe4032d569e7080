"""What the keeper says of a command: to whoever asked, and to the ledger."""

from dataclasses import dataclass, replace
from typing import Final, assert_never

from handrail.contract.failure import State
from handrail.errors.wire import WireError
from handrail.ledger.event import SENTENCE_CHARS_MAX, summary
from handrail.ledger.memory_event import MEMORY_TASK, MemoryRefused, MemoryWritten
from handrail.memory.asked import Asked, Conflicting, Decision, Reason, Refusal, Stored, Unchanged
from handrail.wire.answer import REPLY_TYPE, ReplyAddress
from handrail.wire.codec import encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.ids import handoff_id
from handrail.wire.memory import Answer, Command, Op, Verdict
from handrail.wire.record import Outgoing, Record

CONFLICT: Final = "conflict"
LABEL_CHARS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Heard:
    """One record of the commands, as far as it could be read."""

    record: Record
    envelope: Envelope | None
    asked: Asked | None
    refusal: Refusal | None = None  #: why it is no command


def answer_to(asked: Asked, decision: Decision) -> Answer:
    """Give the answer to a command about one key."""
    command = asked.command
    facts: dict[str, str | int | None] = {}
    verdict = Verdict.APPLIED
    quarantined = False
    match decision:
        case Stored(record=record):
            facts = {"version": record.version, "same_as": record.same_as}
            quarantined = record.quarantined
        case Unchanged(key=key, version=version):
            facts = {"version": version, "same_as": key}
        case Conflicting(version=version):
            verdict = Verdict.CONFLICT
            facts = {"version": version}
        case Refusal():
            verdict = Verdict.REFUSED
            facts = {
                "state": decision.state.value,
                "detail": decision.detail,
                "remedy": decision.remedy,
            }
        case _:
            assert_never(decision)
    return Answer(
        verdict=verdict,
        space=command.space,
        key=command.key,
        partition=asked.partition,
        offset=asked.offset,
        quarantined=quarantined,
        **facts,  # type: ignore[arg-type]  # each under the name of its field
    )


def reply(namespace: str, question: Envelope, answer: Answer, now_ms: int) -> Outgoing | None:
    """Make the record that answers; None when nobody waits for one, or nobody knows where."""
    if question.reply_to is None:
        return None
    try:
        address = ReplyAddress.of(question.reply_to)
        envelope = Envelope(
            id=handoff_id(question.id, 0),
            type=REPLY_TYPE,
            source=f"handrail/{namespace}/keeper",
            time_ms=now_ms,
            task_id=question.task_id,
            tenant=question.tenant,
            reference=question.reference,
            causation_id=question.id,
            hop=question.hop + 1,
            deadline_ms=question.deadline_ms,
            answers=question.id,
            label=question.label,
            trace_parent=question.trace_parent,
        )
        headers = encode_headers(envelope)
    except WireError:
        return None
    key = (question.causation_id or question.id).encode()
    return Outgoing(
        f"{namespace}.{address.topic}", key, answer.encode(), headers, address.partition
    )


def told(asked: Asked, decision: Decision, now_ms: int) -> MemoryWritten | MemoryRefused:
    """Say on the ledger what became of a command about one key."""
    match decision:
        case Stored(record=record):
            return written(
                asked,
                now_ms,
                record.version,
                removed=record.removed,
                quarantined=record.quarantined,
                same_as=record.same_as,
            )
        case Unchanged(key=key, version=version):
            return written(asked, now_ms, version, same_as=key, unchanged=True)
        case Conflicting(version=version):
            expected = asked.command.expect
            wanted = "without a version" if expected is None else f"from version {expected}"
            sentence = f"it is at version {version} and was to be changed {wanted}"
            return refused(asked, now_ms, CONFLICT, State.CONFLICT, sentence)
        case Refusal():
            told_of = refused(asked, now_ms, decision.reason, decision.state, decision.detail)
            return replace(told_of, remedy=summary(decision.remedy, SENTENCE_CHARS_MAX))
        case _:
            assert_never(decision)


def written(
    asked: Asked,
    now_ms: int,
    version: int,
    *,
    removed: bool = False,
    quarantined: bool = False,
    same_as: str | None = None,
    unchanged: bool = False,
    op: str | None = None,
) -> MemoryWritten:
    """Say that a version was written, or was there already."""
    command = asked.command
    return MemoryWritten(
        task_id=asked.task_id,
        tenant=asked.tenant,
        time_ms=now_ms,
        space=command.space,
        key=command.key,
        op=op or command.op.value,
        by=command.by,
        message_id=asked.message_id,
        partition=asked.partition,
        offset=asked.offset,
        version=version,
        removed=removed,
        quarantined=quarantined,
        same_as=same_as,
        unchanged=unchanged,
        rollback_of=command.rollback_of,
        reason=summary(command.reason, SENTENCE_CHARS_MAX),
    )


def refused(asked: Asked, now_ms: int, reason: str, state: State, sentence: str) -> MemoryRefused:
    """Say that a command was not carried out."""
    command = asked.command
    return MemoryRefused(
        task_id=asked.task_id,
        tenant=asked.tenant,
        time_ms=now_ms,
        space=command.space,
        key="" if reason == Reason.KEY else command.key,  # a person may stand in it
        op=command.op.value,
        by=command.by,
        message_id=asked.message_id,
        partition=asked.partition,
        offset=asked.offset,
        reason=str(reason),
        state=state.value,
        sentence=summary(sentence, SENTENCE_CHARS_MAX),
    )


def not_read(heard: Heard, now_ms: int) -> MemoryRefused:
    """Say that something on the commands was none."""
    record, envelope, refusal = heard.record, heard.envelope, heard.refusal
    assert refusal is not None
    key = (record.key or b"").decode("utf-8", "replace")
    return MemoryRefused(
        task_id=envelope.task_id if envelope is not None else MEMORY_TASK,
        tenant=envelope.tenant if envelope is not None else "",
        time_ms=now_ms,
        space="",
        key=summary(key, LABEL_CHARS_MAX),
        op="",
        by="",
        message_id=(envelope.causation_id or "") if envelope is not None else "",
        partition=record.partition,
        offset=record.offset,
        reason=refusal.reason.value,
        state=refusal.state.value,
        sentence=summary(refusal.detail, SENTENCE_CHARS_MAX),
    )


def no_answer(heard: Heard) -> Answer:
    """Answer something that could not be read."""
    refusal = heard.refusal
    assert refusal is not None
    return Answer(
        verdict=Verdict.REFUSED,
        space="",
        key="",
        partition=heard.record.partition,
        offset=heard.record.offset,
        state=refusal.state.value,
        detail=refusal.detail,
        remedy=refusal.remedy,
    )


def own_act(space: str, key: str, partition: int, offset: int, whose: tuple[str, str]) -> Asked:
    """Give what the keeper does by itself in the form of a command; `whose` is task and tenant."""
    command = Command(op=Op.REMOVE, space=space, key=key, by="keeper")
    task_id, tenant = whose
    return Asked(command, partition, offset, task_id, tenant)


def unreadable(why: str) -> Refusal:
    """Say that a record is no command."""
    remedy = "write through ctx.memory or `handrail memory`, of a version that this keeper knows"
    return Refusal(Reason.UNREADABLE, State.INVALID_INPUT, f"it is no command: {why}", remedy)


def undeclared(space: str) -> Refusal:
    """Say that a space is not declared."""
    return Refusal(
        Reason.UNKNOWN_SPACE,
        State.NOT_FOUND,
        f"this team has no memory space {space[:80]}",
        "declare it in memory/, and start the keeper again",
    )
