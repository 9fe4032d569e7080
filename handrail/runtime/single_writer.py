"""The one writer of something: task states now, memory and budgets by the same mechanism.

Several processes share the partitions of what is read through a consumer group; each partition
has one owner at a time, which fences its predecessor before it writes. Every batch is one
transaction: state, answers and how far was read together or not at all, so that nothing read is
counted twice or not at all through crash, rebalance or an undecided commit. No partition waits for
the transaction of another one.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from handrail.bus.port import Bus, GroupConsumer, Membership
from handrail.errors.transport import (
    BrokerUnreachable,
    CommitDoubtful,
    MembershipRefused,
    ProducerFenced,
    TopicAway,
)
from handrail.runtime.clock import Clock
from handrail.runtime.single_writer_partition import Book, WriterPartition, WriterPlan
from handrail.wire.record import Record, TopicPartition

log = structlog.get_logger(__name__)

BATCH_RECORDS_MAX = 500
POLL_S = 0.25
TIDY_EVERY_MS = 60_000
REOPEN_DELAY_S_MIN, REOPEN_DELAY_S_MAX = 0.1, 5.0

assert REOPEN_DELAY_S_MIN <= REOPEN_DELAY_S_MAX

_REOPENS = (ProducerFenced, CommitDoubtful, BrokerUnreachable)


async def _at_nothing() -> None:
    """Take the topics as they are."""


@dataclass(slots=True, eq=False)
class _Opening:
    """One opening of a partition, and what was read under it and is in no transaction yet."""

    waiting: list[Record] = field(default_factory=list[Record])
    worker: "asyncio.Task[None] | None" = None  #: of its batches, while there are any
    is_paused: bool = False


class SingleWriter:
    """A member of the group of one single writer. `run` works until `stop`.

    An error that reopening cannot mend ends `run` with that error: its supervisor starts the
    process again, and names it when it keeps failing.
    """

    def __init__(
        self,
        bus: Bus,
        plan: WriterPlan,
        make_book: Callable[[int], Book],
        clock: Clock,
        *,
        batch_records_max: int = BATCH_RECORDS_MAX,
        look: Callable[[], Awaitable[None]] = _at_nothing,
    ) -> None:
        """`make_book` gives an empty book for a partition number.

        Before each opening of a partition, `look` sees whether the topics are as they have to be.
        """
        self._look = look
        self._batch_records_max = batch_records_max
        self._bus = bus
        self._plan = plan
        self._make_book = make_book
        self._clock = clock
        self._stopping = asyncio.Event()
        self._polling: asyncio.Timeout | None = None  #: the poll that waits for records, if any
        self._consumer: GroupConsumer | None = None
        self._memberships: dict[TopicPartition, Membership] = {}
        self._shelf: dict[TopicPartition, WriterPartition] = {}
        self._open: dict[TopicPartition, _Opening] = {}
        self._openers: dict[TopicPartition, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._workers: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._tidied_ms = clock.now_ms()
        self._handled_count = self._in_hand_count = 0

    @property
    def handled_count(self) -> int:
        """How many records were taken in by transactions that this process saw committed."""
        return self._handled_count

    @property
    def in_hand_count(self) -> int:
        """How many records are in transactions that are not decided yet."""
        return self._in_hand_count

    @property
    def waiting_count(self) -> int:
        """How many records were read and are in no transaction yet."""
        return sum(len(opening.waiting) for opening in self._open.values())

    @property
    def holds(self) -> frozenset[int]:
        """The partitions that are open here now."""
        return frozenset(where.partition for where in self._open)

    @property
    def membership(self) -> Membership | None:
        """Who this process is in the writer's group; None while it has no place there."""
        return self._consumer.membership() if self._consumer is not None else None

    @property
    def is_ready(self) -> bool:
        """True once the group has answered and every partition it gave is open."""
        return self.membership is not None and self._memberships.keys() <= self._open.keys()

    def stop(self) -> None:
        """Ask `run` to finish the batches in hand and leave the group; it waits for no more."""
        self._stopping.set()
        polling, self._polling = self._polling, None
        if polling is not None:
            polling.reschedule(0)  # its time is over

    async def run(self) -> None:
        """Join the group and work.

        Raises what reopening cannot mend, and BrokerUnreachable when the group cannot be joined.
        """
        self._consumer = self._bus.group_consumer(self._plan.group, [self._plan.input_topic], self)
        try:
            await self._consumer.start()
            while not self._stopping.is_set():
                await self._turn(self._consumer)
            self._memberships.clear()
            self._open.clear()
            await asyncio.gather(*(one.close(last_word=True) for one in self._shelf.values()))
        except BaseException:
            for worker in self._workers:
                worker.cancel()
            raise
        finally:
            self._memberships.clear()
            await self._close_all()
            await self._consumer.close()

    async def _turn(self, consumer: GroupConsumer) -> None:
        open_before = dict(self._open)
        records = await self._poll(consumer)
        if self._failure is not None:
            raise self._failure
        batches: dict[TopicPartition, list[Record]] = {}
        for record in records:
            batches.setdefault(record.where, []).append(record)
        for where, batch in batches.items():
            opening = self._open.get(where)
            if opening is None:
                continue  # it is read again from where its next opening finds the offset
            if open_before.get(where) is opening:
                opening.waiting += batch
            else:
                # It was opened during the poll: its records may lie beyond the place to which
                # the opening went back, and what lies between would be lost.
                consumer.seek(where, self._shelf[where].next_offset)
        for where, opening in self._open.items():
            self._put_to_work(consumer, where, opening)
        if self._clock.now_ms() - self._tidied_ms >= TIDY_EVERY_MS:
            begun_ms = self._clock.now_ms()
            if all(await asyncio.gather(*(self._tidy(where) for where in list(self._open)))):
                self._tidied_ms = begun_ms  # else the next turn goes on; batches come in between

    def _put_to_work(
        self, consumer: GroupConsumer, where: TopicPartition, opening: _Opening
    ) -> None:
        """See to it that what waits is taken, that no more waits than that, and the group told."""
        if not opening.is_paused and len(opening.waiting) > self._batch_records_max:
            opening.is_paused = True
            consumer.pause(where)
        if opening.worker is None and (opening.waiting or self._shelf[where].tells_group_now):
            name = f"{self._plan.name} takes {where.partition}"
            work = self._work(consumer, where, opening)
            opening.worker = asyncio.get_running_loop().create_task(work, name=name)
            self._workers.add(opening.worker)
            opening.worker.add_done_callback(self._worked)

    def _worked(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and worker.exception() is not None:
            self._failure = worker.exception()

    async def _work(
        self, consumer: GroupConsumer, where: TopicPartition, opening: _Opening
    ) -> None:
        """Take what waits, batch after batch, for as long as the partition is open as it was."""
        count = self._batch_records_max
        try:
            while opening.waiting and self._open.get(where) is opening:
                batch, opening.waiting = opening.waiting[:count], opening.waiting[count:]
                await self._take(where, batch)
                if self._open.get(where) is opening:
                    # What was too much at once goes on, unless the partition is to go elsewhere:
                    # alone, since the others would be made ready for each part of it.
                    place = self._shelf[where].next_offset
                    left = [one for one in batch if one.offset >= place]
                    opening.waiting[:0] = left
                    count = 1 if left else self._batch_records_max
                if opening.is_paused and not opening.waiting and self._open.get(where) is opening:
                    opening.is_paused = False
                    consumer.resume(where)
            if self._open.get(where) is opening and self._shelf[where].tells_group_now:
                with self._reopening(where):
                    await self._shelf[where].tell_group()
        finally:
            opening.worker = None

    async def _poll(self, consumer: GroupConsumer) -> Sequence[Record]:
        """Give what has arrived; nothing once it is time to stop, for that is read again."""
        try:
            async with asyncio.timeout(None) as self._polling:
                return await consumer.poll(timeout_s=POLL_S, records_max=self._batch_records_max)
        except TimeoutError:
            if self._stopping.is_set():
                return []
            raise
        finally:
            self._polling = None

    async def _take(self, where: TopicPartition, batch: Sequence[Record]) -> None:
        self._in_hand_count += len(batch)
        partition = self._shelf[where]  # it may go elsewhere while we look; then it refuses
        try:
            with self._reopening(where):
                if self._plan.learn is not None:
                    await self._plan.learn(batch)
                taken = await partition.take(batch, self._clock.now_ms())
                self._handled_count += taken
        finally:
            self._in_hand_count -= len(batch)

    async def _tidy(self, where: TopicPartition) -> bool:
        """Write a part of what is due; say whether that is all."""
        is_left = False
        with self._reopening(where):
            is_left = await self._shelf[where].tidy(self._clock.now_ms())
        return not is_left

    @contextlib.contextmanager
    def _reopening(self, where: TopicPartition) -> Generator[None]:
        try:
            yield
        except (*_REOPENS, TopicAway) as error:
            if isinstance(error, TopicAway) and not self._plan.may_go(error):
                raise
            self._say("single writer reopens", where, error)
            self._open.pop(where, None)
            membership = self._memberships.get(where)
            if membership is not None and self._consumer is not None:
                self._consumer.pause(where)
                self._start_opener(where, membership)

    def on_assigned(self, membership: Membership, partitions: frozenset[TopicPartition]) -> None:
        """Open these; what is known of partitions that went elsewhere is forgotten."""
        for where in [where for where in self._shelf if where not in partitions]:
            self._leave(self._shelf.pop(where).discard(), where)
        for where in partitions:
            self._memberships[where] = membership
            if where not in self._shelf:
                book = self._make_book(where.partition)
                self._shelf[where] = WriterPartition(self._bus, self._plan, where.partition, book)
            self._start_opener(where, membership)

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Finish the transactions in hand and let go; what is known is kept for a return."""
        await asyncio.gather(*(self._let_go(where) for where in partitions))

    async def _let_go(self, where: TopicPartition) -> None:
        self._memberships.pop(where, None)
        self._open.pop(where, None)
        await self._end_opener(where)
        partition = self._shelf.get(where)
        if partition is not None:
            await partition.close(last_word=True)

    def on_lost(self) -> None:
        """Begin nothing more; whatever is still in flight is decided by the fence."""
        self._memberships.clear()
        self._open.clear()
        for opener in self._openers.values():
            opener.cancel()

    def _leave(self, act: Coroutine[Any, Any, None], where: TopicPartition) -> None:
        name = f"{self._plan.name} leaves {where.partition}"
        task = asyncio.get_running_loop().create_task(act, name=name)
        self._leaving.add(task)
        task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._leaving.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()

    def _start_opener(self, where: TopicPartition, membership: Membership) -> None:
        # One opener per partition: a second one, started too early, could fence the first.
        before = self._openers.get(where)
        if before is not None:
            before.cancel()
            # Should its successor be ended while it waits for it, whoever closes does.
            self._leaving.add(before)
            before.add_done_callback(self._leaving.discard)
        name = f"{self._plan.name} opens {where.partition}"
        opener = asyncio.get_running_loop().create_task(
            self._open_after(before, where, membership), name=name
        )
        opener.add_done_callback(self._opener_ended)
        self._openers[where] = opener

    def _opener_ended(self, opener: asyncio.Task[None]) -> None:
        if not opener.cancelled() and opener.exception() is not None:
            self._failure = opener.exception()

    async def _end_opener(self, where: TopicPartition) -> None:
        opener = self._openers.pop(where, None)
        if opener is not None:
            opener.cancel()
            await asyncio.wait([opener])

    async def _open_after(
        self, before: asyncio.Task[None] | None, where: TopicPartition, membership: Membership
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        delay_s, prove_first = REOPEN_DELAY_S_MIN, False
        while self._memberships.get(where) == membership and self._consumer is not None:
            try:
                await self._look()
                low = await self._shelf[where].open(
                    self._consumer, membership, prove_first=prove_first
                )
            except (*_REOPENS, MembershipRefused) as error:
                # Who was refused once fences nobody again before it is accepted: two processes
                # that both believe to own a partition would fence each other for ever.
                prove_first = prove_first or isinstance(error, MembershipRefused)
                self._say("single writer waits", where, error)
                # The broker is waited for in the machine's own time, whatever clock tasks live by.
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, REOPEN_DELAY_S_MAX)
                continue
            # Nothing is awaited from here on, so that no rebalance can come in between.
            self._consumer.seek(where, low)
            self._consumer.resume(where)
            self._open[where] = _Opening()
            log.info(
                "single writer holds", writer=self._plan.name, partition=where.partition, start=low
            )
            return

    def _say(self, event: str, where: TopicPartition, error: Exception) -> None:
        log.warning(event, writer=self._plan.name, partition=where.partition, why=str(error))

    async def _close_all(self) -> None:
        self._open.clear()
        for where in list(self._openers):
            await self._end_opener(where)
        for where in list(self._shelf):
            await self._shelf.pop(where).discard()
        if self._workers:
            await asyncio.wait(self._workers)
        if self._leaving:
            await asyncio.wait(self._leaving)
