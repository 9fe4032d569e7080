"""Lets rest what a person has paused or drained, and lets it go on when that is lifted.

Checked when a handler is to start and before each of its steps. Guarantees: once this process has
read a pause, no step begins under it; a step that has begun to act ends, and is recorded; nothing
is lost or done again by a pause. A cancel and a deadline end what is paused.
"""

import asyncio
from collections.abc import Callable

from handrail.errors.lane import Halted
from handrail.lane.bounds import TIMER_RESOLUTION_S
from handrail.lane.holding import Hold, Scope
from handrail.lane.invocation import Invocation, Why
from handrail.ledger.event import RestWhy
from handrail.runtime.worker.ending import Suspended
from handrail.runtime.worker.ground import LaneGround
from handrail.wire.envelope import Envelope
from handrail.wire.rfc3339 import rfc3339


def rest_at_start(
    ground: LaneGround, invocation: Invocation, envelope: Envelope
) -> Suspended | None:
    """Give how an invocation rests that may not start now, or None when it may."""
    hold = _hold_of(ground, invocation, envelope.tenant)
    return None if hold is None else _rest(ground, invocation, envelope, hold)


async def before_step(
    ground: LaneGround,
    invocation: Invocation,
    envelope: Envelope,
    acts: Callable[[], bool],
) -> Suspended | None:
    """Return None once a step may begin, or how its run is to rest.

    While another step of the same run `acts`, it is waited for: it may end.
    """
    holds, agent = ground.worker.switches.holds, ground.worker.agent.name
    while (hold := holds.pause_of(agent, envelope.tenant)) is not None:
        if not acts():
            return _rest(ground, invocation, envelope, hold)
        await asyncio.shield(ground.worker.clock.sleep(TIMER_RESOLUTION_S))
    return None


def lifted(ground: LaneGround) -> list[Invocation]:
    """Give those that rest for a switch which is no longer set, or is another one now."""
    return [
        one
        for one in ground.lane.rests
        if one.why is Why.PAUSED and _hold_of(ground, one, one.tenant) is None
    ]


def _hold_of(ground: LaneGround, invocation: Invocation, tenant: str) -> Hold | None:
    holds, agent = ground.worker.switches.holds, ground.worker.agent.name
    if ground.lane.steps.of(invocation.id).records:
        return holds.pause_of(agent, tenant)
    return holds.drain_of(agent, tenant)


def _rest(ground: LaneGround, invocation: Invocation, envelope: Envelope, hold: Hold) -> Suspended:
    agent, whose = ground.worker.agent.name, hold.target.name
    error = Halted(
        target=f"Agent {whose}" if hold.target.scope is Scope.AGENT else f"Tenant {whose}",
        halt="paused" if hold.halt.value == "pause" else "drained",
        by=hold.by,
        at=rfc3339(hold.since_ms),
        reason=hold.why or "no reason was given",
        flag=agent if hold.target.scope is Scope.AGENT else f"--tenant {whose}",
    )
    until_ms = envelope.deadline_ms or ground.worker.clock.now_ms()
    event = ground.saying.rested(invocation, envelope, RestWhy.PAUSED, until_ms, error)
    return Suspended(envelope, Why.PAUSED, None, briefly=True, events=(event,))
