"""What the team under simulation works on: orders by key, and steps of every effect class.

What its tools do to the world is kept outside every process, as by the receivers of real calls. A
call takes effect on its way even when its process dies meanwhile.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel

from handrail import Effect, Idempotent, Integrity, Queryable, Reach, ToolContext, tool
from tests.simulation.loop import SimLoop, SimProcess, current_process

SETTLE_S = 0.3
AWAY_COUNT_MAX = 2  #: how often nobody opens; fewer than the tries that a handoff has
WAY_S_MAX = 0.03  #: from a call to its effect; shorter than anybody needs to judge it


class Shape(StrEnum):
    """Which agents play."""

    ALONE = "alone"  #: one that carries orders out
    ASKING = "asking"  #: the same, and one that it asks
    APART = "apart"  #: one that takes orders apart, one for the pieces, one that joins them
    HASTY = "hasty"  #: the same, and who joins does not wait for pieces that come late
    HELD = "held"  #: one that asks, and one that fails and holds back what follows of its key
    TROUBLED = "troubled"  #: one alone that asks people, fails, is canceled, and kills processes


GATHERING = frozenset({Shape.APART, Shape.HASTY})


class Order(BaseModel):
    """What is asked for: a word for each step, and one for each piece into which it falls apart."""

    number: int
    key: str
    steps: list[str]
    pieces: list[str] = []
    late: list[int] = []  #: which pieces come late
    urgent: bool = False  #: its task is of high priority
    within_s: float | None = None  #: after which its task's deadline passes


class Piece(BaseModel):
    """One part of an order, and the word for the step that it takes."""

    number: int
    index: int
    said: str
    step: str
    is_late: bool = False


class Query(BaseModel):
    """What a clerk asks a helper, and the number under which the helper acts."""

    number: int
    word: str


class Price(BaseModel):
    """What became of a part."""

    number: int
    index: int
    said: str


@dataclass(frozen=True, slots=True)
class Act:
    """One effect that a tool had."""

    at_s: float
    process: SimProcess
    tool: str
    number: int  #: of the order
    step: int
    idem_key: str
    decided: int  #: how many transactions were decided before it was called


@dataclass(slots=True)
class Receivers:
    """Everybody whom the tools of one schedule call."""

    loop: SimLoop
    away_s: Callable[[], float]
    decided: Callable[[], int]
    sleep_s: float = 0.0
    late_s: float = 0.0
    acts: list[Act] = field(default_factory=list[Act])
    known: dict[str, str] = field(default_factory=dict[str, str])  #: result by idempotency key
    running: dict[tuple[SimProcess, str], int] = field(
        default_factory=dict[tuple[SimProcess, str], int]
    )
    problems: list[str] = field(default_factory=list[str])
    is_over: bool = False  #: the schedule has ended: what still unwinds has no effect any more
    mended: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    on_fell: Callable[[SimProcess], None] = lambda _: None  #: kills a process

    async def act(self, name: str, number: int, step: int, idem_key: str) -> str:
        """Have an effect some moments from now, whatever becomes of the caller; give its result."""
        process, result = current_process(), said(name, number, step)
        away_s, decided = self.away_s(), self.decided()

        def effect() -> None:
            if self.is_over:
                return
            act = Act(self.loop.time(), process, name, number, step, idem_key, decided)
            self.acts.append(act)
            self.known.setdefault(idem_key, result)

        self.loop.in_world(min(away_s, WAY_S_MAX), effect)
        await self.loop.pause(away_s)
        return result

    def open_up(self, number: int, step: int) -> None:
        """Raise ConnectionError the first times that somebody knocks; some open at once."""
        came = sum(act.tool == "knock" and act.number == number for act in self.acts)
        if came <= (number + step) % (AWAY_COUNT_MAX + 1):
            raise ConnectionError("nobody is there")

    def stand(self, number: int, step: int) -> None:
        """Raise RuntimeError until a person has mended what is broken."""
        if (number, step) not in self.mended:
            raise RuntimeError("it is broken")

    async def fall(self) -> None:
        """Kill the process that runs this."""
        self.on_fell(current_process())
        await self.loop.pause(0.0)  # Whoever was killed comes no further.

    def happened(self, number: int, step: int) -> bool:
        """Say whether a step of an order has had its effect."""
        return any(act.number == number and act.step == step for act in self.acts)

    def enter(self, mailbox: str) -> None:
        """A handler begins whose order has waited there."""
        place = (current_process(), mailbox)
        self.running[place] = self.running.get(place, 0) + 1
        if self.running[place] > 1:
            self.problems.append(f"two handlers of {mailbox} run side by side in {place[0].name}")

    def leave(self, mailbox: str) -> None:
        """It has ended."""
        self.running[current_process(), mailbox] -= 1


@dataclass(slots=True)
class Stage:
    """Where the team plays now: its tools know nothing else."""

    receivers: Receivers | None = None

    @property
    def now(self) -> Receivers:
        """The receivers of the schedule that runs."""
        assert self.receivers is not None
        return self.receivers


STAGE = Stage()


def said(name: str, number: int, step: int) -> str:
    """What a step answers, always the same."""
    return f"{name}{number}.{step}"


@tool(effect=Effect.PURE, reach=Reach.TENANT)
async def think(number: int, step: int) -> str:
    """Work something out."""
    return await STAGE.now.act("think", number, step, f"think/{number}/{step}")


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(number: int, step: int) -> str:
    """Look something up."""
    return await STAGE.now.act("look", number, step, f"look/{number}/{step}")


@tool(effect=Effect.PAID, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def rent(ctx: ToolContext, number: int, step: int) -> str:
    """Rent something for money."""
    return await STAGE.now.act("rent", number, step, ctx.idem_key)


@tool(effect=Idempotent(ttl_s=3600), reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def book(ctx: ToolContext, number: int, step: int) -> str:
    """Book at somebody who honours the key."""
    return await STAGE.now.act("book", number, step, ctx.idem_key)


async def ask_receiver(key: str) -> str | None:
    """Give what the receiver knows under a key."""
    await STAGE.now.loop.pause(STAGE.now.away_s())
    return STAGE.now.known.get(key)


@tool(
    effect=Queryable(reconcile=ask_receiver, settle_s=SETTLE_S),
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
)
async def order(ctx: ToolContext, number: int, step: int) -> str:
    """Order at somebody who can be asked."""
    return await STAGE.now.act("order", number, step, ctx.idem_key)


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(number: int, step: int) -> str:
    """Pay, which nobody can take back."""
    return await STAGE.now.act("pay", number, step, f"pay/{number}/{step}")


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def knock(number: int, step: int) -> str:
    """Look something up at somebody who is away at first."""
    answer = await STAGE.now.act("knock", number, step, f"knock/{number}/{step}")
    STAGE.now.open_up(number, step)
    return answer


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def stumble(number: int, step: int) -> str:
    """Look something up where everybody fails until a person has mended it."""
    answer = await STAGE.now.act("stumble", number, step, f"stumble/{number}/{step}")
    STAGE.now.stand(number, step)
    return answer


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def fell(number: int, step: int) -> str:
    """Kill whoever takes this step."""
    await STAGE.now.fall()
    return said("fell", number, step)


TOOLS = {one.name: one for one in (think, look, rent, book, order, pay, knock)}
HARD_TOOLS = {one.name: one for one in (stumble, fell)}  #: for those who are troubled
SLEEP, ASK, PERSON = "sleep", "ask", "person"  #: steps that are no tools
HOLD = "hold"  #: likewise: one whom a person has to help is asked
ASKS = frozenset({ASK, HOLD})
MENDED_STEP = 2  #: of whoever is asked so: it fails until a person has mended it


def query_of(number: int, step: int) -> Query:
    """Give the question that an order asks in a step."""
    words = list(TOOLS)
    return Query(number=number * 1000 + step, word=words[(number * 3 + step) % len(words)])


def step_of_piece(piece: Piece) -> tuple[int, int]:
    """Give the number under which a piece acts, which no order has, and its step."""
    return piece.number * 100 + piece.index, 1 + piece.is_late


def step_of_joiner(number: int, come: int) -> tuple[str, int, int]:
    """Give what a joiner takes of so many parts: a tool, and the number under which it acts."""
    return list(TOOLS)[number % len(TOOLS)], number * 100 + 90 + come, 1


def joined(parts: list[Price]) -> str:
    """What the joiner answers."""
    return " | ".join(f"{part.number}/{part.index}: {part.said}" for part in parts)


def expected(asked: Order, shape: Shape, come: Collection[int] = ()) -> str:
    """The result that an order has, however often its processes died; `come` in time."""
    text = " ".join(_answer(name, asked.number, at) for at, name in enumerate(asked.steps, start=1))
    if shape not in GATHERING:
        return f"{asked.number}: {text}"
    parts: list[Price] = []
    for piece in apart(asked, text):
        answer = said(piece.step, *step_of_piece(piece))
        words = f"{piece.said} {answer}"
        parts.append(Price(number=piece.number, index=piece.index, said=words))
    if shape is Shape.APART or not parts:
        return joined(parts)
    in_time = [part for part in parts if part.index in come]
    return f"{joined(in_time)} | {said(*step_of_joiner(asked.number, len(in_time)))}"


def _answer(name: str, number: int, step: int) -> str:
    if name not in ASKS:
        return said(name, number, step)
    query = query_of(number, step)
    return said(query.word, query.number, 1)


def apart(asked: Order, text: str) -> list[Piece]:
    """Give the pieces into which an order falls, and what it has said by then."""
    return [
        Piece(
            number=asked.number,
            index=index,
            said=text,
            step=step,
            is_late=index in asked.late,
        )
        for index, step in enumerate(asked.pieces)
    ]
