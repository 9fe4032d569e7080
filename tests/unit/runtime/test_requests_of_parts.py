"""Parts of a fan-out that ask in the same step are answered one by one, each by its id."""

from handrail import Approval, Context, Effect, Parts, Topic, agent, results, tool
from handrail.ledger.event import RequestKind
from handrail.runtime.people import open_requests
from handrail.testing import Team
from handrail.wire.human import Request
from tests.waiting import until

bills = Topic("bills", carries=str)
shares = Topic("shares", carries=int)
paid = Topic("paid", carries=str)


@tool(effect=Effect.UNSAFE, approval=Approval(text="Pay {amount}"))
async def pay(amount: int) -> str:
    """Pay a share."""
    return f"paid {amount}"


@agent(reads=bills, writes=shares)
async def divider(bill: str) -> list[int]:
    return [int(share) for share in bill.split()]


@agent(reads=shares, writes=paid)
async def payer(share: int, ctx: Context) -> str:
    return await ctx.call(pay, amount=share)


@agent(reads=paid, writes=results)
async def teller(parts: Parts[str]) -> str:
    return ", ".join(sorted(parts))


async def test_requests_of_two_parts_are_each_named_by_their_id() -> None:
    async with Team(divider, payer, teller, tools=[pay]) as team:
        team.allow(pay)
        task = await team.submit(bills, "7 9")
        await task.until("auth_required")

        async def both() -> list[Request] | None:
            facts = await task.task.facts()
            assert facts is not None
            found = await open_requests(team.bus, team.namespace, facts, RequestKind.APPROVAL)
            return found if len(found) == 2 else None

        asked = await until(both)

        assert sorted(one.text for one in asked) == ["Pay 7", "Pay 9"]
        for one in asked:
            await team.approve(task, step=one.id)

        assert await task.result(str) == "paid 7, paid 9"
