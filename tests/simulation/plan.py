"""What befalls one schedule, drawn from its seed alone: work, faults, and the weather between."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random

from handrail.lane.bounds import LaneBounds
from handrail.runtime.failpoint import Moment
from tests.simulation.kafka import SESSION_MS
from tests.simulation.team import ASK, HOLD, PERSON, SLEEP, TOOLS, Order, Shape
from tests.simulation.weather import CommitFault

SESSION_S = SESSION_MS / 1000
KEYS = ("red", "blue")
ORDERS_COUNT_MAX = 4
CANCELED = 0.4  #: share of troubled teams that are told to stop with something
CALLBACKS_FIRST, CALLBACKS_LAST = 12, 220  #: between which of its callbacks a process is harmed
COMMITS_LAST = 16
LONG_SLEEP_S = 31.0  #: so long that the handler is let go meanwhile
TWO_INBOXES, URGENT = 0.4, 0.5  #: shares of schedules that part priorities, and of urgent orders
OUTCOME_LOST = 0.06  #: share of schedules
SHAPES = {Shape.ALONE: 45, Shape.ASKING: 15, Shape.APART: 25, Shape.TROUBLED: 15}
HASTY, LATE = 0.4, 0.5  #: shares of what is taken apart in haste, and of its pieces that come late
LATE_S_MAX = 4.0
HELD = 0.5  #: share of those who ask that ask whom a person has to help
HELD_COUNT_MIN = 2  #: orders, so that one waits behind the other
PRESSED = 0.3  #: share of schedules of one agent in which some orders have little time
PRESSED_ORDER = 0.5  #: share of their orders
WITHIN_S_MIN, WITHIN_S_MAX = 0.5, 8.0
WORK_S = 3.0  #: within which everything is submitted and most faults happen

AS_A_STEP_IS_TAKEN = (
    Moment.AFTER_INTENT_COMMIT,
    Moment.AFTER_ACT,
    Moment.AFTER_OUTCOME_COMMIT,
    Moment.BEFORE_FINAL,
)


class Harm(StrEnum):
    """What can happen to a process."""

    KILL = "kill"  #: as by kill -9
    FREEZE = "freeze"  #: as by SIGSTOP, and SIGCONT later
    CUT_OFF = "cut off"  #: no broker for a while
    NO_COORDINATOR = "no coordinator"  #: no heartbeats for a while, everything else goes on
    STOP = "stop"  #: in order, with everything that runs


class Chance(StrEnum):
    """What can happen besides."""

    JOIN = "join"  #: another process starts
    COMPACT = "compact"  #: the journals are compacted
    LAG = "lag"  #: a partition shows less than it has, for a while
    CANCEL = "cancel"  #: a person asks that the task of an order stop
    OLD_OFFSETS = "old offsets"  #: the group's offsets are told as they were, for a while


@dataclass(frozen=True, slots=True)
class ProcessFault:
    """One harm of the oldest process that runs, at a callback of it or at a named moment."""

    harm: Harm
    at_callback: int
    at_moment: Moment | None
    moments_count: int
    for_s: float  #: how long it lasts
    successor_s: float | None  #: how long afterwards another process starts
    told: bool  #: a supervisor tells the group of the death


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens at a time."""

    at_s: float
    what: Chance
    chance: float  #: which partition, or how long
    for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LostOutcome:
    """The first outcome that a lane commits is lost, or its reply, while another process joins."""

    fault: CommitFault
    joins_after_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """One schedule."""

    seed: int
    shape: Shape
    partitions: int
    two_inboxes: bool  #: what is of high priority has inboxes and lanes of its own
    orders: tuple[tuple[float, Order], ...]  #: when each is submitted
    bounds: LaneBounds
    faults: tuple[ProcessFault, ...] = ()
    commit_faults: dict[int, CommitFault] = field(default_factory=dict[int, CommitFault])
    happenings: tuple[Happening, ...] = ()
    lost_outcome: LostOutcome | None = None
    slow_markers: float = 0.0
    away_s: float = 0.004  #: how long a call of a tool lasts on average
    person_s: float = 0.5  #: how long a person thinks
    sleep_s: float = 0.4  #: how long a handler sleeps
    late_s: float = 0.0  #: how long what comes late sleeps

    @classmethod
    def of(cls, seed: int) -> "Plan":
        """Draw a schedule."""
        plan, rng = cls._of(seed), Random(f"haste {seed}")
        in_haste = plan.shape is Shape.APART and rng.random() < HASTY
        if plan.shape is Shape.ALONE and Random(f"pressed {seed}").random() < PRESSED:
            return _pressed(plan, Random(f"deadlines {seed}"))
        if plan.shape is Shape.ASKING and Random(f"held {seed}").random() < HELD:
            return _held(plan, Random(f"holds {seed}"))
        return _in_haste(plan, rng) if in_haste else plan

    @classmethod
    def _of(cls, seed: int) -> "Plan":
        rng = Random(seed)
        shape = rng.choices(list(SHAPES), list(SHAPES.values()))[0]
        many = shape in (Shape.ALONE, Shape.TROUBLED)
        count = rng.randint(2, ORDERS_COUNT_MAX) if many else rng.randint(1, 2)
        partitions = 2 if rng.random() < 0.15 else 1
        orders = tuple(_order(rng, number, shape) for number in range(1, count + 1))
        small = rng.random() < 0.3
        bounds = LaneBounds(
            running=rng.choice((1, 2, 64)),
            park_after_s=rng.choice((0.5, 30.0)),
            journal_records=8 if small else 50_000,
            journal_per_live=1 if small else 4,
        )
        faults: list[ProcessFault] = []
        commit_faults: dict[int, CommitFault] = {}
        happenings = [
            Happening(_early(rng), Chance.COMPACT, rng.random()) for _ in range(rng.randint(0, 2))
        ]
        if shape is Shape.TROUBLED and rng.random() < CANCELED:
            happenings.append(Happening(_early(rng), Chance.CANCEL, rng.random()))
        for _ in range(rng.choice((1, 1, 2, 2, 3))):
            draw = rng.random()
            if draw < 0.55:
                faults.append(_process_fault(rng))
            elif draw < 0.8:
                commit_faults[rng.randint(2, COMMITS_LAST)] = rng.choice(list(CommitFault))
            else:
                what = rng.choice((Chance.JOIN, Chance.JOIN, Chance.LAG, Chance.OLD_OFFSETS))
                happenings.append(Happening(_early(rng), what, rng.random(), rng.uniform(0.1, 3.0)))
        return cls(
            seed=seed,
            shape=shape,
            partitions=partitions,
            two_inboxes=rng.random() < TWO_INBOXES,
            lost_outcome=_lost_outcome(rng) if rng.random() < OUTCOME_LOST else None,
            orders=orders,
            bounds=bounds,
            faults=tuple(faults),
            commit_faults=commit_faults,
            happenings=tuple(sorted(happenings, key=lambda one: one.at_s)),
            slow_markers=rng.choice((0.0, 0.0, 0.05, 0.3)),
            away_s=rng.choice((0.002, 0.004, 0.02, 0.4)),
            person_s=rng.choice((0.2, 1.0)),
            sleep_s=LONG_SLEEP_S if rng.random() < 0.04 else rng.random(),
        )


