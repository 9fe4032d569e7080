"""Leads each turn of a model past the budget of its task.

Before a turn what it may cost at most is reserved: every byte of the request as a token, and the
longest reply. After it what it did cost is spent and the rest is free again. Guarantees: no turn
begins that is not covered; one whose price nobody knows does not begin at all where there is a
budget; what broke off half way is paid for in full, since nobody knows how far the provider came.
"""

from dataclasses import replace

from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.models.port import Model, ModelReply, ModelRequest
from handrail.models.prices import at_most
from handrail.runtime.worker.gating import Gate, refusing
from handrail.runtime.worker.ground import Act


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
