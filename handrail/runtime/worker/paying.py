"""Leads each turn of a model, and each question to an agent, past the budget of its task.

Before a turn what it may cost at most is reserved: every byte of the request as a token, and the
longest reply. After it what it did cost is spent and the rest is free again. Guarantees: no turn
begins that is not covered; one whose price nobody knows does not begin at all where there is a
budget; what broke off half way is paid for in full, since nobody knows how far the provider came.
"""

from dataclasses import replace
from typing import TypeVar

from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.models.port import Model, ModelReply, ModelRequest
from handrail.models.prices import at_most
from handrail.runtime.worker.asking import UntilReply
from handrail.runtime.worker.gating import Gate, refusing
from handrail.runtime.worker.ground import Act
from handrail.runtime.worker.policing import denial, denied_question, was_denied
from handrail.runtime.worker.wait import Wait
from handrail.runtime.worker.waiting import RunSteps

R = TypeVar("R")


async def turn_through(
    gate: Gate, model: Model, request: ModelRequest, act: Act[ModelReply]
) -> ModelReply:
    """Carry a turn out once its task can pay for it. Raises Refused with `budget_exhausted`."""
    steps, path = gate.steps, act.asked.path
    if steps.budget.account.limit is None or act.asked.effect is not Effect.PAID:
        return await steps.carry_out(act)
    begun = _cost_as_begun(gate, path)
    cost = begun if begun is not None else await at_most(model, request)
    if cost is None:
        return await steps.carry_out(refusing(act, _price_unknown(model.name)))
    most = cost

    async def carry() -> ModelReply:
        with steps.budget.covering(most, again=gate.is_settled(path)) as bill:
            reply = await steps.carry_out(replace(act, licence={"cost": most}))
            if reply.cost_micros is not None:
                bill.micros = reply.cost_micros
            return reply

    return await gate.paid(f"a turn of {model.name}", most, path, carry)


async def answer_through(steps: RunSteps, wait: Wait[R]) -> R:
    """Wait for an agent's answer, which may cost half of what is left; the rest comes back with it.

    Guarantee: what is lent stands in the intent, so that no restart lends it twice; an answer that
    never comes has spent all of it.
    """
    path, budget = wait.act.asked.path, steps.budget
    if isinstance(wait.until, UntilReply):
        denied = denied_question(steps, path, wait.until)
        if denied is not None or was_denied(steps, path):
            return await denial(steps, wait, denied)  # nothing was lent
    if budget.account.left is None or not isinstance(wait.until, UntilReply):
        return await steps.wait_for(wait)
    begun = _fact(steps, path, "lent")
    lent = budget.account.left // 2 if begun is None else begun
    with budget.covering(lent, again=begun is not None) as bill:
        try:
            return await steps.wait_for(replace(wait, until=replace(wait.until, lent=lent)))
        finally:
            # Whoever was asked may have been given more by a person: then more is left than lent.
            left = _fact(steps, path, "left")
            bill.micros = lent - (left or 0)


def _fact(steps: RunSteps, path: str, name: str) -> int | None:
    """Give what the intent, or the outcome, of a question says of its budget."""
    record = steps.ground.lane.steps.known(steps.invocation.id, path)
    entries = () if record is None else (record.intent, record.outcome)
    facts = [one.facts for one in entries if one is not None and "void" not in one.facts]
    return next((int(str(one[name])) for one in facts if name in one), None)


def _cost_as_begun(gate: Gate, path: str) -> int | None:
    """What was reserved for it when it began: the list of prices may be another one now."""
    record = gate.record(path)
    fact = None if record is None or record.intent is None else record.intent.facts.get("cost")
    return None if fact is None else int(str(fact))


def _price_unknown(model: str) -> Refused:
    return Refused(
        State.BUDGET_EXHAUSTED,
        f"nobody knows what a turn of {model} costs, so no budget covers it",
        title="The price of the model is not known",
        remedy="Submit without a budget, or give the model `costs` (docs/guide/your-own-model.md).",
    )
