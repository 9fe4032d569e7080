"""Writing to Kafka: the transactional producer of a lane, and the sender of submitters.

aiokafka 0.14: a refused record does not fail the commit, so every record's own outcome is awaited
before the transaction is committed. A commit cannot be cancelled, so it has a deadline of its
own, past which nobody knows its outcome.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    BrokerResponseError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.errors import (
    ProducerFenced as FencedByKafka,
)
from aiokafka.producer import sender
from aiokafka.structs import OffsetAndMetadata

from handrail.bus.kafka_batches import Batch, batches_of, size_of
from handrail.bus.kafka_exchange import Exchange
from handrail.bus.port import (
    NO_TOPIC,
    NOT_ALLOWED,
    TRANSACTION_DEADLINE_S,
    Ahead,
    OffsetCommit,
    Then,
    Written,
)
from handrail.errors import (
    BrokerUnreachable,
    CommitDoubtful,
    ProducerFenced,
    RecordRefused,
    TopicAway,
)
from handrail.errors.transport import AiokafkaUnchecked, AssertsMissing
from handrail.wire.limits import REQUEST_BYTES_MAX
from handrail.wire.record import Outgoing

CHECKED_VERSIONS = frozenset({"0.14.0"})
TRANSACTION_TIMEOUT_MS = 10_000
RETRY_BACKOFF_MS = 5
CONCURRENT_TRANSACTIONS_WAIT_S = 0.0005
BATCH_BYTES = 256 * 1024
ABORT_DEADLINE_S = 2.0
STOP_DEADLINE_S = 2.0
STOP_AGAIN_S = 0.5

METADATA_BYTES_MAX = 4_096  #: the broker's `offset.metadata.max.bytes`
METADATA_ATTEMPTS = 4
METADATA_WAIT_S = 0.1

_REFUSED = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidTopicError,
    TopicAuthorizationFailedError,
)


def tune_transactions(version: str) -> None:
    """Make aiokafka wait half a millisecond instead of 20 ms for the end of the transaction before.

    Raises AiokafkaUnchecked when the private setting may mean something else in this version, and
    AssertsMissing where its state machine has lost its guard.
    """
    if not __debug__:
        raise AssertsMissing
    if version not in CHECKED_VERSIONS or not hasattr(sender, "BACKOFF_OVERRIDE"):
        raise AiokafkaUnchecked(version=version, checked=", ".join(sorted(CHECKED_VERSIONS)))
    sender.BACKOFF_OVERRIDE = CONCURRENT_TRANSACTIONS_WAIT_S


class KafkaLaneProducer:
    """One transactional producer. Implements `LaneProducer`."""

    def __init__(self, common: Mapping[str, Any], transactional_id: str) -> None:
        """Send nothing before `init`."""
        self.transactional_id = transactional_id
        self.closed = False
        self._dead = False
        self._bootstrap = common["bootstrap_servers"]
        self._producer: Any = AIOKafkaProducer(
            **common,
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=int(TRANSACTION_DEADLINE_S * 1000),
        )
        self._exchange = Exchange(self._producer.client)

    async def init(self, *, deadline_s: float) -> None:
        """Fence whoever held this transactional id and settle its open transaction."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._producer.start()
        except (KafkaError, AssertionError, OSError, TimeoutError) as error:
            self._dead = True
            raise BrokerUnreachable(
                bootstrap=self._bootstrap,
                reason=f"the transactions of {self.transactional_id} cannot be taken over"
                f" ({str(error) or type(error).__name__})",
            ) from error

    async def commit(
        self,
        records: Sequence[Outgoing],
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        """Write all records and the offset together or not at all; give each record's offset.

        A repeat whose first attempt may have been carried out is a CommitDoubtful, also when the
        broker then said that all is well. A producer that failed once refuses everything.
        """
        return await self._decided(lambda: self._commit(records, None, offsets), deadline_s)

    async def commit_ahead(
        self,
        ahead: Ahead,
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        """Do the same in two sends of one transaction, the second once the first has arrived."""
        return await self._decided(
            lambda: self._commit(ahead.records, ahead.then, offsets), deadline_s
        )

    async def _decided(
        self, transact: Callable[[], Coroutine[Any, Any, list[int]]], deadline_s: float
    ) -> list[int]:
        """Carry a transaction out, and say in the port's words what came of it."""
        if self._dead or self.closed:
            raise ProducerFenced(transactional_id=self.transactional_id)
        self._dead = True  # until this commit has come out well
        self._exchange.doubts = 0
        try:
            async with asyncio.timeout(deadline_s):
                written = await transact()
        except RecordRefused:
            await self._abort()
            raise
        except (FencedByKafka, OutOfOrderSequenceNumber) as error:
            if self._exchange.doubts:
                # The end of the transaction may have been carried out before we were fenced.
                raise self._doubtful("fenced after a request without an answer") from error
            raise ProducerFenced(transactional_id=self.transactional_id) from error
        except TimeoutError as error:
            raise self._doubtful(f"it did not end within {deadline_s:g} s") from error
        except (KafkaError, AssertionError, OSError) as error:
            # aiokafka 0.14: its state machine asserts where a broker's answer surprises it.
            raise self._doubtful(f"{type(error).__name__}: {error}") from error
        if self._exchange.doubts:
            raise self._doubtful("a request was repeated whose first attempt had no answer")
        self._dead = False
        return written

    async def _commit(
        self, records: Sequence[Outgoing], then: Then | None, offsets: OffsetCommit | None
    ) -> list[int]:
        producer = self._producer
        if offsets is not None and len(offsets.metadata.encode()) > METADATA_BYTES_MAX:
            reason = f"its offset's metadata is over {METADATA_BYTES_MAX} bytes"
            raise RecordRefused(topic=offsets.where.topic, index=None, reason=reason)
        batches = batches_of(producer, records, await self._checked_places(records))
        await producer.begin_transaction()
        written = await self._send(batches, records)
        if then is not None:
            rest = then(_places(batches, written))
            batches = batches_of(producer, rest, await self._checked_places(rest))
            written = await self._send(batches, rest)
        if offsets is not None:
            # Only now: while the coordinator adds the group to the transaction, Kafka 4.4 answers
            # a record's partition with NOT_ENOUGH_REPLICAS, and the record waits to be sent again.
            place = TopicPartition(*offsets.where)
            commit = {place: OffsetAndMetadata(offsets.offset, offsets.metadata)}
            await producer.send_offsets_to_transaction(commit, offsets.group)
        await producer.commit_transaction()
        return written

    async def _send(self, batches: Sequence[Batch], records: Sequence[Outgoing]) -> list[int]:
        """Send batches side by side; give the offset of each of their records."""
        sent: list[asyncio.Future[Any]] = []
        for batch in batches:
            topic, partition = batch.where
            future = await self._producer.send_batch(batch.builder, topic, partition=partition)
            future.add_done_callback(_look_at)
            sent.append(future)
        outcomes: list[Any] = await asyncio.gather(*sent, return_exceptions=True)
        written = [0] * len(records)
        for batch, outcome in zip(batches, outcomes, strict=True):
            # It comes first: those beside it fail of it as well, with words that tell nothing.
            if isinstance(outcome, TopicAuthorizationFailedError):
                index = batch.indexes[0]
                raise _refused(records[index], index, outcome) from outcome
        for batch, outcome in zip(batches, outcomes, strict=True):
            if isinstance(outcome, _REFUSED):
                index = batch.largest(records)
                raise _refused(records[index], index, outcome) from outcome
            if isinstance(outcome, BaseException):
                raise outcome
            for ahead, index in enumerate(batch.indexes):
                written[index] = int(outcome.offset) + ahead
        return written

    async def _checked_places(self, records: Sequence[Outgoing]) -> dict[str, int]:
        """Give the partition count of each topic; aiokafka would wait for one to appear.

        Raises RecordRefused for a record whose place does not exist, or that no request can hold.
        """
        counts: dict[str, int] = {}
        for index, record in enumerate(records):
            topic, partition = record.topic, record.partition
            if topic not in counts:
                counts[topic] = len(await known_partitions(self._producer.client, topic))
            if record.key is None and record.value is None:
                reason = "it has neither a key nor a value"
            elif not counts[topic]:
                raise TopicAway(topic=topic, index=index, reason=NO_TOPIC)
            elif partition is not None and not 0 <= partition < counts[topic]:
                reason = f"there is no partition {partition}"
            elif (size := size_of(record)) > REQUEST_BYTES_MAX:
                reason = f"it has {size} bytes and a request at most {REQUEST_BYTES_MAX}"
            else:
                continue
            raise RecordRefused(topic=topic, index=index, reason=reason)
        return counts

    async def _abort(self) -> None:
        if not self._producer._txn_manager.is_in_transaction():
            return
        try:
            async with asyncio.timeout(ABORT_DEADLINE_S):
                await self._producer.abort_transaction()
        except (KafkaError, AssertionError, OSError, TimeoutError):
            # The next init under this id settles it.
            return

    def _doubtful(self, reason: str) -> CommitDoubtful:
        return CommitDoubtful(transactional_id=self.transactional_id, reason=reason)

    async def close(self) -> None:
        """Give back sockets. Never raises; an open transaction is left to its time-out."""
        if self.closed:
            return
        self.closed = True
        await stop_quietly(self._producer)


def _places(batches: Sequence[Batch], offsets: Sequence[int]) -> list[Written]:
    partitions = {index: batch.where.partition for batch in batches for index in batch.indexes}
    return [Written(partitions[index], offset) for index, offset in enumerate(offsets)]


async def known_partitions(client: Any, topic: str) -> set[int]:
    """Give a topic's partitions, asking the broker a few times for one that may be new."""
    for attempt in range(METADATA_ATTEMPTS):
        partitions = client.cluster.partitions_for_topic(topic)
        if partitions:
            return set(partitions)
        await client.add_topic(topic)
        await client.force_metadata_update()
        if attempt:
            await asyncio.sleep(METADATA_WAIT_S)
    return set()


def _has_failed(task: "asyncio.Task[None]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _look_at(future: "asyncio.Future[Any]") -> None:
    """Take note of a failure, so that asyncio does not report one that is handled elsewhere."""
    if not future.cancelled():
        future.exception()


class KafkaSender:
    """An idempotent producer without transactions. Implements `Sender`."""

    def __init__(self, common: Mapping[str, Any]) -> None:
        """Connect on the first send."""
        self._bootstrap = common["bootstrap_servers"]
        self._producer: Any = AIOKafkaProducer(
            **common,
            enable_idempotence=True,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            max_request_size=REQUEST_BYTES_MAX,
        )
        self._starting: asyncio.Task[None] | None = None

    async def send(self, record: Outgoing, *, deadline_s: float = 10.0) -> tuple[int, int]:
        """Give (partition, offset) once all in-sync replicas have it."""
        try:
            async with asyncio.timeout(deadline_s):
                if self._starting is None or _has_failed(self._starting):
                    # Where no broker answered, nothing was begun: the next send looks again.
                    self._starting = asyncio.create_task(self._producer.start(), name="sender")
                await asyncio.shield(self._starting)
                if not await known_partitions(self._producer.client, record.topic):
                    raise TopicAway(topic=record.topic, index=0, reason=NO_TOPIC)
                done = await self._producer.send_and_wait(
                    record.topic,
                    record.value,
                    record.key,
                    record.partition,
                    headers=list(record.headers),
                )
        except (*_REFUSED, BrokerResponseError) as error:
            raise _refused(record, 0, error) from error
        except (KafkaError, OSError, TimeoutError) as error:
            reason = f"it did not take a record within {deadline_s:g} s ({type(error).__name__})"
            raise BrokerUnreachable(bootstrap=self._bootstrap, reason=reason) from error
        return int(done.partition), int(done.offset)

    async def close(self) -> None:
        """Flush and give back sockets."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await stop_quietly(self._producer)


async def stop_quietly(client: Any) -> None:
    """Stop a client whatever state it is in, within a bounded time.

    aiokafka 0.14: stopping waits for what is buffered, which an unreachable broker never takes;
    the sender has to be cancelled before the client's sockets can be closed.
    """
    with suppress(KafkaError, AssertionError, OSError, TimeoutError):
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                await client.stop()
        finally:  # However stopping ended, also when whoever stops it is cancelled.
            task = getattr(getattr(client, "_sender", None), "sender_task", None)
            if task is not None:
                await _to_its_end(task)
            _give_up_buffered(client)
            await client.client.close()


async def _to_its_end(sender: "asyncio.Task[None]") -> None:
    """Cancel a sender until it has ended.

    aiokafka 0.14: it takes the first time as the word to finish the request in hand, and looks for
    a coordinator of its transaction as long as no broker answers; told again, it gives that up.
    """
    sender.cancel()
    while not (await asyncio.wait({sender}, timeout=STOP_AGAIN_S))[0]:
        sender.cancel()
    _look_at(sender)


class _Pending(set[Any]):
    def remove(self, one: Any) -> None:
        self.discard(one)


def _give_up_buffered(client: Any) -> None:
    """Fail what nobody sends any more: a task of aiokafka's would wait for it for ever."""
    buffered = getattr(client, "_message_accumulator", None)
    if buffered is None:
        return
    batches = {*buffered._pending_batches, *(one for q in buffered._batches.values() for one in q)}
    # aiokafka 0.14: a batch that is to be sent again is taken from there although it is not in it.
    buffered._pending_batches = _Pending(buffered._pending_batches)
    buffered.fail_all(ProducerClosed())
    for future in (one for batch in batches for one in (batch.future, batch._drain_waiter)):
        if future.done():
            _look_at(future)


def _refused(record: Outgoing, index: int, error: BaseException) -> RecordRefused:
    if isinstance(error, TopicAuthorizationFailedError):
        return TopicAway(topic=record.topic, index=index, reason=NOT_ALLOWED)
    reason = f"{type(error).__name__}: {error}"
    return RecordRefused(topic=record.topic, index=index, reason=reason)
