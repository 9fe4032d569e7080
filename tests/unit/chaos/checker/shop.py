"""A small shop whose runs are recorded: it fans out, gathers, takes every kind of step, dies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from handrail import (
    Context,
    Effect,
    Idempotent,
    Integrity,
    Parts,
    Queryable,
    Reach,
    ToolContext,
    Topic,
    agent,
    results,
    tool,
)
from handrail.chaos.history import Effect as Seen
from handrail.chaos.history import Happening
from handrail.models.port import ModelReply, ModelRequest, Usage


class Order(BaseModel):
    """What a customer wants."""

    number: int
    customer: str
    pieces: int = 0
    pays: bool = False
    dies: bool = False


class Piece(BaseModel):
    """One thing to be made."""

    order: Order
    index: int


class Made(BaseModel):
    """One thing that was made."""

    order: Order
    words: str


class Bill(BaseModel):
    """What is to be paid."""

    order: Order
    lines: list[str]


orders = Topic("orders", carries=Order)
pieces = Topic("pieces", carries=Piece)
made = Topic("made", carries=Made)
bills = Topic("bills", carries=Bill, key=lambda bill: bill.order.customer)


@dataclass
class World:
    """What lies outside: what was done to it, and what it remembers of keys."""

    seen: list[Seen] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)
    now_ms: Any = None

    def act(self, key: str, name: str, kind: str) -> str:
        """Carry something out, as often as it is asked, except under a key that is honoured."""
        self.note(key, name, kind, Happening.BEGUN)
        if kind == "idempotent" and key in self.known:
            self.note(key, name, kind, Happening.REPEATED)
            return self.known[key]
        self.known[key] = f"{name} {len(self.seen)}"
        self.note(key, name, kind, Happening.EFFECTED)
        self.note(key, name, kind, Happening.ANSWERED)
        return self.known[key]

    def note(self, key: str, name: str, kind: str, happened: Happening) -> None:
        """Write a line."""
        seen = Seen(time_ms=self.now_ms(), key=key, tool=name, happened=happened, effect=kind)
        self.seen.append(seen)


WORLD = World()


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(ctx: ToolContext, what: str) -> str:
    """Look something up."""
    return WORLD.act(ctx.idem_key, "look", "read")


@tool(effect=Effect.PAID, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def think(ctx: ToolContext, what: str) -> str:
    """Think something over, for money."""
    return WORLD.act(ctx.idem_key, "think", "paid")


@tool(effect=Idempotent(ttl_s=3600), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def book(ctx: ToolContext, what: str) -> str:
    """Book something."""
    return WORLD.act(ctx.idem_key, "book", "idempotent")


async def what_became(key: str) -> str | None:
    """Say what is known of an order of material."""
    WORLD.note(key, "fetch", "queryable", Happening.ASKED)
    return WORLD.known.get(key)


@tool(effect=Queryable(what_became, settle_s=1.0), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def fetch(ctx: ToolContext, what: str) -> str:
    """Fetch material."""
    return WORLD.act(ctx.idem_key, "fetch", "queryable")


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(ctx: ToolContext, what: str) -> str:
    """Pay, which nobody can take back."""
    return WORLD.act(ctx.idem_key, "pay", "unsafe")


TOOLS = (look, think, book, fetch, pay)


@agent(reads=orders, writes=(pieces, bills))
async def cutter(order: Order) -> Bill | list[Piece]:
    """Cut an order into pieces; one without pieces is billed at once."""
    if not order.pieces:
        return Bill(order=order, lines=[])
    # More parts than may be: what an agent does wrong by itself is a dead letter.
    count = 300 if order.dies else order.pieces
    return [Piece(order=order, index=index) for index in range(count)]


@agent(reads=pieces, writes=made)
async def maker(piece: Piece, ctx: Context) -> Made | None:
    """Make one piece; the third of each order comes to nothing."""
    name = f"{piece.order.number}-{piece.index}"
    found = await ctx.call(look, name)
    thought = await ctx.call(think, name)
    booked, fetched = await ctx.gather(ctx.call(book, name), ctx.call(fetch, name))
    if piece.index == 2:
        return None
    said = await ctx.model(f"say {name}", returns=str)
    return Made(order=piece.order, words=f"{found}, {thought}, {booked}, {fetched}: {said}")


@agent(reads=made, writes=bills)
async def joiner(parts: Parts[Made]) -> Bill:
    """Bring the pieces of an order together."""
    return Bill(order=parts[0].order, lines=[part.words for part in parts])


@agent(reads=bills, writes=results)
async def cashier(bill: Bill, ctx: Context) -> str:
    """Take the money, if there is any to take."""
    thought = await ctx.call(think, f"bill {bill.order.number}")
    paid = await ctx.call(pay, f"bill {bill.order.number}") if bill.order.pays else "nothing"
    return f"{bill.order.number}: {thought}, {paid}"


AGENTS = (cutter, maker, joiner, cashier)
EFFECTS: Mapping[str, str] = {one.name: str(one.effect) for one in TOOLS}


class Speaker:
    """A model that says the same of the same, and says what it used."""

    name = "speaker"
    effect = Effect.PAID

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Answer at once."""
        words = len(request.prompt)
        usage = Usage(input_tokens=words, output_tokens=3, cache_read_tokens=1)
        return ModelReply(model="speaker", text=f"said {words}", usage=usage)
