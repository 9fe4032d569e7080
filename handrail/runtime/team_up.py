"""Brings a team up and takes it down in order: broker, topics, single writers, agents.

Guarantees: what was started here is stopped here, in reverse order, whatever ends the body of
`team_up`; a broker that ran before, or belongs to somebody else, is left running; a failure on
the way up leaves nothing running that did not run before.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from handrail.bus.kafka import KafkaBus
from handrail.bus.local_broker import LocalBroker
from handrail.bus.port import Bus
from handrail.bus.progress import Progress, Silent
from handrail.bus.settings import Settings
from handrail.bus.where import connection_for
from handrail.runtime.broker_keeper import keep_alive, started
from handrail.runtime.child import ChildSpec, Kind, handrail_command
from handrail.runtime.claim_of_project import ProjectClaim
from handrail.runtime.departed import tell_groups
from handrail.runtime.note import ProcessNote
from handrail.runtime.supervisor import Event, Hooks, Supervisor
from handrail.runtime.topics import NeededTopic, apply

REGISTRAR = "registrar"
KEEPER = "keeper"
WRITERS = "writers"  #: the process of the single writers, where there are several
TOGETHER = "team"
LEAVE_S = 10.0  #: beyond the drain: what a process needs to leave its groups and to end


@dataclass(frozen=True, slots=True)
class UpPlan:
    """What to bring up."""

    settings: Settings
    topics: Sequence[NeededTopic]
    specs: Sequence[ChildSpec]
    command: str = "up"
    keep_broker: bool = False
    progress: Progress = field(default_factory=Silent)
    on_event: Callable[[Event], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class RunningTeam:
    """A team on its way up, or up."""

    supervisor: Supervisor
    bus: Bus
    bootstrap: str


def child_specs(
    agents: Sequence[str],
    scale: Mapping[str, int],
    flags: Sequence[str],
    *,
    together: bool = False,
    remembers: bool = False,
    sources: Mapping[str, str] | None = None,
) -> list[ChildSpec]:
    """Say which processes make up a team; `scale` gives how many of each agent, else one.

    A team that `remembers` has memory spaces, and so a keeper beside its registrar. `sources` names
    what `handrail run` is given for an agent where that is not its name.
    """
    given = sources or {}
    writers = (REGISTRAR, KEEPER) if remembers else (REGISTRAR,)
    if together:
        what = list(dict.fromkeys(given.get(agent, agent) for agent in agents))
        command = handrail_command("run", *writers, *what, *flags)
        return [ChildSpec(TOGETHER, command, agents=(*writers, *agents))]
    name = WRITERS if remembers else REGISTRAR
    specs = [ChildSpec(name, handrail_command("run", *writers, *flags), Kind.WRITER, writers)]
    for agent in agents:
        command = handrail_command("run", given.get(agent, agent), *flags)
        for number in range(1, scale.get(agent, 1) + 1):
            name = agent if number == 1 else f"{agent}-{number}"
            specs.append(ChildSpec(name, command, agents=(agent,)))
    return specs


@contextlib.asynccontextmanager
async def team_up(plan: UpPlan, hurry: asyncio.Event) -> AsyncGenerator[RunningTeam]:
    """Start everything for the body, and stop it in order after it; `hurry` cuts drains short.

    The processes are started, and may not be ready yet, when the body begins. Raises AlreadyUp,
    BrokerUnreachable, PartitionsFixed, and the errors of the local Kafka.
    """
    async with contextlib.AsyncExitStack() as stack:
        bootstrap = await stack.enter_async_context(
            own_broker(
                plan.settings, plan.command, plan.progress, plan.on_event, keep=plan.keep_broker
            )
        )
        bus = KafkaBus(connection_for(plan.settings, bootstrap))
        stack.push_async_callback(bus.close)
        await bus.start()
        await apply(bus.admin, plan.topics)

        async def bury(note: ProcessNote) -> None:
            await tell_groups(bus, note)

        supervisor = Supervisor(
            plan.settings.project_dir,
            plan.specs,
            Hooks(plan.on_event, bury),
            drain_s=plan.settings.drain_s + LEAVE_S,
        )
        stack.push_async_callback(supervisor.stop, hurry)
        await supervisor.start()
        yield RunningTeam(supervisor, bus, bootstrap)


@contextlib.asynccontextmanager
async def own_broker(
    settings: Settings,
    command: str,
    progress: Progress,
    tell: Callable[[Event], None],
    *,
    keep: bool = False,
) -> AsyncGenerator[str]:
    """Claim the project and give its broker's address for the body.

    A local broker that dies meanwhile is started again at that address, and `tell` is told. One
    that is started here is stopped afterwards, unless it is to be kept. Raises AlreadyUp, and the
    errors of the local Kafka.
    """
    claim = ProjectClaim(settings.project_dir)
    claim.take(command)
    try:
        if settings.broker.bootstrap is not None:
            yield settings.broker.bootstrap
            return
        broker = LocalBroker(settings.project_dir, progress=progress)
        running = await started(broker)
        keeper = asyncio.create_task(
            keep_alive(broker, running.bootstrap, tell), name="keeper of the local Kafka"
        )
        try:
            yield running.bootstrap
        finally:
            keeper.cancel()
            await asyncio.wait({keeper})
            if running.started_here and not keep:
                await asyncio.to_thread(broker.stop)
    finally:
        claim.give_back()
