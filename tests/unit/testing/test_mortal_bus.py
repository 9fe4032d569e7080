"""A connection that was killed writes nothing more, whoever still tries to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import Ahead, TopicSpec, Written
from handrail.testing.clock import VirtualClock
from handrail.testing.mortal_bus import Life, MortalProducer, MortalSender
from handrail.wire.record import Outgoing, TopicPartition

RECORD = Outgoing("words", b"k", b"v", (), 0)
PLACE = TopicPartition("words", 0)

Write = Callable[[MortalProducer, MortalSender], Awaitable[object]]
WRITES: dict[str, Write] = {
    "a send": lambda _, sender: sender.send(RECORD),
    "a transaction": lambda producer, _: producer.commit([RECORD]),
    "a transaction of two sends": lambda producer, _: producer.commit_ahead(
        Ahead([RECORD], lambda _: [RECORD])
    ),
    "a fence": lambda producer, _: producer.init(deadline_s=1),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_nothing_is_written_once_it_was_killed_and_no_call_returns(write: Write) -> None:
    bus = InProcessBus(InProcessBroker(VirtualClock(0).now_ms))
    await bus.admin.create([TopicSpec("words", 1)])
    life = Life()
    producer, sender = (
        MortalProducer(bus.lane_producer("p"), life),
        MortalSender(bus.sender(), life),
    )
    await producer.init(deadline_s=1)
    await write(producer, sender)
    before = await bus.end_offset(PLACE)

    life.is_over = True
    late = asyncio.ensure_future(write(producer, sender))
    await asyncio.wait({late}, timeout=0.02)

    assert not late.done()
    assert await bus.end_offset(PLACE) == before
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)


async def test_who_is_killed_within_a_transaction_leaves_it_open_and_a_successor_undoes_it() -> (
    None
):
    bus = InProcessBus(InProcessBroker(VirtualClock(0).now_ms))
    await bus.admin.create([TopicSpec("words", 1)])
    life = Life()
    producer = MortalProducer(bus.lane_producer("p"), life)
    await producer.init(deadline_s=1)

    def killed(_: Sequence[Written]) -> Sequence[Outgoing]:
        life.is_over = True
        return ()

    late = asyncio.ensure_future(producer.commit_ahead(Ahead([RECORD], killed)))
    await asyncio.wait({late}, timeout=0.02)
    assert not late.done()
    assert await bus.end_offset(PLACE) == 0, "it is open: nothing can be read past it"
    await bus.lane_producer("p").init(deadline_s=1)

    assert (end := await bus.end_offset(PLACE)) > 0
    assert [record async for record in bus.fetch(PLACE, 0, end)] == []
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
