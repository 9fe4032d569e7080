"""The processes of one schedule: started, harmed as planned, healed, and stopped in order."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from handrail.contract.team import TeamDescription
from handrail.errors import BrokerUnreachable
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.place import Limits
from handrail.runtime.worker.process import AgentProcess, ProcessSettings
from handrail.testing.model import ScriptedModel
from handrail.testing.unscripted import Surprises
from handrail.wire.record import TopicPartition
from tests.simulation.bus import SimBus
from tests.simulation.kafka import SESSION_MS, SimBroker
from tests.simulation.loop import SimLoop, SimProcess
from tests.simulation.plan import Harm, Plan, ProcessFault
from tests.simulation.weather import Weather

NAMESPACE = "sim"
DRAIN_S = 5.0
TOLD_AFTER_S = 0.05
START_AGAIN_S = 0.5
FOLLOWS_S = 0.1  #: after a process that was killed by what it runs

MakeBus = Callable[[SimBroker, SimLoop, Weather], SimBus]


class SimClock:
    """The time of the schedule, for handlers and timers of lanes."""

    def __init__(self, loop: SimLoop, broker: SimBroker) -> None:
        """Tell the broker's time, as all machines do."""
        self._loop = loop
        self._broker = broker

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return self._broker.now_ms

    async def sleep(self, seconds: float) -> None:
        """Return when that much time has passed."""
        await self._loop.pause(max(0.0, seconds))


@dataclass(slots=True, eq=False)
class Moments:
    """The named moments that a process comes past; implements `FailPoints`."""

    loop: SimLoop
    wanted: dict[Moment, tuple[int, Callable[[], None]]] = field(
        default_factory=dict[Moment, tuple[int, Callable[[], None]]]
    )

    def wants(self, moment: Moment) -> bool:
        """Say whether something is to happen there."""
        return moment in self.wanted

    async def reached(self, moment: Moment, step: str = "") -> None:
        """Let happen what is due there, before the process goes on."""
        if self._is_due(moment):
            await self.loop.pause(0.0)  # Whoever was killed or frozen comes no further.

    def struck(self, moment: Moment, step: str = "") -> None:
        """Let it happen within a transaction, of which the next request is never sent."""
        self._is_due(moment)

    def _is_due(self, moment: Moment) -> bool:
        if moment not in self.wanted:
            return False
        left, harm = self.wanted.pop(moment)
        if left > 1:
            self.wanted[moment] = (left - 1, harm)
            return False
        harm()
        return True


@dataclass(slots=True, eq=False)
class Running:
    """One process of the team."""

    life: SimProcess
    bus: SimBus
    agents: AgentProcess
    moments: Moments
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_idle(self) -> bool:
        """True when every lane is open, has read everything and has nothing in hand."""
        if self.life.frozen or not self.agents.is_ready:
            return False
        for runner in self.agents.lanes:
            if runner.lane is None or not runner.is_idle:
                return False
            if self.bus.sim.has_records(runner.place.inbox, runner.lane.progress.next):
                return False
        return True


