"""How the answers of a lane are read."""

from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

from handrail.runtime.worker.answering import BATCH_COUNT, UNSETTLED_COUNT_MAX, Answering
from handrail.wire.answer import REPLY_TYPE
from handrail.wire.record import Record, TopicPartition

WHERE = TopicPartition("ns.a.answers", 0)


def answer(offset: int, kind: str = "known") -> Record:
    return Record(*WHERE, offset, 0, None, b"", (("ce_type", kind.encode()),))


class OneReader:
    """A connection with one reader to lend."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.lent = 0

    async def end_offset(self, where: TopicPartition) -> int:
        assert where == WHERE
        return self.count + 1  # with the marker of their transaction

    async def fetch(self, where: TopicPartition, start: int, end: int) -> AsyncGenerator[Record]:
        assert where == WHERE
        self.lent += 1
        try:
            for offset in range(start, min(end, self.count)):
                yield answer(offset)
        finally:
            self.lent -= 1


def answering(bus: OneReader) -> Any:
    lane = SimpleNamespace(answers=0)
    ground: Any = SimpleNamespace(
        lane=lane, place=SimpleNamespace(answers=WHERE), worker=SimpleNamespace(bus=bus)
    )
    return Answering(ground, {})


async def test_an_answer_is_taken_in_while_no_reader_is_held_for_the_next_ones() -> None:
    for count in (0, 1, BATCH_COUNT, 2 * BATCH_COUNT + 7):
        bus = OneReader(count)
        taken: list[int] = []

        async def take(record: Record, bus: OneReader = bus, taken: list[int] = taken) -> bool:
            assert not bus.lent, "what is taken in may have to be looked up"
            taken.append(record.offset)
            return True

        one = answering(bus)
        one._takers = {"known": take}
        await one.look()

        assert taken == [*range(count)]
        assert one.next == count + 1


async def full() -> tuple[Any, OneReader, set[int], list[int]]:
    """Give one for which as many as may are too early; those offsets, and what it takes in."""
    early = set(range(UNSETTLED_COUNT_MAX))
    bus, taken = OneReader(UNSETTLED_COUNT_MAX), list[int]()

    async def take(record: Record) -> bool:
        if record.offset not in early:
            taken.append(record.offset)
        return record.offset not in early

    one = answering(bus)
    one._takers = {"known": take, REPLY_TYPE: take}
    await one.look()
    return one, bus, early, taken


async def test_a_reply_that_is_heard_behind_what_had_no_room_does_not_pass_over_it() -> None:
    one, bus, early, taken = await full()
    decision, reply = answer(bus.count + 1), answer(bus.count + 2, REPLY_TYPE)
    bus.count += 3
    await one.take_in([decision])  # as many as may are too early by now
    await one.take_in([reply])
    early.clear()
    await one.look()

    assert decision.offset in taken
    assert reply.offset in taken


async def test_a_reply_that_is_heard_together_with_what_has_no_room_is_taken_in() -> None:
    one, bus, _, taken = await full()
    decision, reply = answer(bus.count + 1), answer(bus.count + 2, REPLY_TYPE)

    await one.take_in([decision, reply])

    assert taken == [reply.offset]
