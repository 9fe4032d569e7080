"""Takes an order apart; one without pieces is billed at once."""

from topics.orders import Bill, Order, Piece, bills, orders, pieces

from handrail import agent


@agent(reads=orders, writes=(pieces, bills))
async def splitter(order: Order) -> Bill | list[Piece]:
    """Open a fan-out, or go on without one."""
    if not order.pieces:
        return Bill(order=order, prices=[])
    return [Piece(order=order, index=index) for index in range(order.pieces)]
