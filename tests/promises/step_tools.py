"""The tools and the agent of the promises about steps, and what they have done to the world."""

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from handrail import (
    Context,
    Effect,
    Idempotent,
    Integrity,
    Queryable,
    Reach,
    ToolContext,
    Topic,
    agent,
    results,
    tool,
)
from handrail.lane.journal import STEP_KINDS, Entry, decode_entry
from handrail.ledger.event import Event
from handrail.ledger.event_record import UnknownEvent, decode
from handrail.testing import Team
from handrail.testing.accounting import read_all

jobs = Topic("jobs", carries=str)


class Found(BaseModel):
    text: str


class Acts:
    """What was done to the world, which no record can take back."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.keys: list[str] = []
        self.receiver: dict[str, str] = {}


@pytest.fixture
def acts() -> Iterator[Acts]:
    WORLD.__init__()  # type: ignore[misc]  # the tools below know it by its name
    return WORLD


WORLD = Acts()


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(text: str) -> Found:
    """Look something up."""
    WORLD.done.append(f"look {text}")
    return Found(text=text)


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(text: str) -> str:
    """Pay, which nobody can take back."""
    WORLD.done.append(f"pay {text}")
    return f"paid {text}"


@tool(effect=Effect.PAID, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def rent(ctx: ToolContext, text: str) -> str:
    """Rent something for money."""
    WORLD.done.append(f"rent {text}")
    WORLD.keys.append(ctx.idem_key)
    return f"rented {text}"


@tool(effect=Idempotent(ttl_s=3600), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def book(ctx: ToolContext, text: str) -> str:
    """Book at somebody who honours our key."""
    WORLD.done.append(f"book {text}")
    WORLD.keys.append(ctx.idem_key)
    return WORLD.receiver.setdefault(ctx.idem_key, f"booked {text}")


async def ask_receiver(key: str) -> str | None:
    """Give what the receiver knows under a key."""
    WORLD.done.append("asked")
    return WORLD.receiver.get(key)


@tool(
    effect=Queryable(reconcile=ask_receiver, settle_s=5.0),
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
)
async def order(ctx: ToolContext, text: str) -> str:
    """Order at somebody who can be asked."""
    WORLD.done.append(f"order {text}")
    return WORLD.receiver.setdefault(ctx.idem_key, f"ordered {text}")


TOOLS = [look, pay, rent, book, order]


def real(team: Team) -> Team:
    """Let every tool of this file run."""
    for one in TOOLS:
        team.allow(one)
    return team


@agent(reads=jobs, writes=results)
async def worker(text: str, ctx: Context) -> str:
    found = await ctx.call(look, text)
    paid = await ctx.call(pay, found.text)
    said = await ctx.model(f"say {paid}", returns=str)
    return f"{said}: {paid}"


async def left_of_steps(team: Team, agent_name: str) -> list[Entry]:
    live: dict[bytes, Entry] = {}
    for record in await read_all(team.bus, team.full(f"{agent_name}.journal")):
        entry = decode_entry(record)
        live.pop(record.key or b"", None)
        if entry is not None and entry.kind in STEP_KINDS:
            live[entry.key] = entry
    return list(live.values())


async def ledger(team: Team) -> list[Event]:
    found = [decode(record) for record in await read_all(team.bus, team.full("ledger"))]
    return [event for event in found if not isinstance(event, UnknownEvent)]
