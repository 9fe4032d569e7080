"""Takes back a message: everything that memory holds because of it, whichever agent wrote it.

What was made from the message goes back to the newest version that was not, or is removed when
there is none. What may not be removed is marked as not to be trusted. Nothing is ever guessed to be
derived: it says so itself, or was written in carrying out the message.
"""

from collections.abc import Collection, Sequence

from handrail.memory.changes import Change, Left, Plan, Planner, left, plan_of
from handrail.memory.derivation import Derived, by_place, derived
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
    current = history[-1]
    if current.removed:
        return []
    if not tainted.includes(current):
        why = f"it is not derived from it any more; {current.agent} has written it since"
        return [left(current, why)]
    clean = [n for n, one in enumerate(history) if not tainted.includes(one)]
    before = history[clean[-1]] if clean else None
    one = going_back(current, before, history[clean[-1] + 1 if clean else 0], planner)
    if not isinstance(one, Left):
        return [] if one is None else [one]
    # It cannot go: whoever reads it is at least told.
    return [] if current.flagged is not None else [planner.flag(current)]
