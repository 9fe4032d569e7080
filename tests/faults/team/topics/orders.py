"""What the team of the fault tests hands on: an order, its pieces, their prices, the bill."""

from pydantic import BaseModel

from handrail import Topic


class Order(BaseModel):
    """One piece of work; without pieces it goes straight to the bill."""

    number: int
    customer: str = "nobody"
    pieces: int = 0


class Piece(BaseModel):
    """One part of an order."""

    order: Order
    index: int


class Price(BaseModel):
    """What one part costs."""

    order: Order
    index: int
    price: int


class Bill(BaseModel):
    """What the order costs; the bills of one customer keep their order."""

    order: Order
    prices: list[int]


class Receipt(BaseModel):
    """The result of a task."""

    number: int
    total: int


orders = Topic("orders", carries=Order)
pieces = Topic("pieces", carries=Piece)
prices = Topic("prices", carries=Price)
bills = Topic("bills", carries=Bill, key=lambda bill: bill.order.customer)
