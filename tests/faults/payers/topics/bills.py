"""What the team of the step tests hands on."""

from pydantic import BaseModel

from handrail import Topic


class Bill(BaseModel):
    """Something to be paid, once."""

    number: int


class Paid(BaseModel):
    """The result of a task."""

    number: int
    words: str


bills = Topic("bills", carries=Bill, key=lambda bill: str(bill.number))
