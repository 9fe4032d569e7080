"""Brings the prices of an order together."""

from topics.orders import Bill, Price, bills, prices

from handrail import Parts, agent


@agent(reads=prices, writes=bills)
async def joiner(parts: Parts[Price]) -> Bill:
    """Gather the prices of one order."""
    return Bill(order=parts[0].order, prices=[part.price for part in parts])
