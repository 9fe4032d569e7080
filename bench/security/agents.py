"""The teams of the suites: one agent alone, and others through which content comes to a hand.

A *route* is how what was read gets to where acts are done: at once, over a hop, through a summary,
as another agent's answer, as an extracted value, through memory into a later task, or as the parts
of a fan-out.
"""

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from bench.security.tools import HOUSE_TOOLS, READING, Place, from_outside, pay
from handrail import (
    NEW,
    Context,
    Memory,
    MemoryClass,
    Parts,
    Recall,
    Refused,
    Topic,
    agent,
    results,
)
from handrail.contract.agent import Agent
from handrail.contract.team import AnyTool

RECALL_TOKENS_MAX = 2_000


class Found(BaseModel):
    """What an agent has read for another one that acts."""

    ask: str
    text: str


class Invoice(BaseModel):
    """What is to be paid, as it was read from somewhere."""

    to: str
    amount: Decimal
    reference: str


direct = Topic("direct", carries=str)
hop = Topic("hop", carries=str)
hop_found = Topic("hop-found", carries=Found)
chain = Topic("chain", carries=str)
chain_raw = Topic("chain-raw", carries=Found)
consult = Topic("consult", carries=str)
question = Topic("question", carries=str, replies=str)
extract = Topic("extract", carries=str)
learn = Topic("learn", carries=str)
later = Topic("later", carries=str)
many = Topic("many", carries=str)
piece = Topic("piece", carries=Found)
pieces = Topic("pieces", carries=Found)

notes = Memory("notes", carries=str, keeps=MemoryClass.FACT)
diary = Memory("diary", carries=str, keeps=MemoryClass.ARTIFACT)


def everything() -> Sequence[AnyTool]:
    """Give the tools of the house as it stands, and those from outside."""
    return (*HOUSE_TOOLS, *from_outside(Place.house))


@agent(reads=direct, writes=results)
async def assistant(ask: str, ctx: Context) -> str:
    """Read and act in one conversation."""
    return await ctx.model(f"[assistant] {ask}", returns=str, tools=everything())


@agent(reads=hop, writes=hop_found)
async def scout(ask: str, ctx: Context) -> Found:
    """Read, and hand over what was found."""
    text = await ctx.model(f"[scout] {ask}", returns=str, tools=READING)
    return Found(ask=ask, text=text)


@agent(reads=hop_found, writes=results)
async def actor(found: Found, ctx: Context) -> str:
    """Act on what somebody else has found."""
    prompt = f"[actor] {found.ask}\nWhat was found:\n{found.text}"
    return await ctx.model(prompt, returns=str, tools=everything())


@agent(reads=chain, writes=chain_raw)
async def gatherer(ask: str, ctx: Context) -> Found:
    """Read, and hand it to whoever makes it short."""
    text = await ctx.model(f"[scout] {ask}", returns=str, tools=READING)
    return Found(ask=ask, text=text)


@agent(reads=chain_raw, writes=hop_found)
async def condenser(found: Found, ctx: Context) -> Found:
    """Say in other words what was found; it holds no tool."""
    text = await ctx.model(f"[condenser] In short: {found.text}", returns=str)
    return Found(ask=found.ask, text=text)


@agent(reads=question)
async def expert(ask: str, ctx: Context) -> str:
    """Answer another agent."""
    return await ctx.model(f"[expert] {ask}", returns=str, tools=READING)


@agent(reads=consult, writes=results)
async def chief(ask: str, ctx: Context) -> str:
    """Ask the expert first, then act."""
    answer = await ctx.ask(question, ask)
    prompt = f"[chief] {ask}\nThe expert says: {answer}"
    return await ctx.model(prompt, returns=str, tools=everything())


@agent(reads=extract, writes=results)
async def cashier(ask: str, ctx: Context) -> str:
    """Have a typed value extracted, and act on it in code."""
    invoice = await ctx.model(f"[cashier] {ask}", returns=Invoice, tools=READING)
    try:
        return await ctx.call(
            pay, to=invoice.to, amount=invoice.amount, reference=invoice.reference
        )
    except Refused as no:
        return no.detail


@agent(reads=learn, writes=results)
async def learner(ask: str, ctx: Context) -> str:
    """Read something, and remember it for later tasks."""
    text = await ctx.model(f"[learner] {ask}", returns=str, tools=READING)
    with suppress(Refused):
        await ctx.memory(notes).put("learnt", text, expect=NEW)
    with suppress(Refused):
        await ctx.memory(diary).put(f"day/{ctx.task_id}", text, expect=NEW)
    return "remembered"


@agent(reads=later, writes=results)
async def reminded(ask: str, ctx: Context) -> str:
    """Act on what is remembered."""
    both = (Recall(notes, keys=("learnt",), query=ask), Recall(diary, query=ask))
    known = await ctx.recall(*both, budget_tokens=RECALL_TOKENS_MAX)
    return await ctx.model(f"[reminded] {ask}", returns=str, tools=everything(), context=known)


@agent(reads=many, writes=piece)
async def splitter(ask: str) -> list[Found]:
    """Open a part for each half of what is asked."""
    first, _, second = ask.partition(" and ")
    return [Found(ask=ask, text=first), Found(ask=ask, text=second or first)]


@agent(reads=piece, writes=pieces)
async def looker(found: Found, ctx: Context) -> Found:
    """Look one part up."""
    text = await ctx.model(f"[looker] {found.text}", returns=str, tools=READING)
    return Found(ask=found.ask, text=text)


@agent(reads=pieces, writes=results)
async def merger(parts: Parts[Found], ctx: Context) -> str:
    """Act on all parts together."""
    text = "\n".join(one.text for one in parts)
    ask = parts[0].ask if parts else ""
    prompt = f"[merger] {ask}\nWhat was found:\n{text}"
    return await ctx.model(prompt, returns=str, tools=everything())


#: Route → where its tasks go in, and who is needed for it.
ROUTES: dict[str, tuple[Topic[str, Any], tuple[Agent[..., Any], ...]]] = {
    "direct": (direct, (assistant,)),
    "hop": (hop, (scout, actor)),
    "summary": (chain, (gatherer, condenser, actor)),
    "answer": (consult, (chief, expert)),
    "extract": (extract, (cashier,)),
    "memory": (later, (learner, reminded)),
    "parts": (many, (splitter, looker, merger)),
}
