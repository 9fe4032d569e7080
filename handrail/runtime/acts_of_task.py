"""Reads from the ledger what a task has done, and who has begun to take an act of it back.

Guarantees: reading ends, by the end that the ledger had when it began and by a time limit that is
told in words; marks of an act are given as of a claim only once that claim itself was read, however
long another transaction holds back what readers see.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from handrail.bus.port import Bus
from handrail.contract.failure import Refused, State
from handrail.ledger.event import Event
from handrail.ledger.event_record import LEDGER, UnknownEvent, as_bytes, decode
from handrail.ledger.taking_back import Done, DoneByTask, Marks
from handrail.ledger.task_state import TaskFacts, fold
from handrail.ledger.undo_event import UndoBegun, UndoEvent
from handrail.runtime.acts_packed import ActsRead, Pace
from handrail.wire.record import Record, TopicPartition

READ_S_MAX: Final = 60.0  #: for all events since a task was submitted
LOOK_S_MAX: Final = 20.0  #: for what was written since; no transaction lasts longer than 10 s
POLL_S: Final = 1.0
EARLIER_MS: Final = 3_600_000  #: clocks of two machines may differ by this much


async def read_acts(
    bus: Bus,
    namespace: str,
    task: str,
    since_ms: int | None = None,
    *,
    within_s: float = READ_S_MAX,
) -> ActsRead:
    """Read what a task has done and is not undone; `since_ms` says when it was submitted.

    Raises Refused when that takes too long, and UndoRefused for more than one undo holds.
    """
    where = await _ledger_of(bus, namespace, task)
    end = await bus.end_offset(where)
    try:
        async with asyncio.timeout(within_s):
            if since_ms is not None:
                start = await bus.offset_at(where, max(0, since_ms - EARLIER_MS))
                found, facts = await _read(bus, where, task, (start, end))
                if facts is not None and not facts.start_unknown:
                    return _acts(found, facts, end)
                # The clocks differ by more, or nobody knows such a task: all of it is read.
            begin = await bus.begin_offset(where)
            return _acts(*await _read(bus, where, task, (begin, end)), end)
    except TimeoutError as error:
        detail = f"the events of task {task} could not be read within {within_s:g} s"
        raise Refused(State.DEPENDENCY_UNAVAILABLE, detail) from error


class MarksOf:
    """Follows where the taking back of one act stands, from where its task's acts were read."""

    def __init__(
        self,
        bus: Bus,
        namespace: str,
        task: str,
        act: Done,
        read_to: int,
        *,
        within_s: float = LOOK_S_MAX,
    ) -> None:
        """Know what was read so far."""
        self._within_s = within_s
        self._bus, self._namespace, self._task, self._act = bus, namespace, task, act.act
        self._marks, self._at = act.marks, read_to
        self._begun: dict[str, int] = {}  #: the latest attempt of each claim that was read

    async def now(self) -> Marks:
        """Give what stands there by now. Raises Refused when it cannot be read in time."""
        try:
            async with asyncio.timeout(self._within_s):
                await self._read_on(await _ledger_of(self._bus, self._namespace, self._task))
        except TimeoutError as error:
            raise self._unread() from error
        return self._marks

    async def as_of(self, claim: str, attempt: int) -> Marks:
        """Give what stands there up to an attempt of a claim at least; raises Refused likewise."""
        try:
            async with asyncio.timeout(self._within_s):
                where = await _ledger_of(self._bus, self._namespace, self._task)
                await self._read_on(where)
                await self._wait_for(where, claim, attempt)
        except TimeoutError as error:
            raise self._unread() from error
        return self._marks

    async def _read_on(self, where: TopicPartition) -> None:
        """Read up to the present end; what was read stays read when the time is over before."""
        end = await self._bus.end_offset(where)
        async with aclosing(self._bus.fetch(where, self._at, end)) as records:
            async for record in records:
                self._hear(record)
                self._at = record.offset + 1
        self._at = max(self._at, end)

    async def _wait_for(self, where: TopicPartition, claim: str, attempt: int) -> None:
        """Read on until it is there: another transaction may hold back what is committed."""
        if self._begun.get(claim, 0) >= attempt:
            return
        tail = await self._bus.tail({where: self._at})
        try:
            while self._begun.get(claim, 0) < attempt:
                for record in await tail.poll(timeout_s=POLL_S):
                    self._hear(record)
                self._at = tail.position(where)
        finally:
            await tail.close()

    def _hear(self, record: Record) -> None:
        event = decode(record) if record.key == as_bytes(self._task) else None
        if not isinstance(event, UndoEvent) or event.act != self._act:
            return
        self._marks = self._marks.after(event)
        if isinstance(event, UndoBegun):
            self._begun[event.claim] = max(event.attempt, self._begun.get(event.claim, 0))

    def _unread(self) -> Refused:
        detail = f"the ledger could not be read within {self._within_s:g} s, so nothing was done"
        return Refused(State.DEPENDENCY_UNAVAILABLE, detail)


async def _ledger_of(bus: Bus, namespace: str, task: str) -> TopicPartition:
    topic = f"{namespace}.{LEDGER}"
    return TopicPartition(topic, await bus.partition_of(topic, as_bytes(task)))


async def _read(
    bus: Bus, where: TopicPartition, task: str, between: tuple[int, int]
) -> tuple[DoneByTask, TaskFacts | None]:
    done, facts = DoneByTask(task), None
    async with aclosing(_events(bus, where, task, between)) as events:
        async for event in events:
            facts = fold(facts, event)
            done.hear(event)
    return done, facts


async def _events(
    bus: Bus, where: TopicPartition, task: str, between: tuple[int, int]
) -> AsyncGenerator[Event]:
    pace, key = Pace(), as_bytes(task)
    async with aclosing(bus.fetch(where, *between)) as records:
        async for record in records:
            event = decode(record) if record.key == key else None
            if event is not None:
                await pace.done(len(record.value or b""))
            if event is not None and not isinstance(event, UnknownEvent):
                yield event


def _acts(done: DoneByTask, facts: TaskFacts | None, end: int) -> ActsRead:
    # Of a task whose first events are gone nobody can say more than that it is a year old.
    ended = facts is not None and (facts.ended or facts.start_unknown)
    return ActsRead(facts is not None, ended, end, done)
