"""The tools and agents of the promises about approvals for a task, and what tests ask of them."""

from collections.abc import Callable
from typing import TypeVar

from handrail import (
    Approval,
    Context,
    Cost,
    Effect,
    Idempotent,
    Integrity,
    Reach,
    Refused,
    State,
    ToolContext,
    agent,
    results,
    tool,
)
from handrail.ledger.event import PersonAsked
from handrail.ledger.task_state import TaskState
from handrail.rails.cedar import CedarPolicy
from handrail.testing import Team, TeamTask
from tests.promises.step_tools import WORLD, jobs, ledger, left_of_steps
from tests.waiting import until

T = TypeVar("T")
TeamOf = Callable[..., Team]

EXPIRES_S = 600
BY = "role:finance"


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    approval=Approval(by=BY, expires_s=EXPIRES_S, text="Write to {to}", free=["text"]),
)
async def write(to: str, text: str) -> str:
    """Write to somebody."""
    WORLD.done.append(f"{to}: {text}")
    return text


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    approval=Approval(by=BY, expires_s=EXPIRES_S),
)
async def pay(to: str) -> str:
    """Pay somebody."""
    WORLD.done.append(f"pay {to}")
    return to


@tool(effect=Effect.READ, approval=Approval(by=BY, expires_s=EXPIRES_S))
async def fetch(url: str) -> str:
    """Read what somebody outside has written."""
    WORLD.done.append(f"fetch {url}")
    return f"what stands at {url}"


@tool(
    effect=Idempotent(ttl_s=3_600),
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    approval=Approval(by=BY, expires_s=EXPIRES_S),
)
async def mark(name: str) -> str:
    """Mark something; twice is as good as once."""
    WORLD.done.append(f"mark {name}")
    return name


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    cost=Cost(0.4),
    approval=Approval(by=BY, expires_s=EXPIRES_S, free=["text"]),
)
async def send(to: str, text: str) -> str:
    """Send something to somebody, which costs."""
    WORLD.done.append(f"send {to}: {text}")
    return text


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    secrets=["secret://{tenant}/psp"],
    approval=Approval(by=BY, expires_s=EXPIRES_S),
)
async def remit(ctx: ToolContext, to: str) -> str:
    """Pay somebody by a bank that wants a secret."""
    assert ctx.secrets["psp"]
    WORLD.done.append(f"remit {to}")
    return to


TOOLS = [write, pay, fetch, mark, send, remit]


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    """Do one thing after the other: `write bob hello`, `pay bob`, `fetch url`, `sleep 600`."""
    came = list[str]()
    for line in text.split("; "):
        what, to, *words = line.split(" ")
        try:
            if what == "sleep":
                await ctx.sleep(int(to))
            elif what == "write":
                came.append(await ctx.call(write, to=to, text=" ".join(words)))
            elif what == "repeat":  # what it has just read
                came.append(await ctx.call(write, to=to, text=came[-1]))
            elif what == "mark":
                came.append(await ctx.call(mark, name=to))
            elif what == "remit":
                came.append(await ctx.call(remit, to=to))
            elif what == "pay":
                came.append(await ctx.call(pay, to=to))
            else:
                came.append(await ctx.call(fetch, url=to))
        except Refused as no:
            came.append(no.state.value)
    return ", ".join(came)


@agent(reads=jobs, writes=results)
async def crowd(text: str, ctx: Context) -> str:
    """Pay one, and then three at once."""
    await ctx.call(pay, to=text)
    calls = [ctx.call(pay, to=text) for _ in range(3)]
    return ", ".join(await ctx.gather(*calls))


@agent(reads=jobs, writes=results)
async def pair(text: str, ctx: Context) -> str:
    """Send to bob, and then to bob and to eve at once."""
    await ctx.call(send, to="bob", text=text)
    calls = [ctx.call(send, to=to, text="more") for to in ("bob", "eve")]
    try:
        return ", ".join(await ctx.gather(*calls))
    except Refused as no:
        return no.state.value


@agent(reads=jobs, writes=results)
async def brittle(text: str, ctx: Context) -> str:
    """Pay twice, die of the world unless that was mended, and pay once more."""
    await ctx.call(pay, to=text)
    await ctx.call(pay, to=text)
    if not WORLD.receiver:
        raise Refused(State.INVALID_INPUT, "the world is broken")
    return await ctx.call(pay, to=text)


def allowed(team: Team) -> Team:
    for one in TOOLS:
        team.allow(one)
    return team


async def asked_of(team: Team) -> list[str]:
    """Give the calls of which a person was asked, in order."""
    return [str(e.call) for e in await ledger(team) if isinstance(e, PersonAsked)]


async def waits(task: TeamTask) -> None:
    await task.until("auth_required")


async def for_a_person(team: Team, task: TeamTask) -> TaskState:
    waits_for = (TaskState.AUTH_REQUIRED, TaskState.INPUT_REQUIRED)
    return await task.task.wait(*waits_for, timeout_s=team.patience_s)


async def until_asleep(team: Team) -> None:
    """Wait until what a handler sleeps for is written: time may pass from then on."""
    await until(lambda: has_slept(team))


async def has_slept(team: Team) -> bool:
    return any(e.facts.get("name") == "ctx.sleep" for e in await left_of_steps(team, clerk.name))


def allowing(rule: str) -> CedarPolicy:
    text = f'@id("{rule}") permit (principal, action, resource);'
    return CedarPolicy.of(text, {"finance": ["fay"]})
