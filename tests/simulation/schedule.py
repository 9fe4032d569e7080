"""One schedule: the real worker on the simulated Kafka, the faults of its plan, and its end.

Once the work has ended, or the time of faults is over, nothing is harmed any more: what was frozen
is thawed, what was cut off is connected, and at least one process runs. From then on everything
has to come to its end by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from handrail.bus.in_process_log import Fate
from handrail.runtime.topics import Layout, needed
from handrail.testing.ground import MEMORY_STARTS_MS
from handrail.wire.codec import JSON_TYPE, encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.priority import Priority, with_priority
from handrail.wire.record import Outgoing, Record, TopicPartition
from tests.simulation.agents import PLAIN, team_of
from tests.simulation.bus import SimBus
from tests.simulation.kafka import SimBroker
from tests.simulation.loop import WORLD, NeverEnds, SimLoop, current_process
from tests.simulation.people import People
from tests.simulation.plan import Chance, Happening, Plan
from tests.simulation.processes import NAMESPACE, MakeBus, Processes, lanes_of
from tests.simulation.team import ASKS, GATHERING, HOLD, SLEEP, STAGE, Order, Receivers
from tests.simulation.weather import Weather

FAULTS_END_S = 12.0  #: after this nothing is harmed any more
ENDS_WITHIN_S = 90.0  #: after the last fault, besides what handlers sleep
LOOK_S = 0.25
HELD_S = 120.0  #: for a question that dies again, its asker, and who waits for them, one by one


@dataclass(frozen=True, slots=True)
class Told:
    """A line of what happened, for whoever replays a schedule."""

    at_s: float
    who: str
    what: str


class Schedule:
    """Runs one plan. `make_bus` may put a planted fault between the worker and the broker."""

    def __init__(self, plan: Plan, make_bus: MakeBus = SimBus, *, tells: bool = False) -> None:
        """Set the stage; nothing runs before `run`."""
        self.plan = plan
        chance = Random(f"weather {plan.seed}")
        self.loop = SimLoop(Random(f"timers {plan.seed}"))
        self.broker = SimBroker(self.loop, chance, MEMORY_STARTS_MS)
        lost = plan.lost_outcome
        of_outcome = None if lost is None else lost.fault
        self.weather = Weather(chance, dict(plan.commit_faults), of_outcome, tell=self.tell)
        self.weather.on_outcome = self._outcome_lost
        self.team = team_of(plan.shape, two_inboxes=plan.two_inboxes)
        self.told: list[Told] = []
        self.problems: list[str] = []
        self.receivers = Receivers(
            self.loop,
            self._away_s,
            lambda: len(self.broker.decided),
            plan.sleep_s,
            plan.late_s,
        )
        self.processes = Processes(plan, self.team, self.weather, self._connect)
        self.receivers.on_fell = self.processes.fall
        self._make_bus = make_bus
        self._tells = tells
        self.people = People(plan, self.broker, self.loop, self.receivers, self._tell_of_people)
        self._happenings_left = len(plan.happenings)
        self._looked = 0  # at what was decided

    def run(self) -> None:
        """Carry the plan out and judge nothing, except that it has to come to its end."""
        STAGE.receivers = self.receivers
        try:
            self._begin()
            self._drive()
            self.problems += self.loop.complaints
            # Tasks of dead processes are let go on, to be cancelled; one may come to a step.
            self.receivers.is_over = True
            self.loop.wind_up()
        except NeverEnds as error:
            self.problems.append(str(error))
        finally:
            STAGE.receivers = None
        self.problems += [*self.receivers.problems, *self.processes.problems]

    def tell(self, what: str, who: str | None = None) -> None:
        """Keep what happened, if somebody wants to know."""
        if self._tells:
            self.told.append(Told(self.loop.time(), who or current_process().name, what))

    def _tell_of_people(self, what: str) -> None:
        self.tell(what, WORLD.name)

    # ---- from beginning to end

    def _begin(self) -> None:
        for topic in needed(self.team, Layout(NAMESPACE, self.plan.partitions, 1)):
            self.broker.create(topic.spec)
        self.broker.slow_markers = self.plan.slow_markers
        for at_s, order in self.plan.orders:
            self.loop.in_world(at_s, self._submission(order))
        for happening in self.plan.happenings:
            self.loop.in_world(happening.at_s, lambda one=happening: self._happen(one))
        self.loop.in_world(0.0, self.processes.start)

    def _submission(self, order: Order) -> Callable[[], None]:
        def submit() -> None:
            urgent = ", urgent" if order.urgent else ""
            self.tell(f"submits order {order.number}, key {order.key}{urgent}: {order.steps}")
            self.weather.befell["little time"] += order.within_s is not None
            self.weather.befell["high priority"] += order.urgent and self.plan.two_inboxes
            record = submission(order, self.broker.now_ms, two_inboxes=self.plan.two_inboxes)
            self.broker.append(self.people.bus.place(record))

        return submit

    def _drive(self) -> None:
        harmless = False
        while self.loop.time() < FAULTS_END_S + ENDS_WITHIN_S + self._asleep_s:
            self.loop.run_until(_never, until_s=self.loop.time() + LOOK_S)
            self._look()
            if not harmless and (self._has_ended or self.loop.time() > FAULTS_END_S):
                harmless = True
                self.processes.forget_harms()
            if self._is_over():
                return
            if not self.processes.unhealed_count and not self.processes.running:
                self.loop.in_world(0.0, self.processes.start)
            self.loop.in_world(0.0, self.broker.tick)
        self.problems.append("it did not come to its end")

    @property
    def _asleep_s(self) -> float:
        """How long handlers sleep when they do so one after the other."""
        sleeps_count = sum(order.steps.count(SLEEP) for _, order in self.plan.orders)
        waits_count = sum(order.steps.count(HOLD) for _, order in self.plan.orders)
        return sleeps_count * self.plan.sleep_s + waits_count * HELD_S

    @property
    def _has_ended(self) -> bool:
        """True when everything that was asked for has its end."""
        gathers = self.plan.shape in GATHERING
        wanted = sum(
            1
            + len(order.pieces)
            + sum(name in ASKS for name in order.steps)
            + gathers * (max(1, len(order.pieces)) + 1)
            for _, order in self.plan.orders
        )
        return self.people.ended_count >= wanted and not self.people.unheard_count

    def _is_over(self) -> bool:
        processes = self.processes
        if processes.unhealed_count or self._happenings_left or not self._has_ended:
            return False
        return bool(processes.running) and all(one.is_idle for one in processes.running)

    # ---- what stands around the team

    def _connect(self) -> SimBus:
        return self._make_bus(self.broker, self.loop, self.weather)

    def _away_s(self) -> float:
        return self.weather.rng.expovariate(1 / self.plan.away_s)

    def _outcome_lost(self) -> None:
        assert self.plan.lost_outcome is not None
        self._happenings_left += 1

        def join() -> None:
            self._happenings_left -= 1
            self.processes.start()

        self.loop.in_world(self.plan.lost_outcome.joins_after_s, join)

    def _happen(self, happening: Happening) -> None:
        self.tell(f"{happening.what}", "world")
        self._happenings_left -= 1
        self.weather.befell[happening.what] += 1
        match happening.what:
            case Chance.JOIN:
                self.processes.start()
            case Chance.COMPACT:
                for agent in self.team.agents:
                    for lanes in agent.lanes:
                        self.broker.compact(f"{NAMESPACE}.{lanes}.journal")
            case Chance.LAG:
                places = lanes_of(self.team, self.plan.partitions)
                _, lanes, inbox = places[int(happening.chance * len(places))]
                journal = TopicPartition(f"{NAMESPACE}.{lanes}.journal", inbox.partition)
                where = journal if happening.chance * 7 % 1 < 0.7 else inbox
                self.broker.lag(where, happening.for_s)
            case Chance.CANCEL:
                orders_count = len(self.plan.orders)
                self.people.cancel(1 + int(happening.chance * orders_count))
            case Chance.OLD_OFFSETS:
                self.broker.old_offsets_until_s = self.loop.time() + happening.for_s

    def _look(self) -> None:
        """Tell people of all that was decided."""
        decided = self.broker.decided
        for written in decided[self._looked :]:
            if written.fate is Fate.COMMITTED:
                for where, entry in written.entries:
                    self.people.hear(
                        Record(*where, entry.offset, 0, entry.key, entry.value, entry.headers)
                    )
        self._looked = len(decided)


def submission(order: Order, now_ms: int, *, two_inboxes: bool = False) -> Outgoing:
    """Give the record by which an order enters the team, on the inbox of its priority."""
    topic, priority = PLAIN.orders, Priority.HIGH if order.urgent else Priority.NORMAL
    inbox = with_priority(topic.name, priority) if two_inboxes else topic.name
    envelope = Envelope(
        id=f"order-{order.number}",
        type=topic.type_of(order),
        source="simulation",
        time_ms=now_ms,
        task_id=f"task-{order.number}",
        tenant="default",
        priority=priority.value if order.urgent else None,
        deadline_ms=None if order.within_s is None else now_ms + int(order.within_s * 1000),
    )
    headers = encode_headers(envelope, JSON_TYPE)
    return Outgoing(f"{NAMESPACE}.{inbox}", order.key.encode(), topic.encode(order), headers)


def _never() -> bool:
    return False
