"""Whose transaction begins when a process has several to commit."""

import asyncio

from handrail.runtime.worker.traffic import WAIT_S_MAX, Traffic
from tests.waiting import until


class Lanes:
    """Takes turns, and keeps each one until told."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.begun: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._over: dict[str, asyncio.Event] = {}

    def begin(self, name: str) -> None:
        self._over[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._commit(name), name=name)

    def let_end(self, *names: str) -> None:
        for name in names:
            self._over[name].set()

    async def end(self, *names: str) -> None:
        self.let_end(*names)
        await asyncio.gather(*(self.tasks[name] for name in names))

    async def _commit(self, name: str) -> None:
        async with self.traffic.turn():
            self.begun.append(name)
            await self._over[name].wait()


async def slow(traffic: Traffic) -> Traffic:
    """Have it seen transactions that take long, so that nobody's patience ends in a test."""
    clock = asyncio.get_running_loop().time
    began_s = clock()
    async with traffic.turn():
        await until(lambda: clock() > began_s + 0.5)
    return traffic


async def test_nobody_waits_while_few_are_under_way() -> None:
    lanes = Lanes(Traffic(2))

    lanes.begin("a")
    lanes.begin("b")
    await asyncio.sleep(0)

    assert lanes.begun == ["a", "b"]
    await lanes.end("a", "b")
    assert lanes.traffic.under_way_count == 0


async def test_turns_are_given_one_for_one_in_the_order_of_asking() -> None:
    lanes = Lanes(await slow(Traffic(2)))
    for name in "abcde":
        lanes.begin(name)
    await asyncio.sleep(0)
    at_first = [*lanes.begun]

    await lanes.end("b")
    await asyncio.sleep(0)
    then = [*lanes.begun]

    await lanes.end(*"acde")
    assert at_first == ["a", "b"]
    assert then == ["a", "b", "c"]
    assert lanes.begun == ["a", "b", "c", "d", "e"]
    assert lanes.traffic.under_way_count == 0


async def test_a_transaction_that_hangs_holds_the_others_up_for_a_moment_only() -> None:
    lanes = Lanes(Traffic(1))
    lanes.begin("hangs")
    lanes.begin("waits")

    await until(lambda: "waits" in lanes.begun)

    await lanes.end("hangs", "waits")
    assert lanes.traffic.under_way_count == 0


async def test_the_turn_of_a_lane_that_is_closed_goes_to_the_next_one() -> None:
    lanes = Lanes(await slow(Traffic(1)))
    for name in ("runs", "closed", "next"):
        lanes.begin(name)
    await asyncio.sleep(0)

    lanes.let_end("runs")
    await asyncio.sleep(0)  # its turn is given on to "closed", which has not gone on yet
    lanes.tasks["closed"].cancel()
    await asyncio.wait({lanes.tasks["closed"]})
    await asyncio.sleep(0)

    assert lanes.begun == ["runs", "next"]
    await lanes.end("next")
    assert lanes.traffic.under_way_count == 0


async def test_who_has_waited_long_enough_waits_no_longer_however_slow_the_broker_is() -> None:
    lanes = Lanes(Traffic(1))
    for number in range(9):
        lanes.begin(str(number))

    await until(lambda: len(lanes.begun) == 9)

    assert lanes.traffic.waiting_count == 0
    assert lanes.traffic.under_way_count == 9
    await lanes.end(*lanes.begun)
    assert lanes.traffic.under_way_count == 0


async def test_a_lane_closed_as_its_patience_ends_gives_back_no_turn_that_it_never_had() -> None:
    lanes = Lanes(await slow(Traffic(1)))
    loop = asyncio.get_running_loop()
    lanes.begin("runs")
    lanes.begin("closed")
    await asyncio.sleep(0)
    patience_over = loop.time() + WAIT_S_MAX
    closing: asyncio.Future[None] = loop.create_future()

    def close() -> None:
        lanes.tasks["closed"].cancel()
        closing.set_result(None)

    # Due later than the alarm, and held up until both are due: one turn of the loop has both.
    loop.call_at(patience_over + 0.01, close)
    while loop.time() < patience_over + 0.02:
        pass
    await closing
    await asyncio.wait({lanes.tasks["closed"]})

    assert lanes.begun == ["runs"]
    assert lanes.traffic.under_way_count == 1
    assert lanes.traffic.waiting_count == 0
    await lanes.end("runs")
    assert lanes.traffic.under_way_count == 0
