"""How often a step has cost what it costs, by its intent, and what all steps have. Pure.

Guarantee: an attempt that was begun counts, whatever became of it, unless its own error said that
nothing had happened. The count stands in the intent, so that no crash and no other try lowers it.
"""

from collections.abc import Iterable

from handrail.lane.steps import StepRecord, StepState


def charged_before(record: StepRecord | None) -> int:
    """Give how many attempts before the latest are paid for."""
    intent = None if record is None else record.intent
    return 0 if intent is None else int(str(intent.facts.get("charged", 0)))


def charged(record: StepRecord | None) -> int:
    """Give how many attempts are paid for, the latest among them unless nothing happened."""
    if record is None or record.intent is None:
        return 0
    return charged_before(record) + int("free" not in record.intent.facts)


def charge_facts(record: StepRecord | None, *, acted: bool) -> dict[str, object]:
    """Give what the next intent says of the attempts before it; `acted` is whether the last did."""
    count = charged(record) if acted else charged_before(record)
    return {"charged": count} if count else {}


def spent_at_most(records: Iterable[StepRecord]) -> int:
    """Give what recorded steps have spent of a budget, in millionths, for whoever runs none.

    A turn of a model counts as what it could have cost, which only its run knows better.
    """
    return sum(map(_spent, records))


def _spent(record: StepRecord) -> int:
    intent, outcome = record.intent, record.outcome
    if intent is None:
        return 0
    if "lent" in intent.facts:
        left = None if outcome is None else outcome.facts.get("left")
        return max(0, int(str(intent.facts["lent"])) - int(str(left or 0)))
    free = record.state is StepState.FAILED and outcome is not None
    free = free and bool(outcome is not None and outcome.facts.get("nothing_happened"))
    count = charged_before(record) if free else charged(record)
    return int(str(intent.facts.get("cost", 0))) * count
