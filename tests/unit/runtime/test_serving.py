"""What a served part says of itself."""

import asyncio

import pytest

from handrail.bus.stray import stray_cancellations_told
from handrail.errors import BrokerUnreachable
from handrail.runtime.serving import ServedWriter
from tests.promises.ground import Ground
from tests.promises.registrar import prepared, read_to_the_end, running
from tests.unit.ledger.told import Story
from tests.waiting import until


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()


async def test_a_writer_says_how_many_records_it_has_taken(ground: Ground) -> None:
    story = Story("a")
    async with ground.bus() as bus:
        await prepared(ground, bus)
        async with running(bus, ground) as writer:
            assert ServedWriter(writer).standing().handled == 0
            await ground.tell(bus, story.accepted(), story.finished("s1", "h1@q"))
            await until(lambda: read_to_the_end(ground, bus))
            await until(lambda: ServedWriter(writer).standing().handled == 2)

            assert ServedWriter(writer).standing().in_hand == 0


async def test_records_whose_transaction_is_not_decided_are_in_hand(ground: Ground) -> None:
    story = Story("a")
    async with ground.bus() as bus:
        await prepared(ground, bus)
        async with running(bus, ground) as writer:
            seen: list[tuple[int, int]] = []

            async def watch() -> None:
                while not seen or seen[-1] != (1, 0):
                    standing = ServedWriter(writer).standing()
                    seen.append((standing.handled, standing.in_hand))
                    await asyncio.sleep(0)

            watching = asyncio.create_task(watch())
            await ground.tell(bus, story.accepted())
            await asyncio.wait_for(watching, 10)

        assert list(dict.fromkeys(seen)) == [(0, 0), (0, 1), (1, 0)]


async def test_a_cancellation_that_nobody_asked_for_is_a_broker_out_of_reach() -> None:
    cut_off = asyncio.get_running_loop().create_future()
    cut_off.cancel()  # as aiokafka does with its own when the broker dies

    told = pytest.raises(BrokerUnreachable, match="Cannot reach Kafka at here:1")
    with told, stray_cancellations_told("here:1"):
        await cut_off


async def test_whoever_is_told_to_end_ends_without_a_word_about_the_broker() -> None:
    async def serving() -> None:
        with stray_cancellations_told("here:1"):
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(serving())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
