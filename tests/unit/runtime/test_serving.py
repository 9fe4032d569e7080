"""What a served part says of itself."""

import asyncio

import pytest

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
