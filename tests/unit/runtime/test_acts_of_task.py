"""How the acts of a task, and the claims on them, are read from the ledger."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, cast

import pytest

from handrail.bus.port import Bus
from handrail.contract.failure import Refused
from handrail.ledger.event import Accepted, Event
from handrail.ledger.event_record import encode
from handrail.ledger.taking_back import left_of
from handrail.ledger.undo_event import ActDone, UndoBegun
from handrail.runtime.acts_of_task import MarksOf, read_acts
from handrail.wire.record import Record, TopicPartition

SAID: dict[str, Any] = {"task_id": "t", "tenant": "default", "time_ms": 0}
LANE: dict[str, Any] = {
    "agent": "a",
    "agent_version": "1",
    "process": "p",
    "topic": "jobs",
    "partition": 0,
    "offset": 0,
}
NAMED = {"agent": "a", "tool": "book", "text": "book()", "undo": "unbook"}
DONE = ActDone(**SAID, act="i/0/1", arguments="{}", result="null", **NAMED)  # type: ignore[arg-type]
BEGUN = UndoBegun(**SAID, act="i/0/1", undo_task="u", claim="u/0/2", effect="unsafe")


class Ledger:
    """A ledger whose readers see only so much, as while another transaction is open."""

    def __init__(self, *events: Event, stable: int | None = None) -> None:
        self.records = [
            Record("n.ledger", 0, at, 0, out.key, out.value, out.headers)
            for at, out in enumerate(encode(event, "n.ledger") for event in events)
        ]
        self.stable = len(self.records) if stable is None else stable
        self.silent, self.tails = False, 0
        self.stuck_at: int | None = None
        self.begun_at: list[int] = []
        self._read_to = 0

    async def partition_of(self, topic: str, key: bytes) -> int:
        return 0

    async def begin_offset(self, where: TopicPartition) -> int:
        return 0

    async def end_offset(self, where: TopicPartition) -> int:
        return self.stable

    async def offset_at(self, where: TopicPartition, timestamp_ms: int) -> int:
        return min(1, len(self.records))

    async def fetch(self, where: TopicPartition, start: int, end: int) -> AsyncGenerator[Record]:
        self.begun_at.append(start)
        if self.silent:
            await asyncio.Event().wait()
        for record in self.records[start:end]:
            if record.offset == self.stuck_at:
                await asyncio.Event().wait()
            yield record

    async def tail(self, positions: Mapping[TopicPartition, int]) -> "Ledger":
        ((_, self._read_to),) = positions.items()
        return self

    async def poll(self, *, timeout_s: float, records_max: int = 500) -> Sequence[Record]:
        self.tails += 1
        if self.silent:
            await asyncio.Event().wait()
        self.stable = len(self.records)  # the other transaction has ended
        found, self._read_to = self.records[self._read_to :], len(self.records)
        return found

    def position(self, where: TopicPartition) -> int:
        return self._read_to

    async def close(self) -> None:
        """Nothing is held."""


def as_bus(ledger: Ledger) -> Bus:
    return cast("Bus", ledger)


async def test_a_claim_is_judged_only_once_it_was_read_itself() -> None:
    ledger = Ledger(DONE, BEGUN, stable=1)
    (act,) = left_of("t", [DONE])

    marks = await MarksOf(as_bus(ledger), "n", "t", act, 1).as_of("u/0/2", 1)

    assert ([one.claim for one in marks.claims], ledger.tails) == (["u/0/2"], 1)


async def test_a_ledger_that_cannot_be_read_ends_in_words_and_not_in_waiting() -> None:
    ledger = Ledger(DONE, BEGUN)
    ledger.silent = True
    (act,) = left_of("t", [DONE])
    reader = MarksOf(as_bus(ledger), "n", "t", act, 0, within_s=0.02)

    with pytest.raises(Refused, match="so nothing was done"):
        await reader.as_of("u/0/2", 1)
    with pytest.raises(Refused, match="could not be read within"):
        await reader.now()
    with pytest.raises(Refused, match="the events of task t could not be read within"):
        await read_acts(as_bus(ledger), "n", "t", within_s=0.02)


async def test_what_was_read_before_the_time_was_over_is_not_read_again() -> None:
    other = Accepted(**{**SAID, "task_id": "o"}, **LANE, ce_id="o")
    ledger = Ledger(DONE, BEGUN, other, other)
    (act,) = left_of("t", [DONE])
    reader = MarksOf(as_bus(ledger), "n", "t", act, 1, within_s=0.02)
    ledger.stuck_at = 3

    with pytest.raises(Refused, match="could not be read within"):
        await reader.as_of("u/0/2", 1)
    ledger.stuck_at = None

    assert [one.claim for one in (await reader.as_of("u/0/2", 1)).claims] == ["u/0/2"]
    assert (ledger.begun_at, ledger.tails) == ([1, 3], 0)


async def test_only_what_was_written_since_the_task_was_submitted_is_read() -> None:
    other = Accepted(**{**SAID, "task_id": "o"}, **LANE, ce_id="o")
    ledger = Ledger(other, Accepted(**SAID, **LANE, ce_id="c"), DONE)

    found = await read_acts(as_bus(ledger), "n", "t", since_ms=5)

    assert ([one.act for one in await found.left()], ledger.begun_at) == (["i/0/1"], [1])


async def test_where_the_time_of_submission_misses_the_task_all_of_the_ledger_is_read() -> None:
    ledger = Ledger(Accepted(**SAID, **LANE, ce_id="c"), DONE)

    found = await read_acts(as_bus(ledger), "n", "t", since_ms=5)

    assert ([one.act for one in await found.left()], ledger.begun_at) == (["i/0/1"], [1, 0])
    assert (found.known, found.ended, found.read_to) == (True, False, 2)
