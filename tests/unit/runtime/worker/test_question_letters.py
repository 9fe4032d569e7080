"""The dead letters of questions, on a bus that fails in the middle of a topic."""

import gc
from collections.abc import AsyncGenerator
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from handrail.errors import BrokerUnreachable
from handrail.lane.redrives import Redrives
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.question_letters import REPLY_TO, OwnLetter, QuestionLetters
from handrail.wire import codec
from handrail.wire.dead_letter import DeadLetter
from handrail.wire.record import Record, TopicPartition
from tests.unit.wire.envelopes import SAMPLE, record
from tests.unit.wire.test_dead_letter import FAILURE, read_back

DEAD = TopicPartition("ns.payer.dead", 0)


def letter(offset: int, invocation: str) -> Record:
    """A letter of a question."""
    headers = (*codec.encode_headers(SAMPLE), (REPLY_TO, b"ns.asker.answers/0"))
    failure = replace(FAILURE, invocation=invocation)
    sent = DeadLetter.of(record(headers, b"{}"), failure).outgoing(DEAD.topic)
    return replace(read_back(sent), offset=offset)


class BreakingBus:
    """Gives the records of one partition; breaks off before that many of them, once."""

    def __init__(self, records: list[Record], breaks_before: int | None = None) -> None:
        self.records = records
        self.breaks_before = breaks_before
        self.kept_count = 0  #: how many letters a fetch has left in memory

    async def begin_offset(self, where: TopicPartition) -> int:
        del where
        return 0

    async def end_offset(self, where: TopicPartition) -> int:
        del where
        return len(self.records)

    async def fetch(self, where: TopicPartition, start: int, end: int) -> AsyncGenerator[Record]:
        del where
        gc.collect()  # others may have left theirs
        before_count = letters_in_memory()
        for one in self.records[start:end]:
            if one.offset == self.breaks_before:
                self.breaks_before = None
                raise BrokerUnreachable(bootstrap="here", reason="it is gone")
            yield one
        self.kept_count = letters_in_memory() - before_count


def letters_in_memory() -> int:
    return sum(isinstance(one, OwnLetter) for one in gc.get_objects())


def ground_on(bus: "BreakingBus") -> LaneGround:
    ground = SimpleNamespace(
        worker=SimpleNamespace(bus=bus),
        place=SimpleNamespace(dead=DEAD),
        lane=SimpleNamespace(redrives=Redrives()),
    )
    return cast("LaneGround", ground)


async def test_what_is_read_after_the_broker_was_gone_is_there_once() -> None:
    bus = BreakingBus([letter(0, "q"), letter(1, "other"), letter(2, "q")], breaks_before=2)
    letters = QuestionLetters(ground_on(bus))

    with pytest.raises(BrokerUnreachable):
        await letters.open("q")
    found = await letters.open("q")
    bus.records.append(letter(3, "q"))
    later = await letters.open("q")

    assert found == [OwnLetter(has_recorded=False, dead=0), OwnLetter(has_recorded=False, dead=2)]
    assert [one.dead for one in later] == [0, 2, 3]


async def test_more_letters_than_are_kept_are_never_all_in_memory_and_each_is_found() -> None:
    bus = BreakingBus([letter(n, f"q{n}") for n in range(40)])
    letters = QuestionLetters(ground_on(bus), count_max=5)

    for n in (39, 0, 20):
        assert [one.dead for one in await letters.open(f"q{n}")] == [n]
        assert bus.kept_count < 20
