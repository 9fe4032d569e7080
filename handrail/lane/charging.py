"""How often a step has cost what it costs, by its intent. Pure.

Guarantee: an attempt that was begun counts, whatever became of it, unless its own error said that
nothing had happened. The count stands in the intent, so that no crash and no other try lowers it.
"""

from handrail.lane.steps import StepRecord


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
