"""The bus on Apache Kafka, through aiokafka.

Checked against aiokafka 0.14.0 and Apache Kafka 4.2.1. Two settings of aiokafka decide how fast a
transaction is, and one of them is private, as are how its consumer reads a batch and how a client
connects; a version that was not checked is refused.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiokafka
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from handrail.bus.kafka_admin import KafkaAdmin
from handrail.bus.kafka_consumer import KafkaGroupConsumer, as_record, structs
from handrail.bus.kafka_header_names import read_any_header_name
from handrail.bus.kafka_lasting import outlive_connections
from handrail.bus.kafka_leftovers import leave_no_connection
from handrail.bus.kafka_producer import KafkaLaneProducer, KafkaSender, tune_transactions
from handrail.bus.kafka_reconnect import reconnect_patiently
from handrail.bus.kafka_tail import KafkaTail
from handrail.bus.murmur2 import partition_for
from handrail.bus.port import Admin, GroupConsumer, GroupListener, LaneProducer, Sender
from handrail.bus.unreachable import why_unreachable, words_of_the_client
from handrail.bus.where import Connection
from handrail.errors import BrokerUnreachable
from handrail.wire.record import Record, TopicPartition

_HandedOut = TypeVar("_HandedOut", KafkaLaneProducer, KafkaGroupConsumer, KafkaTail)

READERS_COUNT_MAX = 4  #: consumers that read ranges side by side
FETCH_SILENCE_S_MAX = 15.0  #: a range read that moves no further for so long has lost its broker
START_DEADLINE_S = 10.0
STOP_PATIENCE_S = 0.1  #: then a reader that does not stop is told again
READ_TIMEOUT_MS = 15_000


class KafkaBus:
    """A connection to one Kafka cluster. Implements `Bus`."""

    def __init__(self, connection: Connection, *, client_id: str = "handrail") -> None:
        """Connect to nothing yet. Raises AiokafkaUnchecked for a version that was not checked."""
        tune_transactions(aiokafka.__version__)
        read_any_header_name(aiokafka.__version__)
        reconnect_patiently(aiokafka.__version__)
        leave_no_connection(aiokafka.__version__)
        outlive_connections(aiokafka.__version__)
        self.bootstrap = connection.bootstrap
        self._common: dict[str, Any] = {
            "bootstrap_servers": connection.bootstrap,
            "client_id": client_id,
            "security_protocol": connection.security,
            "ssl_context": connection.tls,
            "sasl_mechanism": connection.mechanism or "PLAIN",
            "sasl_plain_username": connection.username,
            "sasl_plain_password": connection.password,
        }
        self._admin = KafkaAdmin(self._common)
        self._sender: KafkaSender | None = None
        self._readers: list[Any] = []
        self._lent: set[Any] = set()
        self._stopping: set[asyncio.Task[None]] = set()  # readers that are on their way out
        self._handed_out: list[KafkaLaneProducer | KafkaGroupConsumer | KafkaTail] = []
        self._reader_places = asyncio.Semaphore(READERS_COUNT_MAX)
        self._partition_counts: dict[str, int] = {}

    async def start(self) -> None:
        """Reach the broker. Raises BrokerUnreachable with the address that was tried."""
        with words_of_the_client() as heard:
            try:
                async with asyncio.timeout(START_DEADLINE_S):
                    await self._admin.start()
            except (KafkaError, OSError, TimeoutError) as error:
                await self._admin.close()
                why = await why_unreachable(self.bootstrap, heard)
                raise BrokerUnreachable(bootstrap=self.bootstrap, reason=why) from error

    async def close(self) -> None:
        """Close all that was handed out; members leave their groups. Never raises."""
        handed_out, self._handed_out = self._handed_out, []
        await asyncio.gather(*(one.close() for one in handed_out), return_exceptions=True)
        readers, self._readers, self._lent = [*self._readers, *self._lent], [], set()
        stopping = (*self._stopping, *(_stop(reader) for reader in readers))
        await asyncio.gather(*stopping, return_exceptions=True)
        if self._sender is not None:
            await self._sender.close()
        await self._admin.close()

    @property
    def admin(self) -> Admin:
        """Topics and groups."""
        return self._admin

    def lane_producer(self, transactional_id: str) -> LaneProducer:
        """Make one; nothing is sent before its `init`."""
        return self._hand_out(KafkaLaneProducer(self._common, transactional_id))

    def group_consumer(
        self, group: str, topics: Sequence[str], listener: GroupListener
    ) -> GroupConsumer:
        """Make one; it joins on `start`."""
        return self._hand_out(KafkaGroupConsumer(self._common, group, topics, listener))

    def sender(self) -> Sender:
        """The shared sender of this connection."""
        if self._sender is None:
            self._sender = KafkaSender(self._common)
        return self._sender

    async def tail(self, positions: Mapping[TopicPartition, int]) -> KafkaTail:
        """Read these partitions from these offsets on."""
        tail = self._hand_out(KafkaTail(self._reader(), positions))
        await tail.start()
        return tail

    async def tail_with_undecided(self, positions: Mapping[TopicPartition, int]) -> KafkaTail:
        """Read from these offsets on, and records of aborted and open transactions as well.

        For whoever judges a team from outside; the engine itself reads nothing by it.
        """
        tail = self._hand_out(KafkaTail(self._reader("read_uncommitted"), positions))
        await tail.start()
        return tail

    async def end_offset(self, where: TopicPartition) -> int:
        """The last stable offset: everything below it is decided."""
        async with self._borrowed() as reader:
            found = await reader.end_offsets(structs([where]))
        return int(next(iter(found.values())))

    async def begin_offset(self, where: TopicPartition) -> int:
        """The first offset that is still there."""
        async with self._borrowed() as reader:
            found = await reader.beginning_offsets(structs([where]))
        return int(next(iter(found.values())))

    async def offset_at(self, where: TopicPartition, timestamp_ms: int) -> int:
        """The first offset whose record is that young or younger; the end when there is none."""
        (place,) = structs([where])
        async with self._borrowed() as reader:
            found = (await reader.offsets_for_times({place: max(0, timestamp_ms)}))[place]
        return int(found.offset) if found is not None else await self.end_offset(where)

    async def fetch(self, where: TopicPartition, start: int, end: int) -> AsyncGenerator[Record]:
        """Read committed records from `start` up to, not including, `end`, and stop there."""
        if start >= end:
            return
        (place,) = structs([where])
        async with self._borrowed() as reader:
            reader.assign([place])
            reader.seek(place, start)
            try:
                position, silent_s = start, 0.0
                while position < end:
                    began = asyncio.get_running_loop().time()
                    found = await reader.getmany(place, timeout_ms=500)
                    for record in found.get(place, []):
                        if record.offset < end:
                            yield as_record(record)
                    moved = await reader.position(place)
                    silent_s += asyncio.get_running_loop().time() - began
                    if moved > position:
                        position, silent_s = moved, 0.0
                    elif silent_s > FETCH_SILENCE_S_MAX:
                        reason = f"{where.topic}[{where.partition}] cannot be read past {position}"
                        raise BrokerUnreachable(bootstrap=self.bootstrap, reason=reason)
            finally:
                reader.unsubscribe()

    async def partition_of(self, topic: str, key: bytes) -> int:
        """The partition that Kafka's own clients choose for this key (murmur2)."""
        count = self._partition_counts.get(topic)
        if count is None:
            self._partition_counts.update(await self._admin.topics())
            count = self._partition_counts.get(topic)
        if count is None:
            reason = f"it has no topic {topic}"
            raise BrokerUnreachable(bootstrap=self.bootstrap, reason=reason)
        return partition_for(key, count)

    def _hand_out(self, one: _HandedOut) -> _HandedOut:
        self._handed_out = [known for known in self._handed_out if not known.closed]
        self._handed_out.append(one)
        return one

    def _reader(self, isolation: str = "read_committed") -> Any:
        # aiokafka 0.14 types little of its consumer.
        return AIOKafkaConsumer(
            **self._common,
            group_id=None,
            isolation_level=isolation,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=READ_TIMEOUT_MS,
            fetch_max_wait_ms=100,
            retry_backoff_ms=20,
        )

    @asynccontextmanager
    async def _borrowed(self) -> AsyncGenerator[Any, None]:
        """Lend a reader; one that failed is not used again."""
        async with self._reader_places:
            reader: Any = self._readers.pop() if self._readers else None
            try:
                if reader is None:
                    reader = self._reader()
                    await reader.start()
                self._lent.add(reader)
                yield reader
            except (KafkaError, OSError) as error:
                if reader is not None:
                    await self._stop(reader)
                raise BrokerUnreachable(bootstrap=self.bootstrap, reason=_reason(error)) from error
            except GeneratorExit:
                # Whoever read has enough; the reader itself is as good as before.
                if reader in self._lent:
                    self._readers.append(reader)
                raise
            except BaseException:
                if reader is not None:
                    await self._stop(reader)
                raise
            else:
                self._readers.append(reader)
            finally:
                self._lent.discard(reader)

    async def _stop(self, reader: Any) -> None:
        """Stop one; it goes on when whoever waits for it is cancelled, and `close` waits for it."""
        stopping = asyncio.create_task(_stop(reader))
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        await asyncio.shield(stopping)


async def _stop(reader: Any) -> None:
    """Give back a reader's sockets, whatever it is doing."""
    stopping = asyncio.ensure_future(reader.stop())
    while not (await asyncio.wait([stopping], timeout=STOP_PATIENCE_S))[0]:
        # aiokafka 0.14: a fetcher that is cancelled while it gives up an assignment takes that
        # for the cancellation of a task of its own and waits for ever; told again, it ends.
        reader._fetcher._fetch_task.cancel()
    stopping.result()


def _reason(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return f"nothing answers there ({text})"
