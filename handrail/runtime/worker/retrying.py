"""Tries a call again as its contract says, within one step.

Guarantees: never more often than `retry.max`, and after a state in `retry.on` only; what could
have acted is tried again only where a second time is none. A crash in between is judged by the
effect of the step, like one in the middle of a single try.
"""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Final, TypeVar

from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.tool import Tool
from handrail.lane.trying_again import NOTHING_HAPPENED
from handrail.runtime.worker.waiting import RunSteps

R = TypeVar("R")

WAIT_S_FIRST, WAIT_S_MAX = 0.5, 30.0  #: a longer wait that is asked for ends the tries
assert WAIT_S_FIRST <= WAIT_S_MAX

#: A tool says by them that it has not acted.
DID_NOT_ACT: Final = NOTHING_HAPPENED | {
    State.INVALID_INPUT,
    State.PRECONDITION_FAILED,
    State.CONFLICT,
    State.NOT_FOUND,
    State.UNAUTHENTICATED,
}
#: A second time does no harm, or its receiver knows our key.
_REPEATABLE: Final = frozenset({Effect.PURE, Effect.READ, Effect.PAID, Effect.IDEMPOTENT})


def wait_s(tool: Tool[Any, Any], refused: Refused, tries: int) -> float | None:
    """Say how long to wait before another try; None: it is over."""
    retry = tool.terms.retry
    if retry is None or tries >= retry.max or refused.state not in retry.on:
        return None
    costs = tool.terms.cost is not None and tool.terms.cost.micros > 0
    # What was paid for is counted once for each step: only what is free may be tried again.
    if refused.state not in DID_NOT_ACT and (costs or tool.effect not in _REPEATABLE):
        return None
    asked = refused.retry_after_s
    if asked is not None:
        return asked if 0 <= asked <= WAIT_S_MAX else None
    return min(WAIT_S_MAX, WAIT_S_FIRST * float(2 ** (tries - 1)))


def seconds_max(tool: Tool[Any, Any]) -> float:
    """Say how long all tries of a call take at most."""
    tries = 1 if tool.terms.retry is None else tool.terms.retry.max
    return tool.timeout_s * tries + WAIT_S_MAX * (tries - 1)


async def tried(tool: Tool[Any, R], once: Callable[[], Awaitable[R]], steps: RunSteps) -> R:
    """Carry a call out, again after a failure where that may help. Raises what it ends with.

    Ends as soon as its run has to stop, or its lane is let go.
    """
    for tries in count(1):
        try:
            return await once()
        except Refused as refused:
            pause_s = wait_s(tool, refused, tries)
            if pause_s is None or _is_over(steps):
                raise
            last = refused
        await steps.ground.worker.clock.sleep(pause_s)
        if _is_over(steps):
            raise last
    raise AssertionError


def _is_over(steps: RunSteps) -> bool:
    return steps.stopped is not None or steps.ground.flights.letting_go
