"""Says what a piece costs."""

from topics.orders import Piece, Price, pieces, prices

from handrail import agent


@agent(reads=pieces, writes=prices)
async def pricer(piece: Piece) -> Price:
    """Price one piece."""
    return Price(order=piece.order, index=piece.index, price=piece.order.number + piece.index)
