"""Takes back a message: everything that memory holds because of it, whichever agent wrote it.

What was made from the message goes back to the newest version that was not, or is removed when
there is none. What may not be removed is marked as not to be trusted. Nothing is ever guessed to be
derived: it says so itself, or was written in carrying out the message.
"""

from collections.abc import Collection, Sequence

from handrail.memory.changes import Change, Left, Plan, Planner, left, plan_of
from handrail.memory.derivation import Derived, by_place, derived
from handrail.memory.standing import is_over, standing
from handrail.memory.undoing import going_back
from handrail.wire.memory import StoredRecord


def plan_retract(
    messages: Collection[str], versions: Collection[StoredRecord], planner: Planner
) -> Plan:
    """Plan the retraction of messages: one, with all those that were handed on because of it."""
    tainted = derived(versions, messages=messages)
    found: list[Change | Left] = []
    for history in by_place(versions).values():
        if any(tainted.includes(one) for one in history):
            found += _retracted(history, tainted, planner)
    return plan_of(found)


def _retracted(
    history: Sequence[StoredRecord], tainted: Derived, planner: Planner
) -> list[Change | Left]:
    current, line = history[-1], standing(history)
    if current.removed:
        return []
    made = [n for n, one in enumerate(line) if tainted.includes(one.now)]
    if not tainted.includes(current):
        if not made or is_over(line[made[-1]], line[made[-1] + 1]):
            return []
        why = f"it is not derived from it any more; {current.agent} has written it since"
        return [left(current, why)]
    clean = [n for n, one in enumerate(line) if not tainted.includes(one.now)]
    first = clean[-1] + 1 if clean else 0
    one = going_back(line, first, planner)
    if not isinstance(one, Left):
        return [] if one is None else [one]
    # It cannot go: whoever reads it is at least told.
    return [] if current.flagged is not None else [planner.flag(current)]
