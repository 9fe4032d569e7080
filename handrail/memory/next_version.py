"""Makes the version that a command writes, a removal too: by whom it is and what it comes from.

Guarantee: a version that keeps the value of an earlier one, or adds to it, names that one.
"""

from dataclasses import replace
from typing import Any, Final

from handrail.contract.memory import DAY_S, WORKING_AFTER_TASK_S, Memory
from handrail.memory.asked import Asked, Present, Seen
from handrail.memory.gate import SOURCES_COUNT_MAX, is_trusted
from handrail.wire.label import OF_TEAM, OF_USER, Label, label_of
from handrail.wire.memory import COMMUTATIVE, REASON_CHARS_MAX, Op, StoredRecord

TASK_S_DEFAULT: Final = 7 * DAY_S  #: of a task that names no deadline


def written(
    asked: Asked, space: Memory[Any], seen: Seen, now_ms: int, value: object
) -> StoredRecord:
    """Give the version with a value: one that was put, added to, or given back."""
    command = asked.command
    goes_back = command.rollback_of is not None
    # Whoever goes back vouches for nothing: what was not trusted then is not trusted now.
    hidden = not is_trusted(asked, space) or (goes_back and command.quarantined)
    return replace(
        _of(asked, seen.present, now_ms),
        type_name=type_after(asked, space, seen),
        value=value,
        tool_call=command.tool_call,
        model=command.model,
        sealed=command.sealed,
        derived_from=_sources(asked, seen),
        label=command.label if goes_back else _label(asked, seen),
        confidence=command.confidence,
        observed_ms=command.observed_ms,
        expires_ms=_expires_ms(asked, space, now_ms),
        supersedes=f"{command.key}@{seen.version}" if seen.version else None,
        builds_on=command.builds_on if goes_back else _added_to(asked, seen),
        quarantined=hidden,
        flagged=command.flagged if goes_back else None,
    )


def type_after(asked: Asked, space: Memory[Any], seen: Seen) -> str:
    """Give the name of the type of the value that a command makes."""
    command, record = asked.command, seen.record
    # What is added to a value of another model does not make it one of the newest: the same field
    # may mean something else there.
    if command.op in COMMUTATIVE and record is not None:
        return record.type_name
    return command.type_name or space.type_name


def removal(asked: Asked, present: Present, now_ms: int) -> StoredRecord:
    """Give the version that says that a record is gone."""
    gone = replace(_of(asked, present, now_ms), removed=True)
    return gone if present.record is None else replace(gone, type_name=present.record.type_name)


def _of(asked: Asked, present: Present, now_ms: int) -> StoredRecord:
    """Give the next version of a key without anything in it: by whom it is, and what it follows."""
    command = asked.command
    return StoredRecord(
        space=command.space,
        key=command.key,
        version=present.version + 1,
        type_name=command.type_name,
        value=None,
        applied=asked.offset,
        written_ms=now_ms,
        agent=command.by,
        agent_version=command.by_version,
        task_id=asked.task_id,
        message_id=asked.message_id,
        rollback_of=command.rollback_of,
        reason=kept_reason(command.reason),
        previous=present.digest,
    )


def _added_to(asked: Asked, seen: Seen) -> int | None:
    if asked.command.op not in COMMUTATIVE or seen.record is None:
        return None
    return seen.version


def _label(asked: Asked, seen: Seen) -> str | None:
    """Give where a value comes from: what is added to a record is no better than the rest of it."""
    if asked.command.op not in COMMUTATIVE or seen.record is None or seen.record.label is None:
        return asked.label
    absent = OF_USER if asked.by_person else OF_TEAM
    return str(label_of(asked.label, absent=absent).join(label_of(seen.record.label)))


def _sources(asked: Asked, seen: Seen) -> tuple[str, ...]:
    command = asked.command
    if command.op not in COMMUTATIVE or seen.record is None:
        return command.derived_from
    # What is added to does not lose where the rest of it comes from: the newest sources stand with
    # it, and the version that it builds on has those before them.
    every = dict.fromkeys((*seen.record.derived_from, *command.derived_from))
    return tuple(every)[-SOURCES_COUNT_MAX:]


def _expires_ms(asked: Asked, space: Memory[Any], now_ms: int) -> int | None:
    if asked.command.rollback_of is not None and asked.command.expires_ms is not None:
        return asked.command.expires_ms
    times = [] if space.ttl_s is None else [now_ms + round(space.ttl_s * 1000)]
    if space.rules.of_one_task:
        deadline_ms = asked.deadline_ms
        if deadline_ms is None:
            deadline_ms = now_ms + round(TASK_S_DEFAULT * 1000)
        times.append(deadline_ms + round(WORKING_AFTER_TASK_S * 1000))
    return min(times) if times else None


def marked(asked: Asked, record: StoredRecord, seen: Seen, now_ms: int) -> StoredRecord:
    """Give the version that a mark or an endorsement makes: the value is as it was."""
    command = asked.command
    reason = kept_reason(command.reason)
    flagged = reason or "it was retracted" if command.op is Op.FLAG else record.flagged
    label = record.label
    if command.op is Op.ENDORSE:
        # Whoever vouches for it is a person; who may see it they do not change.
        label = str(Label(OF_USER.integrity, label_of(label, absent=OF_TEAM).confidentiality))
    return replace(
        record,
        version=seen.present.version + 1,
        applied=asked.offset,
        written_ms=now_ms,
        flagged=flagged,
        quarantined=record.quarantined and command.op is not Op.ENDORSE,
        label=label,
        previous=seen.present.digest,
        supersedes=f"{command.key}@{seen.version}",
        agent=command.by,
        agent_version=command.by_version,
        task_id=asked.task_id,
        message_id=asked.message_id,
        rollback_of=None,
        builds_on=seen.version,
        reason=reason,
    )


def kept_reason(reason: str) -> str:
    """Give what is kept of a reason: a longer one would be too large for the record of a value."""
    if len(reason) <= REASON_CHARS_MAX:
        return reason
    return reason[: REASON_CHARS_MAX - 1] + "…"