def _early(rng: Random) -> float:
    """Most of what is worth seeing happens while something is under way."""
    return rng.random() ** 4 * WORK_S


def _order(rng: Random, number: int, shape: Shape) -> tuple[float, Order]:
    apart = shape is Shape.APART
    words = [*TOOLS, SLEEP]
    names = rng.choices(words, k=rng.randint(0, 1) if apart else rng.randint(1, 3))
    if shape is Shape.ASKING:
        names[rng.randrange(len(names))] = ASK
    if shape is Shape.TROUBLED:
        names[rng.randrange(len(names))] = rng.choices(("stumble", "fell", PERSON), (4, 1, 4))[0]
    pieces = rng.choices(list(TOOLS), k=rng.randint(0, 3)) if apart else []
    key = rng.choice(KEYS)
    urgent = rng.random() < URGENT
    return _early(rng), Order(number=number, key=key, steps=names, pieces=pieces, urgent=urgent)


def _held(plan: Plan, rng: Random) -> Plan:
    """Let two or three ask whom a person has to help, one behind the other."""
    orders = list(plan.orders)
    while len(orders) < HELD_COUNT_MIN:
        orders.append(_order(rng, len(orders) + 1, Shape.ASKING))
    asked = [
        (
            at_s,
            one.model_copy(
                # Of one key each would wait for the other: one for its turn, one for a person.
                update={
                    "key": f"{one.number}",
                    "steps": [HOLD if name == ASK else name for name in one.steps],
                }
            ),
        )
        for at_s, one in orders
    ]
    return replace(plan, shape=Shape.HELD, orders=tuple(asked))


def _pressed(plan: Plan, rng: Random) -> Plan:
    """Give some orders little time, so that they are over in the middle of what they do."""
    orders = tuple(
        (at_s, one.model_copy(update={"within_s": rng.uniform(WITHIN_S_MIN, WITHIN_S_MAX)}))
        if rng.random() < PRESSED_ORDER
        else (at_s, one)
        for at_s, one in plan.orders
    )
    return replace(plan, orders=orders)


def _in_haste(plan: Plan, rng: Random) -> Plan:
    """Let some pieces come late, and one more process die while they are gathered without them."""
    orders = tuple(
        (
            at_s,
            one.model_copy(
                update={"late": [i for i in range(len(one.pieces)) if rng.random() < LATE]}
            ),
        )
        for at_s, one in plan.orders
    )
    fault = ProcessFault(
        harm=Harm.KILL,
        at_callback=CALLBACKS_LAST,
        at_moment=rng.choice(AS_A_STEP_IS_TAKEN),
        moments_count=rng.randint(1, 8),
        for_s=0.0,
        successor_s=rng.random() * 2,
        told=rng.random() < 0.6,
    )
    return replace(
        plan,
        shape=Shape.HASTY,
        orders=orders,
        faults=(fault, *plan.faults),
        late_s=rng.uniform(0.1, LATE_S_MAX),
    )


def _lost_outcome(rng: Random) -> LostOutcome:
    fault = rng.choice((CommitFault.WRITES_LOST, CommitFault.WRITES_REPLY_LOST))
    return LostOutcome(fault, joins_after_s=rng.random() * 0.1)


def _process_fault(rng: Random) -> ProcessFault:
    weights = {Harm.KILL: 4, Harm.FREEZE: 4, Harm.CUT_OFF: 1, Harm.NO_COORDINATOR: 1, Harm.STOP: 1}
    harm = rng.choices(list(weights), list(weights.values()))[0]
    by_moment = rng.random() < 0.4
    for_s = rng.choice((0.3, SESSION_S * 0.9, SESSION_S * 1.1, SESSION_S * 1.6))
    alone = harm is not Harm.KILL and rng.random() < 0.25
    return ProcessFault(
        harm=harm,
        at_callback=rng.randint(CALLBACKS_FIRST, CALLBACKS_LAST),
        at_moment=rng.choice(list(Moment)) if by_moment else None,
        moments_count=rng.randint(1, 4),
        for_s=for_s,
        successor_s=None if alone else rng.choice((0.0, 0.02, 0.3, 1.0)),
        told=rng.random() < 0.6,
    )