class Processes:
    """All processes of one schedule, and the harms that are still to come."""

    def __init__(
        self, plan: Plan, team: TeamDescription, weather: Weather, make: Callable[[], SimBus]
    ) -> None:
        """Start none yet; `make` gives each a connection of its own."""
        self.all: list[SimProcess] = []
        self.running: list[Running] = []
        self.harmed: set[SimProcess] = set()  #: that ever were frozen or cut off
        self.problems: list[str] = []
        self.unhealed_count = 0  #: harms whose end is still to come
        self._plan = plan
        self._team = team
        self._weather = weather
        self._make = make
        self._faults = list(plan.faults)

    def start(self) -> None:
        """Start one more; the next planned harm is its own."""
        bus = self._make()
        life = SimProcess(f"p{len(self.all) + 1}")
        moments = Moments(bus.loop)
        settings = ProcessSettings(
            namespace=NAMESPACE,
            process=life.name,
            limits=Limits(lane=self._plan.bounds),
            drain_s=DRAIN_S,
            clock=SimClock(bus.loop, bus.sim),
            fail_points=moments,
            jitter=self._weather.jitter,
        )
        model = ScriptedModel(Surprises())
        agents = AgentProcess(bus, self._team.agents, self._team, model, settings)
        one = Running(life, bus, agents, moments)
        self.all.append(life)
        self.running.append(one)
        if self._faults:
            self._plan_harm(one, self._faults.pop(0))
        self._weather.tell("starts", life.name)
        bus.loop.spawn(life, self._serve(one))

    async def _serve(self, one: Running) -> None:
        try:
            await one.agents.start()
        except BrokerUnreachable:
            # Whoever watches over it starts it again.
            self.unhealed_count += 1
            one.bus.loop.in_world(START_AGAIN_S, self._succeed)
            await one.agents.close()
            self._left(one)
            return
        try:
            await one.agents.run(one.stop)
        except Exception as error:  # noqa: BLE001 - whatever ends a process is a finding
            self.problems.append(f"{one.life.name} has ended by itself: {error!r}")
        self._left(one)

    def _left(self, one: Running) -> None:
        self._weather.tell("has ended", one.life.name)
        self.running.remove(one)

    # ---- harm

    def _plan_harm(self, one: Running, fault: ProcessFault) -> None:
        if fault.at_moment is None:
            one.life.interrupt_at = fault.at_callback
            one.life.interrupt = lambda: self._harm(one, fault)
        else:
            harm = fault.moments_count, lambda: self._harm(one, fault)
            one.moments.wanted[fault.at_moment] = harm

    def forget_harms(self) -> None:
        """Harm nobody any more."""
        self._faults.clear()
        for one in self.running:
            one.life.interrupt = None
            one.moments.wanted.clear()

    def _harm(self, one: Running, fault: ProcessFault) -> None:
        loop, bus = one.bus.loop, one.bus
        lasts = "" if fault.harm in (Harm.KILL, Harm.STOP) else f" for {fault.for_s:g} s"
        self._weather.tell(f"{fault.harm}{lasts}", one.life.name)
        self._weather.befell[fault.harm] += 1
        match fault.harm:
            case Harm.KILL:
                loop.kill(one.life)
                self.running.remove(one)
                bus.silence(silent=True)
                if fault.told:
                    self._tell_of_death(one)
            case Harm.FREEZE:
                loop.freeze(one.life)
                bus.silence(silent=True, asleep=True)
            case Harm.CUT_OFF:
                bus.cut_off()
            case Harm.NO_COORDINATOR:
                bus.cut_off_coordinator()
            case Harm.STOP:
                loop.in_world(0.0, one.stop.set)
        if fault.harm in (Harm.FREEZE, Harm.CUT_OFF, Harm.NO_COORDINATOR):
            self.harmed.add(one.life)
            self.unhealed_count += 1
            loop.in_world(fault.for_s, lambda: self._heal(one, fault))
        # Nobody but the clock tells the coordinator that a session is over.
        loop.in_world(SESSION_MS / 1000 + 0.001, bus.sim.tick)
        if fault.successor_s is not None:
            self.unhealed_count += 1
            loop.in_world(fault.successor_s, self._succeed)

    def fall(self, life: SimProcess) -> None:
        """Kill a process by what it runs; another one takes its place."""
        one = next((one for one in self.running if one.life is life), None)
        if one is None:
            return  # it is dead already
        self._weather.befell["fall"] += 1
        self._weather.tell("is killed by what it runs", life.name)
        one.bus.loop.kill(life)
        one.moments.wanted.clear()  # it is not to be harmed when it is wound up
        self.running.remove(one)
        one.bus.silence(silent=True)
        self._tell_of_death(one)
        self.unhealed_count += 1
        one.bus.loop.in_world(FOLLOWS_S, self._succeed)

    def _heal(self, one: Running, fault: ProcessFault) -> None:
        self.unhealed_count -= 1
        self._weather.tell(f"{fault.harm} is over", one.life.name)
        if fault.harm is Harm.FREEZE:
            one.bus.loop.thaw(one.life)
            one.bus.silence(silent=False)
        else:
            one.bus.reconnect()

    def _succeed(self) -> None:
        self.unhealed_count -= 1
        self.start()

    def _tell_of_death(self, one: Running) -> None:
        """As a supervisor does that has seen its child end."""
        broker, members = one.bus.sim, one.bus.members

        def tell() -> None:
            for group, member_id in members:
                broker.group(group).leave(member_id, broker.now_ms)
            broker.tick()

        one.bus.loop.in_world(TOLD_AFTER_S, tell)


def lanes_of(team: TeamDescription, partitions: int) -> list[tuple[str, str, TopicPartition]]:
    """Give of every lane of a team its agent, what its topics are named by, and its inbox."""
    return [
        (agent.name, lanes, TopicPartition(f"{NAMESPACE}.{inbox}", number))
        for agent in team.agents
        for inbox, lanes in zip(agent.reads.inboxes, agent.lanes, strict=True)
        for number in range(partitions)
    ]
