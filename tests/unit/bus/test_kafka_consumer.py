"""What a member of a group makes of what its library does."""

import asyncio
from typing import Any

import pytest

from handrail.bus.kafka_consumer import KafkaGroupConsumer


class Cancels:
    """A consumer one of whose own futures was cancelled."""

    async def getmany(self, **_: object) -> object:
        gone: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        gone.cancel()
        return await gone


class Waits:
    """A consumer that nothing comes to."""

    async def getmany(self, **_: object) -> object:
        return await asyncio.Event().wait()


def member_of(consumer: object) -> Any:
    """Give a member that has joined through this consumer."""
    member: Any = object.__new__(KafkaGroupConsumer)
    member._consumer, member._failure, member._placeless_since_s = consumer, None, None
    return member


async def test_a_future_that_the_library_has_cancelled_ends_nobody_who_polls() -> None:
    assert await member_of(Cancels()).poll(timeout_s=20, records_max=1) == []


async def test_whoever_is_cancelled_while_polling_is() -> None:
    polling = asyncio.create_task(member_of(Waits()).poll(timeout_s=20, records_max=1))
    await asyncio.sleep(0)
    polling.cancel()

    with pytest.raises(asyncio.CancelledError):
        await polling


async def test_a_poll_that_nothing_comes_to_ends_by_its_time_out() -> None:
    assert await member_of(Waits()).poll(timeout_s=0.01, records_max=1) == []
