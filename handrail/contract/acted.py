"""How a failure is told of a tool that may have acted: never in words that ask for it again. Pure.

An answer that is not what was promised comes after the act. What only looks may be asked again;
of whatever leaves a trace people and models are told that it has acted.
"""

from typing import Final

from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, RetryClass, State

LEAVES_NO_TRACE: Final = frozenset({Effect.PURE, Effect.READ, Effect.PAID})
LOOK_FIRST: Final = (
    "It has acted: look at the other side what it has done, before anything like it is asked for."
)
#: What a tool's body cannot know: whether its call was let through, who was asked, what is left of
#: a budget, whether its task goes on.
OF_ENGINE: Final = frozenset(
    {
        State.DENIED_BY_POLICY,
        State.TAINTED_INPUT,
        State.NEEDS_APPROVAL,
        State.APPROVAL_REJECTED,
        State.APPROVAL_EXPIRED,
        State.BUDGET_EXHAUSTED,
        State.SANDBOX_UNAVAILABLE,
        State.CANCELLED,
    }
)


def of_body(refused: Refused, tool: str, effect: Effect) -> Refused:
    """Give a refusal of a tool's body as it may be told: what only the engine knows is a defect.

    Nobody was asked and nothing was refused: such a tool has failed, and may have acted before.
    """
    if refused.state not in OF_ENGINE:
        return refused
    harmless = effect in LEAVES_NO_TRACE
    acted = "" if harmless else "; it may have acted before"
    told = Refused(
        State.INTERNAL if harmless else State.OUTCOME_UNKNOWN,
        f"{tool} ended as {refused.state}, which only the engine can say of a call{acted}",
    )
    told.__cause__ = refused
    return told


def after_act(refused: Refused, effect: Effect) -> Refused:
    """Give a refusal in words that fit what a tool of this effect has done; state and detail stay.

    A remedy of its own comes after them.
    """
    if refused.state is not State.OUTPUT_INVALID or effect in LEAVES_NO_TRACE:
        return refused
    own = "" if refused.remedy == refused.state.remedy else refused.remedy
    said = own if own.startswith(LOOK_FIRST) else f"{LOOK_FIRST} {own}".rstrip()
    told = Refused(
        refused.state,
        refused.detail,
        title=refused.title,
        remedy=said,
        retry_after_s=refused.retry_after_s,
        retry=RetryClass.AFTER_PROBE,
    )
    told.__cause__ = refused.__cause__
    return told
