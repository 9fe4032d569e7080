"""What stands in for the tools of a team under chaos."""

from handrail import Effect, Key, tool
from handrail.chaos.stand_in import stand_in_for


@tool(effect=Effect.UNSAFE, idempotency=Key("order"))
async def pay(order: str) -> str:
    """Pay."""
    return order


@tool(effect=Effect.READ, idempotency=Key("order"))
async def look(order: str) -> str:
    """Look."""
    return order


def test_no_key_is_made_from_arguments_so_that_made_up_tasks_do_not_share_one() -> None:
    assert stand_in_for([pay, look]) == ["pay"]

    assert [one.terms.idempotency for one in (pay, look)] == [None, None]
    assert [one.contract.terms.idempotency for one in (pay, look)] == [None, None]
