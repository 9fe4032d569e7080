"""How a dead letter is found, with a bus that counts who reads."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.redriving import Redriving
from handrail.wire.claim import Claim
from handrail.wire.dead_letter import DeadLetter
from handrail.wire.record import Outgoing, Record, TopicPartition
from handrail.wire.settling import Settle
from tests.unit.wire.test_dead_letter import CLAIM, FAILURE, read_back

DEAD = TopicPartition("ns.payer.dead", 0)


class ClaimedError(Exception):
    """Somebody wants what lies elsewhere: it needs a reader of its own."""


class CountingBus:
    """Holds one letter, and counts how many readers are lent."""

    def __init__(self, letter: Record) -> None:
        self.letter = letter
        self.lent_count = 0
        self.lent_counts: list[int] = []  #: whenever something was claimed

    async def begin_offset(self, where: TopicPartition) -> int:
        del where
        return 0

    async def end_offset(self, where: TopicPartition) -> int:
        del where
        return self.letter.offset + 1

    async def fetch(self, where: TopicPartition, start: int, end: int) -> AsyncGenerator[Record]:
        del where, start, end
        self.lent_count += 1
        try:
            yield self.letter
        finally:
            self.lent_count -= 1

    async def claimed(self, claim: Claim) -> bytes:
        del claim
        self.lent_counts.append(self.lent_count)
        raise ClaimedError


def told_to_nobody(told: Outgoing) -> None:
    del told


async def test_what_a_letter_claims_is_read_once_its_reader_is_given_back() -> None:
    """Readers of Kafka are few: lanes that each hold the last one would wait for ever."""
    died = Record("ns.bills", 0, 7, 0, b"key", b"{}", ())
    sent = DeadLetter.of(died, replace(FAILURE, journal=CLAIM)).outgoing(DEAD.topic)
    bus = CountingBus(read_back(sent))
    ground = SimpleNamespace(
        worker=SimpleNamespace(bus=bus),
        place=SimpleNamespace(dead=DEAD),
        lane=SimpleNamespace(),
        packer=bus,
    )
    redriving = Redriving(cast("LaneGround", ground), told_to_nobody)

    with pytest.raises(ClaimedError):
        await redriving.find(Settle(dead=5, by="ann", task="t", tenant="default"))

    assert bus.lent_counts == [0]
