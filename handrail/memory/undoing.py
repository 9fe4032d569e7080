"""Takes back what a task has written to memory: by new versions, never by deleting any.

Guarantee: a record that nobody has written since the task reads afterwards as it did before the
task wrote it. A record that somebody has written since is left as it is and listed.
"""

from collections.abc import Iterable, Sequence

from handrail.memory.changes import Change, Left, Plan, Planner, left, plan_of
from handrail.memory.derivation import by_place
from handrail.memory.standing import Standing, is_expiry, is_over, standing
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
    current, line = history[-1], standing(history)
    # Only what the task wrote last, up to whatever somebody else wrote before it.
    own = [n for n, one in enumerate(line) if one.written.task_id == task]
    if not own:
        return None
    since = line[own[-1] + 1 :]
    if len(since) > 1 or (since and not is_expiry(current)):
        if is_over(line[own[-1]], since[0]):
            return None
        what = "has removed it" if current.removed else "has written it"
        return left(current, f"{current.agent} {what} since, as version {current.version}")
    first = own[-1]
    while first > 0 and line[first - 1].written.task_id == task:
        first -= 1
    return going_back(line, first, planner)


def going_back(line: Sequence[Standing], first: int, planner: Planner) -> Change | Left | None:
    """Go back to before the first of the versions that are taken back.

    Gives nothing when the record reads like that already.
    """
    current, after = line[-1].now, line[first].written
    before = line[first - 1].now if first > 0 else None
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
