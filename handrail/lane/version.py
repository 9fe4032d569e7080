"""Whether this version of an agent may carry on what another version of it has begun. Pure.

Compatible are versions with the same first part: `2`, `2.1` and `2.1-blue` are, `2` and `3` are
not. An agent's declared version says so itself, because only its author knows whether the steps of
a running invocation still come in the same order.
"""

from collections.abc import Iterable

from handrail.lane.journal import Entry
from handrail.lane.steps import ANEW, StepRecord


def is_compatible(ours: str, theirs: str) -> bool:
    """Say whether the one may carry on what the other has begun."""
    return ours.partition(".")[0] == theirs.partition(".")[0]


def version_needed(records: Iterable[StepRecord], ours: str) -> str | None:
    """Give the version that asked for a step of an invocation and whose steps we cannot replay.

    Who asked is what counts, where that is recorded: an answer may be taken by whichever version
    holds the lane when it comes. What is decided anew nobody has to ask for again.
    """
    for record in records:
        asked = _asked(record)
        if asked is not None and not is_compatible(ours, asked.agent_version):
            return asked.agent_version
    return None


def _asked(record: StepRecord) -> Entry | None:
    intent = record.intent
    if intent is None or intent.facts.get("void") == ANEW:
        return record.outcome
    return intent
