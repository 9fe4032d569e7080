"""How the lanes of one process take turns, with lanes that only count."""

import asyncio
from dataclasses import dataclass, field

from handrail.lane.weighing import HIGH_FOR_EACH_NORMAL
from handrail.runtime.worker.turns import STARTS_AT_ONCE, Turns
from handrail.wire.priority import Priority


@dataclass(eq=False)
class CountingLane:
    """A lane with so much work and so many places."""

    name: str
    priority: Priority
    work: int
    log: list[str]
    places: int = 1_000
    handlers_count: int = field(default=0)

    @property
    def waits_for_turn(self) -> bool:
        return self.work > 0

    @property
    def has_place(self) -> bool:
        return self.handlers_count < self.places

    def start_one(self) -> bool:
        if not self.work or not self.has_place:
            return False
        self.work -= 1
        self.handlers_count += 1
        self.log.append(self.name)
        return True


async def turn_of_the_loop(times: int = 1) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def test_a_backlog_that_asked_first_is_passed_by_from_the_next_turn_on() -> None:
    turns, log = Turns(), list[str]()
    backlog = CountingLane("normal", Priority.NORMAL, 100, log)
    urgent = CountingLane("high", Priority.HIGH, 8, log)

    turns.ask(backlog)
    await turn_of_the_loop()
    turns.ask(urgent)
    await turn_of_the_loop(2)

    assert log[:STARTS_AT_ONCE] == ["normal"] * STARTS_AT_ONCE
    cycle = [*["high"] * HIGH_FOR_EACH_NORMAL, "normal"]
    assert log[STARTS_AT_ONCE:] == cycle * 2


async def test_lanes_of_one_priority_take_turns() -> None:
    turns, log = Turns(), list[str]()
    for name in ("a", "b", "c"):
        turns.ask(CountingLane(name, Priority.HIGH, 2, log))

    await turn_of_the_loop(3)

    assert log == ["a", "b", "c", "a", "b", "c"]


async def test_what_has_no_place_is_started_once_its_lane_asks_again() -> None:
    turns, log = Turns(), list[str]()
    lane = CountingLane("high", Priority.HIGH, 2, log, places=1)
    turns.ask(lane)
    await turn_of_the_loop(2)
    assert log == ["high"]

    lane.handlers_count = 0
    turns.ask(lane)
    await turn_of_the_loop()

    assert log == ["high", "high"]


async def test_nobody_waits_for_a_lane_that_has_closed() -> None:
    turns, log = Turns(), list[str]()
    stuck = CountingLane("high", Priority.HIGH, 1, log, places=0)
    normal = CountingLane("normal", Priority.NORMAL, 3, log)
    turns.ask(stuck)
    turns.ask(normal)
    await turn_of_the_loop(2)
    assert log == []

    turns.leave(stuck)
    await turn_of_the_loop()

    assert log == ["normal"] * 3
