"""Reads every topic of a namespace twice while a run goes on, so that compaction eats no evidence.

One reader sees committed records, the other aborted and undecided ones as well. Between the two it
notes where each partition is stable and where it ends. Guarantees: after `finish` the folder holds
every record below the ends that were asked for then, and the offsets of every group as of then. A
broker that does not answer is waited for.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

import structlog

from handrail.bus.port import Bus, Tail
from handrail.chaos.folder import (
    COMMITTED_FILE,
    OFFSETS_FILE,
    UNCOMMITTED_FILE,
    WATERMARKS_FILE,
    line_of,
    record_line,
)
from handrail.chaos.history import AgentFacts, GroupOffset, Watermark
from handrail.errors import BrokerUnreachable
from handrail.wire.record import TopicPartition

log = structlog.get_logger("handrail.chaos")

T = TypeVar("T")

POLL_S = 0.2
WATERMARK_EVERY_S = 0.5
AGAIN_S = 0.5
FINISH_S_MAX = 120.0


class EndingTail(Tail, Protocol):
    """A tail that can say where its partitions end."""

    async def ends(self) -> Mapping[TopicPartition, int]:
        """Last stable offsets, or high watermarks for one that reads undecided records."""
        ...


class TwiceReadable(Bus, Protocol):
    """A bus that can also be read with the records that are not committed."""

    async def tail(self, positions: Mapping[TopicPartition, int]) -> EndingTail:
        """Read committed records of these partitions from these offsets on."""
        ...

    async def tail_with_undecided(self, positions: Mapping[TopicPartition, int]) -> EndingTail:
        """Read these partitions from these offsets on, aborted and open records included."""
        ...


class Recorder:
    """Records one namespace into one folder, from `begin` to `finish`."""

    def __init__(self, bus: TwiceReadable, namespace: str, folder: Path) -> None:
        """Nothing is read yet. The topics have to be there when it begins."""
        self._bus = bus
        self._namespace = namespace
        self._files = {
            name: (folder / name).open("ab", buffering=0)
            for name in (COMMITTED_FILE, UNCOMMITTED_FILE, WATERMARKS_FILE, OFFSETS_FILE)
        }
        self._begins: dict[TopicPartition, int] = {}
        self._tails: dict[str, EndingTail] = {}
        self._read: dict[str, dict[TopicPartition, int]] = {}  #: up to where it is in the file
        self._moved = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Start to read from the first record on."""
        for topic in sorted(await self._bus.admin.topics()):
            if topic.startswith(f"{self._namespace}."):
                for partition, (begin, _) in (await self._bus.admin.offsets(topic)).items():
                    self._begins[TopicPartition(topic, partition)] = begin
        self._tails = {
            COMMITTED_FILE: await self._bus.tail(self._begins),
            UNCOMMITTED_FILE: await self._bus.tail_with_undecided(self._begins),
        }
        self._read = {name: dict(self._begins) for name in self._tails}
        self._tasks = [
            asyncio.create_task(self._follow(name), name=f"recorder {name}") for name in self._tails
        ]
        self._tasks.append(asyncio.create_task(self._watch(), name="recorder of watermarks"))

    async def finish(self, agents: Sequence[AgentFacts]) -> None:
        """Read on to where the topics end now, note the groups' offsets, and stop.

        Raises BrokerUnreachable when the ends are not reached within two minutes.
        """
        try:
            async with asyncio.timeout(FINISH_S_MAX):
                await asyncio.gather(*(self._until_end(name) for name in self._tails))
                await self._note_watermarks()
                await self._note_offsets(agents)
        except TimeoutError as error:
            reason = f"the ends of the topics were not reached within {FINISH_S_MAX:g} s"
            raise BrokerUnreachable(bootstrap="the broker", reason=reason) from error
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop reading; what was read is in the files."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        tails, self._tails = self._tails, {}
        for tail in tails.values():
            await tail.close()
        for file in self._files.values():
            file.close()

    # ---- inside

    async def _follow(self, name: str) -> None:
        tail, file = self._tails[name], self._files[name]
        while True:
            records = await _patiently(lambda: tail.poll(timeout_s=POLL_S))
            seen_ms = _now_ms()
            _append(file, (record_line(record, seen_ms) for record in records))
            async with self._moved:
                self._read[name] = {where: tail.position(where) for where in self._begins}
                self._moved.notify_all()

    async def _until_end(self, name: str) -> None:
        # Also of what is committed: a part of a transaction may be there, another be hidden behind
        # one of a process that was killed, which the broker aborts in its time.
        ends = await _patiently(self._tails[UNCOMMITTED_FILE].ends)
        async with self._moved:
            await self._moved.wait_for(
                lambda: all(self._read[name][where] >= end for where, end in ends.items())
            )

    async def _watch(self) -> None:
        while True:
            await _patiently(self._note_watermarks)
            await asyncio.sleep(WATERMARK_EVERY_S)

    async def _note_watermarks(self) -> None:
        # The end is asked for first: a record that is stable by then lies below what is asked next.
        ends = await self._tails[UNCOMMITTED_FILE].ends()
        stable = await self._tails[COMMITTED_FILE].ends()
        now_ms = _now_ms()
        marks = (
            Watermark(
                time_ms=now_ms,
                topic=where.topic,
                partition=where.partition,
                begin=self._begins[where],
                stable=stable[where],
                end=max(end, stable[where]),
            )
            for where, end in sorted(ends.items())
        )
        _append(self._files[WATERMARKS_FILE], map(line_of, marks))

    async def _note_offsets(self, agents: Sequence[AgentFacts]) -> None:
        for agent in agents:
            group = f"{self._namespace}.{agent.name}"
            for inbox in agent.inboxes:
                topic = f"{self._namespace}.{inbox}"
                found = await self._bus.admin.committed(group, topic)
                offsets = (
                    GroupOffset(
                        time_ms=_now_ms(),
                        group=group,
                        topic=topic,
                        partition=partition,
                        offset=one.offset,
                        metadata=one.metadata,
                    )
                    for partition, one in sorted(found.items())
                )
                _append(self._files[OFFSETS_FILE], map(line_of, offsets))


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the broker answers: it may be down because somebody wants it to be."""
    while True:
        try:
            return await ask()
        except BrokerUnreachable as error:
            log.info("the recorder waits for the broker", why=str(error))
            await asyncio.sleep(AGAIN_S)


def _append(file: BinaryIO, lines: Iterable[bytes]) -> None:
    data = b"".join(lines)
    if data:
        file.write(data)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
