"""What the team of the tests of moves hands on."""

from pydantic import BaseModel

from handrail import Topic


class Order(BaseModel):
    """Something that takes two long calls."""

    number: int


class Done(BaseModel):
    """The result of a task."""

    number: int
    words: str


orders = Topic("orders", carries=Order, key=lambda order: str(order.number))
