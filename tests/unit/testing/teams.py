"""The agents that the tests of the testing room run."""

from decimal import Decimal

from pydantic import BaseModel

from handrail import (
    Context,
    Effect,
    Integrity,
    Reach,
    Refused,
    ToolContext,
    Topic,
    agent,
    results,
    tool,
)


class Greeting(BaseModel):
    text: str


class Complaint(BaseModel):
    order: str
    text: str


class Reply(BaseModel):
    text: str


class Verdict(BaseModel):
    amount: Decimal


class Receipt(BaseModel):
    id: str


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def find_order(order: str) -> str:
    """Find an order."""
    return f"order {order} is there"


@tool(effect=Effect.UNSAFE, timeout_s=20, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def refund(ctx: ToolContext, order: str, amount: Decimal) -> Receipt:
    """Send money back for one order."""
    return Receipt(id=f"r-{order}-{amount}")


names, greetings = Topic("names", carries=str), Topic("greetings", carries=Greeting)
complaints, replies = Topic("complaints", carries=Complaint), Topic("replies", carries=Reply)
slow_names = Topic("slow-names", carries=str)


@agent(reads=names, writes=(greetings, results))
async def greeter(name: str) -> Greeting | str:
    if name == "Eve":
        raise ValueError("Eve is not greeted")
    return Greeting(text=f"Hello, {name}") if name != "Zoe" else "Zoe has a result"


@agent(reads=complaints, writes=replies)
async def clerk(c: Complaint, ctx: Context) -> Reply:
    verdict = await ctx.model(c.text, returns=Verdict, tools=[find_order])
    try:
        receipt = await ctx.call(refund, order=c.order, amount=verdict.amount)
    except Refused as no:
        return Reply(text=no.detail)
    return Reply(text=f"Refunded, receipt {receipt.id}")
