"""Asks the receiver of a step that was begun whether it happened.

Guarantees: it is asked only after it has had its time to settle, and at most RECONCILE_COUNT_MAX
times; an answer that cannot be read is no answer. Then people are asked.
"""

import asyncio
from dataclasses import dataclass
from typing import Generic, TypeVar

from handrail.contract.effect import Queryable
from handrail.errors.steps import StepInDoubt
from handrail.lane.steps import Doubt, Reconcile
from handrail.runtime.clock import Clock
from handrail.runtime.worker.ground import Act
from handrail.wire.codec import encode_time

R = TypeVar("R")

RECONCILE_COUNT_MAX = 3  #: times that a receiver is asked before people are
RECONCILE_AGAIN_S = 2.0
RECONCILE_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Happened(Generic[R]):
    """It did, and came to this result."""

    result: R
    body: bytes


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody could say."""

    because: str


def in_doubt(found: Doubt, task: str) -> StepInDoubt:
    """Say in words of a step that nobody can know what came of it."""
    return StepInDoubt(
        path=found.path,
        shown=found.shown,
        since=encode_time(found.begun_ms),
        effect=str(found.effect),
        because=found.because,
        task=task,
    )


async def reconcile(
    act: Act[R], verdict: Reconcile, clock: Clock
) -> "Happened[R] | Unknown | None":
    """Give what became of a step; None when it never happened."""
    declared = act.declared
    if not isinstance(declared, Queryable):
        return Unknown("the code no longer says how its receiver can be asked")
    ready_ms = verdict.begun_ms + declared.settle_s * 1000
    await clock.sleep(max(0.0, (ready_ms - clock.now_ms()) / 1000))
    because = ""
    for number in range(RECONCILE_COUNT_MAX):
        if number:
            await clock.sleep(RECONCILE_AGAIN_S)
        try:
            async with asyncio.timeout(RECONCILE_S_MAX):
                found = await declared.reconcile(act.idem_key)
            if found is None:
                return None
            result = act.accept(found)
            return Happened(result, act.encode(result))
        except Exception as error:  # noqa: BLE001 - whatever the receiver's client raises
            because = f"its receiver could not be asked: {error!r:.200}"
    return Unknown(because)
