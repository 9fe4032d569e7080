"""A cancellation that aiokafka makes of its own ends nobody's loop."""

import asyncio
from typing import Any

import pytest

from handrail.bus.kafka_tail import KafkaTail
from handrail.errors import BrokerUnreachable


class CutOff:
    """A client whose every request is cut off, as when its broker dies."""

    async def _cut_off(self, *_: object, **__: object) -> Any:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        return await future

    start = getmany = end_offsets = stop = _cut_off


async def test_a_tail_whose_requests_are_cut_off_says_that_the_broker_is_out_of_reach() -> None:
    tail = KafkaTail(CutOff(), {})

    with pytest.raises(BrokerUnreachable):
        await tail.start()
    with pytest.raises(BrokerUnreachable):
        await tail.poll(timeout_s=1.0)
    with pytest.raises(BrokerUnreachable):
        await tail.ends()
    await tail.close()
    assert tail.closed


async def test_whoever_polls_and_is_told_to_end_is_cancelled() -> None:
    class Silent(CutOff):
        async def getmany(self, **_: object) -> Any:
            await asyncio.get_running_loop().create_future()

    polling = asyncio.create_task(KafkaTail(Silent(), {}).poll(timeout_s=1.0))
    await asyncio.sleep(0)
    polling.cancel()

    with pytest.raises(asyncio.CancelledError):
        await polling
