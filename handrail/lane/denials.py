"""Of which tools a person has said no to a call, by the recorded decisions of one handoff. Pure.

Guarantee: a decision that does not say of itself what it was, and whose words are not at hand,
counts as a denial: nothing goes on by what is not known.
"""

from typing import Any, Final, cast

import orjson

from handrail.contract.for_task import FOR_TASK
from handrail.lane.steps import StepLog, StepRecord

APPROVAL_OF: Final = "approval of "  #: and the tool: the name of a step that waits for a decision
DENIED: Final = "denied"  #: under which a recorded decision says whether it was a no


def is_denied(tool: str, log: StepLog) -> bool:
    """Say whether a person has said no to a call of a tool, whichever steps were asked for yet."""
    return any(_denies(record, tool) for record in log.records.values())


def _denies(record: StepRecord, tool: str) -> bool:
    intent, outcome = record.intent, record.outcome
    if intent is None or "approval" not in intent.facts:
        return False
    if intent.facts["name"] != f"{APPROVAL_OF}{tool}":
        return False
    if outcome is None or not outcome.facts["ok"]:
        return False  # nobody has decided
    said = outcome.facts.get(DENIED)
    if isinstance(said, bool):
        return said
    # It was recorded by a version that told of it in its words only.
    return FOR_TASK not in outcome.facts and not _approves(outcome.body)


def _approves(body: bytes | None) -> bool:
    try:
        fields: object = orjson.loads(body or b"null")
    except ValueError:
        return False
    return isinstance(fields, dict) and cast("dict[str, Any]", fields).get("approve") is True
