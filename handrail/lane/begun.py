"""As what a step was begun, and whether an attempt before the present one may have acted. Pure.

Guarantee: what is known of one attempt is never taken for what is known of the step. Where an
earlier attempt was begun and nobody knows what came of it, its step stays begun, under the key and
since the time of the first one, whatever says that a later attempt has not acted.
"""

from dataclasses import dataclass
from typing import Final

from handrail.contract.effect import Effect
from handrail.lane.steps import Asked, StepRecord

EARLIER: Final = "earlier"  #: of an intent: an attempt before it may have acted


@dataclass(frozen=True, slots=True)
class Begun:
    """The class under which a step was begun; `earlier` when an attempt before may have acted."""

    effect: Effect
    earlier: bool = False


def begun_as(record: StepRecord | None, asked: Asked, attempt: int = 0) -> Begun:
    """Judge a step of which `attempt` is the present one, by default the one it was begun for.

    The class under which it was begun counts, whatever the code declares now.
    """
    intent = None if record is None else record.intent
    if intent is None:
        return Begun(asked.effect)
    effect = Effect(str(intent.facts["effect"]))
    before = int(str(intent.facts["attempt"])) < attempt and effect is Effect.IDEMPOTENT
    return Begun(effect, may_have_acted_before(record) or (before and "void" not in intent.facts))


def may_have_acted_before(record: StepRecord | None) -> bool:
    """Say whether an attempt before the latest may have acted, and nobody knows."""
    intent = None if record is None else record.intent
    return intent is not None and EARLIER in intent.facts and "void" not in intent.facts


def earlier_facts(record: StepRecord | None, *, acted: bool) -> dict[str, object]:
    """Give what the next intent says of the attempts before it; `acted` is whether the last may.

    Only what its receiver knows by its key is begun again without anybody having found out.
    """
    intent = None if record is None else record.intent
    if intent is None or "void" in intent.facts:
        return {}
    open_now = acted and Effect(str(intent.facts["effect"])) is Effect.IDEMPOTENT
    return {EARLIER: True} if open_now or EARLIER in intent.facts else {}
