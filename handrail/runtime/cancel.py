"""Asks that a task stop: a switch that every process reads, and an event that says so.

Both are written in one transaction: no process stops a task that the ledger does not call
canceled, and a task that is called canceled is stopped. What was written counts from the moment
at which a process reads it; what a task has done before stays done.
"""

import getpass
import os
import uuid

from handrail.bus.port import Bus
from handrail.errors import TaskEnded
from handrail.lane.switches import CLOCKS_DIFFER_MS, CONTROL, REASON_CHARS_MAX, Cancel
from handrail.ledger.event import CancelAsked
from handrail.ledger.event_record import LEDGER, encode
from handrail.ledger.explanation import why
from handrail.ledger.task_state import TaskFacts, TaskState
from handrail.runtime.one_commit import commit_together


def who() -> str:
    """Name whoever runs this process, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a user may have a number only
        return f"user {os.getuid()}"


def still_to_cancel(facts: TaskFacts) -> bool:
    """False when it is canceled already. Raises TaskEnded when it has ended in another way."""
    if facts.state is TaskState.CANCELED:
        return False
    if facts.ended:
        raise TaskEnded(task=facts.task_id, state=facts.state.value, reason=why(facts))
    return True


def cancel_of(
    facts: TaskFacts, *, reason: str, by: str, now_ms: int, deadline_s_max: float
) -> Cancel:
    """Make the cancel of a task that has not ended.

    Before a process has taken the task in, nobody knows its deadline; then the cancel covers what
    has any deadline up to the latest one, which is `deadline_s_max` after now. What was sent back
    may have a later deadline than its task; then it covers all up to the latest one.
    """
    until_ms, again_ms = facts.deadline_ms if facts.accepted else None, facts.redriven_until_ms
    exact = until_ms is not None and again_ms in (None, until_ms)
    if until_ms is None:
        until_ms = now_ms + int(deadline_s_max * 1000) + CLOCKS_DIFFER_MS
    return Cancel(
        task_id=facts.task_id,
        until_ms=max(until_ms, again_ms or 0),
        exact=exact,
        by=by,
        why=reason[:REASON_CHARS_MAX],
        asked_ms=now_ms,
    )


async def write_cancel(bus: Bus, namespace: str, cancel: Cancel, tenant: str) -> None:
    """Write it, with its event, in one transaction; written twice it is one cancel.

    Raises BrokerUnreachable, and CommitDoubtful when nobody can know whether it was written.
    """
    event = CancelAsked(
        task_id=cancel.task_id,
        tenant=tenant,
        time_ms=cancel.asked_ms,
        by=cancel.by,
        why=cancel.why,
    )
    records = [
        cancel.outgoing(f"{namespace}.{CONTROL}"),
        encode(event, f"{namespace}.{LEDGER}"),
    ]
    await commit_together(bus, f"{namespace}.{CONTROL}.{uuid.uuid4()}", records)
