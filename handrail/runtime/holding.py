"""Sets and lifts the switches by which people halt an agent or a tenant.

What was written counts from the moment at which a process reads it, within a second or so. Setting
a switch that is set, and lifting one that is not, changes nothing.
"""

from contextlib import aclosing

from handrail.bus.port import Bus
from handrail.errors.lane import HaltTargetWrong
from handrail.lane.holding import Halt, Hold, Holds, Scope, Target
from handrail.lane.switches import CONTROL
from handrail.wire.record import Outgoing, TopicPartition


def target_of(agent: str | None, tenant: str | None) -> Target:
    """Name whom a switch is about. Raises HaltTargetWrong unless exactly one is given."""
    if (agent is None) == (tenant is None):
        given = "neither an agent nor a tenant was" if agent is None else "both were"
        raise HaltTargetWrong(detail=f"{given[:1].upper()}{given[1:]} given")
    if agent is not None:
        return Target(Scope.AGENT, agent)
    return Target(Scope.TENANT, str(tenant))


async def halt(bus: Bus, namespace: str, hold: Hold) -> None:
    """Set a switch. Raises what the sender raises."""
    await bus.sender().send(hold.outgoing(f"{namespace}.{CONTROL}"))


async def lift(bus: Bus, namespace: str, target: Target) -> None:
    """Let a target go on, whether it was paused or drained. Raises what the sender raises."""
    for one in Halt:
        await bus.sender().send(Outgoing(f"{namespace}.{CONTROL}", target.key(one), None))


async def halted(bus: Bus, namespace: str) -> list[Hold]:
    """Give every switch that is set now. Raises BrokerUnreachable."""
    topic, holds = f"{namespace}.{CONTROL}", Holds()
    offsets = await bus.admin.offsets(topic)
    for partition, (begin, end) in offsets.items():
        where = TopicPartition(topic, partition)
        async with aclosing(bus.fetch(where, begin, end)) as records:
            async for record in records:
                holds.take(record)
    return list(holds)
