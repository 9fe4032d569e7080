"""Names what an invocation has done to the world, from what is recorded of its steps. Pure."""

from typing import Final

from handrail.contract.effect import Effect
from handrail.lane.begun import may_have_acted_before
from handrail.lane.steps import StepLog, StepRecord
from handrail.ledger.happened import Acted

ACTED_COUNT_MAX: Final = 50  #: of one invocation that the ledger is told of
_ON_THE_WORLD: Final = frozenset({Effect.IDEMPOTENT, Effect.QUERYABLE, Effect.UNSAFE})


def acted(log: StepLog) -> tuple[Acted, ...]:
    """Give the first of its acts, in the order in which they were begun."""
    found: list[Acted] = []
    for path, record in log.records.items():
        name = _name(record)
        if name is not None and len(found) < ACTED_COUNT_MAX:
            found.append(Acted(path, name, perhaps=not _succeeded(record)))
    return tuple(found)


def _name(record: StepRecord) -> str | None:
    """Give the name of a step that has acted, or may have; None for any other."""
    intent = record.intent
    if intent is None or intent.facts["effect"] not in _ON_THE_WORLD:
        return None
    outcome = record.outcome
    if outcome is None and "void" in intent.facts:
        return None
    if outcome is not None and not outcome.facts["ok"]:
        nothing = bool(outcome.facts.get("nothing_happened"))
        if nothing and not may_have_acted_before(record):
            return None
    return str(intent.facts["name"])


def _succeeded(record: StepRecord) -> bool:
    return record.outcome is not None and bool(record.outcome.facts["ok"])
