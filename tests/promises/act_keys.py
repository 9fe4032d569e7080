"""What a lane promises about the key of an act that its tool declares, on whatever broker."""

from collections.abc import Callable

import pytest

from handrail import (
    Context,
    Idempotent,
    Integrity,
    Key,
    Queryable,
    Reach,
    ToolContext,
    agent,
    results,
    tool,
)
from handrail.testing import Team
from tests.promises.step_tools import WORLD, Acts, ask_receiver, jobs

TeamOf = Callable[..., Team]


@tool(
    effect=Queryable(reconcile=ask_receiver, settle_s=0.0),
    idempotency=Key("order", "currency"),
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
)
async def charge(ctx: ToolContext, order: str, currency: str = "EUR") -> str:
    """Charge at somebody who can be asked by our key."""
    WORLD.done.append(f"charge {order} {currency}")
    return WORLD.receiver.setdefault(ctx.idem_key, f"charged {order} {currency}")


@tool(
    effect=Idempotent(ttl_s=3600),
    idempotency=Key("order", "amount"),
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
)
async def transfer(ctx: ToolContext, order: str, amount: float) -> str:
    """Transfer at somebody who honours our key."""
    WORLD.keys.append(ctx.idem_key)
    return WORLD.receiver.setdefault(ctx.idem_key, f"transferred {order} {amount!r}")


@agent(reads=jobs, writes=results)
async def cashier(text: str, ctx: Context) -> str:
    if text == "charge":
        return await ctx.call(charge, order="7")
    return await ctx.call(transfer, order="7", amount=150)


@pytest.mark.parametrize(
    ("text", "done"), [("charge", "charged 7 EUR"), ("transfer", "transferred 7 150.0")]
)
async def test_an_act_that_is_tried_again_after_a_crash_has_the_key_of_its_first_try(
    team_of: TeamOf, acts: Acts, text: str, done: str
) -> None:
    async with team_of(cashier, tools=[charge, transfer], partitions=1) as team:
        team.allow(charge)
        team.allow(transfer)
        await team.kill(cashier, at=f"after_act/{text}")
        task = await team.submit(jobs, text)
        await team.restart(cashier)

        assert await task.result(str) == done
        assert list(acts.receiver.values()) == [done]
        assert len(set(acts.keys)) <= 1
        assert [one for one in acts.done if one.startswith("charge")] == ["charge 7 EUR"] * (
            text == "charge"
        )
