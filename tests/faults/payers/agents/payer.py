"""Looks at a bill, thinks about it, and pays it."""

from tools.effects import look, pay, think
from topics.bills import Bill, Paid, bills

from handrail import Context, agent, results


@agent(reads=bills, writes=results)
async def payer(bill: Bill, ctx: Context) -> Paid:
    """Take three steps, one of each kind."""
    seen = await ctx.call(look, bill.number)
    await ctx.call(think, seen, bill.number)
    return Paid(number=bill.number, words=await ctx.call(pay, bill.number))
