"""Says whether a call is tried again within its step, and pauses before it is.

Guarantees: never more often than `retry.max`, and after a state in `retry.on` only; what could
have acted is tried again only where a second time is none. A try that is not harmless has a
licence of its own, because its lane may be another's after the pause. A crash in between is judged
by the effect of the step, like one in the middle of a single try.
"""

from typing import Any, Final

from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.tool import Tool
from handrail.lane.trying_again import NOTHING_HAPPENED
from handrail.runtime.worker.waiting import RunSteps

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
    # Its secrets are read first, for as long as the body may take.
    one_s = tool.timeout_s * (2 if tool.terms.secrets else 1)
    return one_s * tries + WAIT_S_MAX * (tries - 1)


async def may_try_again(
    tool: Tool[Any, Any], refused: Refused, tries: int, steps: RunSteps
) -> bool:
    """Pause after so many tries as the contract says; false: the call ends with what it has.

    It ends as soon as its run has to stop, its deadline has passed, its lane is let go, or nothing
    is left of its limit.
    """
    pause_s = wait_s(tool, refused, tries)
    if pause_s is None or _is_over(steps):
        return False
    await steps.ground.worker.clock.sleep(pause_s)
    if _is_over(steps):
        return False
    limits, limit = steps.ground.worker.rails.limits, tool.terms.limit
    return limits.once_more(tool.name, steps.invocation.tenant, limit, steps.now_ms())


def _is_over(steps: RunSteps) -> bool:
    deadline_ms = steps.invocation.deadline_ms
    late = deadline_ms is not None and deadline_ms <= steps.now_ms()
    return late or steps.stopped is not None or steps.ground.flights.letting_go
