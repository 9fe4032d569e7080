"""Takes back what a task has written to memory: by new versions, never by deleting any.

Guarantee: a record that nobody has written since the task reads afterwards as it did before the
task wrote it. A record that somebody has written since is left as it is and listed.
"""

from collections.abc import Iterable, Sequence

from handrail.memory.changes import Change, Left, Plan, Planner, left, plan_of
from handrail.memory.derivation import by_place
from handrail.wire.memory import StoredRecord


def plan_undo(task: str, versions: Iterable[StoredRecord], planner: Planner) -> Plan:
    """Plan the undoing of a task from every version that is kept, removed ones too."""
    found: list[Change | Left] = []
    for history in by_place(versions).values():
        if any(one.task_id == task for one in history):
            one = _undone(task, history, planner)
            if one is not None:
                found.append(one)
    return plan_of(found)


def _undone(task: str, history: Sequence[StoredRecord], planner: Planner) -> Change | Left | None:
    current = history[-1]
    if current.task_id != task:
        if _taken_back(task, history):
            return None
        return left(current, f"{current.agent} has written it since, as version {current.version}")
    # Only what the task wrote last, up to whatever somebody else wrote before it.
    first = len(history)
    while first > 0 and history[first - 1].task_id == task:
        first -= 1
    before = history[first - 1] if first > 0 else None
    return going_back(current, before, history[first], planner)


def going_back(
    current: StoredRecord, before: StoredRecord | None, after: StoredRecord, planner: Planner
) -> Change | Left | None:
    """Go back to a version, None being that there was none; `after` is what came next.

    Gives nothing when the record reads like that already.
    """
    rules = planner.rules.get(current.space)
    if rules is None:
        return left(current, f"no space {current.space} is declared any more")
    gone = before is None or before.removed or planner.expired(before)
    if before is None and after.previous is not None:
        return left(current, "what was there before is older than the history that is kept")
    if gone:
        if current.removed:
            return None
        if not rules.erasable:
            return left(current, "it can never be changed; that it was wrong can be written anew")
        return planner.remove(current)
    assert before is not None
    if not rules.changes:
        return left(current, "it can never be changed")
    if before.sealed and not planner.opens(before):
        return left(current, "what was there before was about somebody who was forgotten")
    return planner.restore(current, before)


def _taken_back(task: str, history: Sequence[StoredRecord]) -> bool:
    """Say whether the last that the task wrote was undone already, by whatever came next."""
    last = max(n for n, one in enumerate(history) if one.task_id == task)
    return history[last + 1].rollback_of == history[last].version
