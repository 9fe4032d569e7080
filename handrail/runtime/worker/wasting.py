"""Books paid steps that were under way when their invocation ended, and whose outcome is lost.

Guarantee: an attempt is booked once. What is kept of it for a redrive says that it is booked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from handrail.contract.effect import Effect
from handrail.lane.journal import Entry
from handrail.lane.steps import StepRecord
from handrail.ledger.event import StepWasted

BOOKED: Final = "booked as wasted"  #: why the intent of such a step is void


def paid_in_vain(
    records: Iterable[StepRecord], ended: str, here: Mapping[str, Any]
) -> list[StepWasted]:
    """Give the steps that cost money and of which nobody knows what came of them."""
    return [
        StepWasted(
            **here,
            invocation=ended,
            step=one.path,
            attempt=int(str(one.facts["attempt"])),
            text=str(one.facts["shown"]),
        )
        for one in (record.intent for record in records if record.outcome is None)
        if one is not None and _is_open(one)
    ]


def booked(intent: Entry) -> Entry:
    """Give what is kept of an intent once its attempt is booked."""
    return replace(intent, facts={**intent.facts, "void": BOOKED}) if _is_open(intent) else intent


def _is_open(intent: Entry) -> bool:
    return intent.facts.get("effect") == Effect.PAID and "void" not in intent.facts
