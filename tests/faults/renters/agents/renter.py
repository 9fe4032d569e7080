"""Takes two long calls for each order."""

from tools.provider import think
from topics.orders import Done, Order, orders

from handrail import Context, agent, results


@agent(reads=orders, writes=results)
async def renter(order: Order, ctx: Context) -> Done:
    """Think twice."""
    first = await ctx.call(think, order.number, 1)
    second = await ctx.call(think, order.number, 2)
    return Done(number=order.number, words=f"{first}, {second}")
