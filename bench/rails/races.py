"""Races about approvals, in memory or on Kafka: what an adversary or a crash can make of them.

Each trial is a task whose refund needs an approval. Many of them stand at once, the race is run on
all, and what the tool was called with is held against what was approved.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

import orjson

from handrail import (
    Approval,
    Context,
    Effect,
    Integrity,
    Reach,
    Refused,
    Topic,
    agent,
    results,
    tool,
)
from handrail.rails.cedar import CedarPolicy
from handrail.runtime.approvals import approval_of, denial_of
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.testing.tools import unconfined
from handrail.wire.human import HUMAN, REQUEST_TYPE, PersonsAnswer, Request

AT_ONCE = 50  #: tasks that stand at a time
#: A crash ends most of a stand, so races with crashes have small ones.
AT_ONCE_OF: Mapping[str, int] = {"crash between": 2, "further calls": 4}
PARTITIONS = 1
LIMIT_S = 600
QUIET_S = 15.0  #: on Kafka: a race is over when nothing was done for so long
WAIT_S_MAX = 120.0
CRASH_S, POLL_S = 10.0, 0.1

REPEATS = 4  #: times that a task wants its refund, where further calls are raced for
FREE_FOR_ALL: Mapping[str, object] = {"calls": 100, "free": ["order", "amount"]}
MOMENTS = (
    "before_intent/refund",
    "after_intent_commit/refund",
    "after_act/refund",
    "after_outcome/refund",
    "after_outcome_commit/refund",
    "before_final",
    "after_final_commit",
)

On = Literal["memory", "kafka"]
BY = "role:finance"  #: whoever of that role decides

jobs = Topic("jobs", carries=str)


@tool(
    effect=Effect.UNSAFE,
    approval=Approval(by=BY, expires_s=LIMIT_S, text="Refund {amount} for order {order}"),
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
)
async def refund(order: str, amount: Decimal) -> str:
    """Send money back for one order."""
    return f"{order} {amount}"


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    """Refund, or say why not."""
    order, amount, *repeats = text.split(" ")
    came = list[str]()
    for _ in range(int(repeats[0]) if repeats else 1):
        try:
            came.append(await ctx.call(refund, order=order, amount=Decimal(amount)))
        except Refused as no:
            came.append(no.state.value)
    return ", ".join(came)


@dataclass(slots=True)
class Result:
    """What a race has come to."""

    race: str
    trials: int = 0
    stands: int = 0
    approved: int = 0  #: acts that a person has let through
    acts: int = 0
    unauthorised: int = 0  #: acts with arguments that nobody has approved
    double: int = 0
    missed: int = 0  #: acts that were approved first and have not taken place
    crashes: Counter[str] = field(default_factory=Counter)  #: processes that died, by the moment


@dataclass(slots=True)
class Stand:
    """A team whose tasks all wait, and what a race may do to them."""

    team: Team
    requests: list[Request]
    draw: random.Random
    allowed: Counter[tuple[str, str]]
    owed: set[tuple[str, str]]  #: acts that have to take place, because they were approved first
    second: CedarPolicy  #: the rules after a change of them
    patience_s: float = 0.0  #: how long a crash is waited for, in real time
    crashes: Counter[str] = field(default_factory=Counter)
    moment: str = ""  #: where the process is to die
    number: int = 0

    def approve(self, request: Request) -> bytes:
        """Approve, and note that this act may happen once."""
        self.allowed[act_of(request)] = 1
        return approval_of(request)

    async def send(self, request: Request, value: bytes, *, by: str = BY) -> None:
        """Write a decision to the lane as anybody could who may write there."""
        number = self.draw.getrandbits(64)
        answer = PersonsAnswer(request.id, f"a-{number:x}", value, by)
        topic, _, partition = request.reply_to.rpartition("/")
        full = self.team.full(topic)
        await self.team.bus.sender().send(answer.outgoing(full, int(partition), 1))

    async def crash(self) -> None:
        """Wait until the process dies at the moment that was drawn, and start another."""
        await self.team.advance(seconds=2)
        member = self.team.members[0]
        over_s = asyncio.get_running_loop().time() + self.patience_s
        while not member.kill_point.reached_it.is_set():
            if asyncio.get_running_loop().time() > over_s:
                break
            await self.team.advance(seconds=1)
            await asyncio.sleep(POLL_S)
        if member.kill_point.reached_it.is_set():
            self.crashes[self.moment] += 1
            await self.team.restart(clerk)
        else:
            member.kill_point.countdown = None
        await self.team.advance(seconds=3)

    async def kill(self, moment: str, count: int) -> None:
        """Have the process die when it comes to a moment for the count-th time."""
        self.moment = moment
        await self.team.kill(clerk, at=f"{moment}:{count}")


def act_of(request: Request) -> tuple[str, str]:
    """Give the order and the amount that a request is about."""
    arguments: Any = (request.act or {})["arguments"]
    return arguments["order"], str(arguments["amount"])


async def _swap_arguments(stand: Stand) -> None:
    for request in stand.requests:
        act = {**(request.act or {}), "arguments": {"order": "thief", "amount": "9999"}}
        forged = replace(request, act=act, schema={"type": "object"})
        swapped, honest = approval_of(forged), stand.draw.random() < 0.5  # noqa: PLR2004 - a coin
        if honest and stand.draw.random() < 0.5:  # noqa: PLR2004 - a coin
            await stand.send(request, stand.approve(request))
            await stand.send(request, swapped)
        else:
            await stand.send(request, swapped)
            if honest:
                await stand.send(request, stand.approve(request))


async def _swap_target(stand: Stand) -> None:
    others = stand.requests[1:] + stand.requests[:1]
    for request, other in zip(stand.requests, others, strict=True):
        # What somebody has approved for one task is sent to another one.
        await stand.send(other, approval_of(request))


async def _change_policy(stand: Stand) -> None:
    await stand.team.kill(clerk)
    for request in stand.requests:
        await stand.send(request, approval_of(request))
    stand.team.rails = unconfined(stand.second)
    await stand.team.restart(clerk)


async def _expire(stand: Stand) -> None:
    await stand.team.kill(clerk)
    for request in stand.requests:
        await stand.send(request, approval_of(request))
    await stand.team.advance(seconds=LIMIT_S + 1)
    await stand.team.restart(clerk)


async def _replay(stand: Stand) -> None:
    for request in stand.requests:
        value = stand.approve(request)
        for _ in range(stand.draw.randrange(2, 5)):
            await stand.send(request, value)
    await stand.team.advance(seconds=2)
    for request in stand.requests:
        await stand.send(request, approval_of(request))


async def _consume_twice(stand: Stand) -> None:
    for request in stand.requests:
        yes, no = approval_of(request), denial_of(request, "no")
        decisions = [yes, yes, no]
        stand.draw.shuffle(decisions)
        if decisions[0] == yes:
            # The first decision decides: after a no nothing is let through, after a yes all is.
            stand.approve(request)
            stand.owed.add(act_of(request))
        for value in decisions:
            await stand.send(request, value)
        if stand.draw.random() < 0.5:  # noqa: PLR2004 - a coin
            await stand.send(request, yes, by=f"somebody ({BY})")


async def _further_calls(stand: Stand) -> None:
    """Let each refund be repeated for the task, while somebody forges, repeats, and kills."""
    for request in stand.requests:
        one = act_of(request)
        stand.allowed[one] = 1
        further = stand.draw.randrange(1, REPEATS)
        forged = orjson.dumps(
            {**orjson.loads(approval_of(request, for_task=1)), "for_task": FREE_FOR_ALL}
        )
        refusal, some = denial_of(request, "no"), approval_of(request, for_task=further)
        values = [some, some, approval_of(request), forged]
        if stand.draw.random() < 0.2:  # noqa: PLR2004 - some
            values.append(refusal)
        stand.draw.shuffle(values)
        first = next(value for value in values if value != forged)
        if first == some:
            stand.allowed[one] = 1 + further
        for value in values:
            await stand.send(request, value)
    # A crash leaves many in doubt, which then do nothing more: every other stand has none.
    if stand.number % 2 == 0:
        moment = stand.draw.choice(MOMENTS)
        await stand.kill(moment, stand.draw.randrange(1, 4))
        await stand.crash()


async def _crash_between(stand: Stand) -> None:
    for number, moment in enumerate(stand.draw.sample(MOMENTS, 3)):
        # The first of them is reached by each act that is approved, so that a process surely dies.
        count = 1 if number else stand.draw.randrange(1, len(stand.requests) + 1)
        await stand.kill(moment, count)
        if not number:
            for request in stand.requests:
                await stand.send(request, stand.approve(request))
        await stand.crash()


RACES: Mapping[str, Callable[[Stand], Awaitable[None]]] = {
    "swap arguments": _swap_arguments,
    "swap target": _swap_target,
    "change policy": _change_policy,
    "expire": _expire,
    "replay": _replay,
    "consume twice": _consume_twice,
    "crash between": _crash_between,
    "further calls": _further_calls,
}

#: Races in which the first decision decides: some are a no, and all other acts take place.
FIRST_DECIDES = frozenset({"consume twice"})


async def race(
    name: str,
    trials: int,
    *,
    seed: int = 1,
    at_once: int | None = None,
    second: str = "second",
    on: On = "memory",
) -> Result:
    """Run a race so many times, and count; `second` names the rules after a change of them.

    Of a race between crashes only those stands count in which a process died.
    """
    result = Result(name)
    at_once = at_once or AT_ONCE_OF.get(name, AT_ONCE)
    while result.trials < trials:
        count = min(at_once, trials - result.trials)
        await _round(name, result, count, seed + result.stands, _rules(second), on)
        if result.stands > 2 * trials:
            break  # where no process dies, nothing is found out
    return result


async def _round(
    name: str, result: Result, count: int, seed: int, second: CedarPolicy, on: On
) -> None:
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    done: list[tuple[str, str]] = []
    team = Team(clerk, tools=[refund], partitions=PARTITIONS, on=on)
    team.rails = unconfined(_rules("first"))
    async with team:

        def paid(order: str, amount: Decimal) -> str:
            done.append((order, str(amount)))
            return order

        team.fake(refund, does=paid)
        for number in range(count):
            repeats = f" {REPEATS}" if name == "further calls" else ""
            await team.submit(jobs, f"{seed}-{number} {draw.randrange(1, 1_000)}{repeats}")
        requests = await _all_open(team, count)
        assert len(requests) == count, f"{len(requests)} of {count} wait"
        stand = Stand(
            team, requests, draw, Counter(), set(), second, CRASH_S if on == "kafka" else 0.0
        )
        stand.number = result.stands
        await RACES[name](stand)
        await _quiet(team, done, on)
        if stand.crashes or name != "crash between":
            result.trials += count
        result.stands += 1
        result.crashes += stand.crashes
        result.approved += stand.allowed.total()
        result.acts += len(done)
        result.unauthorised += sum(1 for act in done if act not in stand.allowed)
        result.missed += len(stand.owed.difference(done))
        result.double += sum(
            max(0, many - max(1, stand.allowed[act])) for act, many in Counter(done).items()
        )


async def _all_open(team: Team, count: int) -> list[Request]:
    """Wait until so many requests are open."""
    loop = asyncio.get_running_loop()
    over_s = loop.time() + WAIT_S_MAX
    while True:
        await team.advance(seconds=2)
        found = await _open(team)
        if len(found) >= count or loop.time() > over_s:
            return found


async def _quiet(team: Team, done: list[tuple[str, str]], on: On) -> None:
    """Wait until nothing more is done; in memory that is seen at once."""
    await team.advance(seconds=5)
    loop = asyncio.get_running_loop()
    count, since_s = len(done), loop.time()
    while on == "kafka" and loop.time() < since_s + QUIET_S:
        await team.advance(seconds=1)
        await asyncio.sleep(0.1)
        if len(done) != count:
            count, since_s = len(done), loop.time()


async def _open(team: Team) -> list[Request]:
    found: dict[bytes, Request] = {}
    for record in await read_all(team.bus, team.full(HUMAN)):
        if record.value is None:
            found.pop(record.key or b"", None)
        elif record.header("ce_type") == REQUEST_TYPE.encode():
            found[record.key or b""] = Request.from_record(record)
    return list(found.values())


def _rules(rule: str) -> CedarPolicy:
    text = f'@id("{rule}") permit (principal, action, resource);'
    return CedarPolicy.of(text, {"finance": ["finance"]})
