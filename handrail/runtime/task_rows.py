"""Follows the registrar's rows of single tasks for those who wait for them.

A row says everything about its task, so only the newest one counts. All who wait for tasks of one
partition share one reader, which runs only while somebody waits; what lies between the place from
which a waiter has to know and the place where the reader stands is read once, for that waiter.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from handrail.bus.port import Bus, Tail
from handrail.errors import HandrailError
from handrail.wire.record import Record, TopicPartition

POLL_S = 1.0


class Follower:
    """The newest row of one task, as far as it has been read."""

    def __init__(self, key: bytes) -> None:
        """Know nothing yet."""
        self.key = key
        self.newest: Record | None = None
        self._trouble: HandrailError | None = None
        self._changed = asyncio.Event()

    def take(self, record: Record) -> None:
        """Take a row, unless a newer one is known; a deleted row says nothing."""
        if record.value is None or record.key != self.key:
            return
        if self.newest is None or record.offset > self.newest.offset:
            self.newest = record
            self._changed.set()

    def fail(self, error: HandrailError) -> None:
        """Tell the waiter why nothing more will come."""
        self._trouble = error
        self._changed.set()

    async def next(self) -> Record:
        """Wait for a row that was not given yet. Raises what ended the reader."""
        await self._changed.wait()
        self._changed.clear()
        if self._trouble is not None:
            raise self._trouble
        assert self.newest is not None
        return self.newest


class RowReader:
    """Reads one partition of `ns.tasks` for everybody who waits for one of its tasks."""

    def __init__(self, bus: Bus, where: TopicPartition) -> None:
        """Read nothing yet."""
        self._bus = bus
        self._where = where
        self._followers: set[Follower] = set()
        self._position = 0  #: everything below it was handed to the followers
        self._reading: asyncio.Task[None] | None = None

    async def newest(self, key: bytes, start: int) -> tuple[Record | None, int]:
        """Give the newest row at or above an offset, and the offset below which was read."""
        first = max(start, await self._bus.begin_offset(self._where))
        end = await self._bus.end_offset(self._where)
        found = Follower(key)
        async for record in self._bus.fetch(self._where, first, end):
            found.take(record)
        return found.newest, max(first, end)

    @asynccontextmanager
    async def follow(self, key: bytes, start: int) -> AsyncGenerator[Follower]:
        """Hand over every row of a task from an offset on, until the body ends."""
        follower = Follower(key)
        if self._reading is None or self._reading.done():
            self._position = start
            name = f"rows {self._where.topic}[{self._where.partition}]"
            self._reading = asyncio.create_task(self._read(), name=name)
        passed = self._position
        self._followers.add(follower)
        try:
            if start < passed:
                begin = max(start, await self._bus.begin_offset(self._where))
                async for record in self._bus.fetch(self._where, begin, passed):
                    follower.take(record)
            yield follower
        finally:
            self._followers.discard(follower)
            if not self._followers:
                await self.close()

    async def close(self) -> None:
        """Stop reading."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        tail: Tail | None = None
        try:
            tail = await self._bus.tail({self._where: self._position})
            while True:
                records = await tail.poll(timeout_s=POLL_S)
                for record in records:
                    for follower in self._followers:
                        follower.take(record)
                if records:
                    self._position = records[-1].offset + 1
        except HandrailError as error:
            for follower in self._followers:
                follower.fail(error)
        finally:
            if tail is not None:
                await tail.close()
