"""What a client leaves open once it failed to start or was closed: nothing."""

import asyncio
import gc
import struct
import weakref
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiokafka
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import ProducerClosed
from aiokafka.protocol.metadata import MetadataResponse_v0, MetadataResponse_v1
from aiokafka.structs import BrokerMetadata

from handrail.bus.kafka_leftovers import leave_no_connection
from handrail.bus.kafka_producer import stop_quietly
from handrail.bus.kafka_reconnect import reconnect_patiently
from handrail.errors.transport import AiokafkaUnchecked
from tests.waiting import until

API_VERSIONS, METADATA = 18, 3


@dataclass(slots=True)
class Reticent:
    """A broker that says what it speaks and, once it is open, that it is the whole cluster."""

    address: tuple[str, int] = ("", 0)
    greets: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[int] = field(default_factory=list[int])
    open: int = 0
    is_open: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the client hangs up."""
        self.open += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                key, _, correlation = struct.unpack(">hhi", (await reader.readexactly(size))[:8])
                self.asked.append(key)
                if key == API_VERSIONS:
                    await self.greets.wait()
                    spoken = struct.pack(">hhhhhh", API_VERSIONS, 0, 0, METADATA, 0, 1)
                    answer = struct.pack(">hi", 0, 2) + spoken
                elif self.is_open:
                    cluster = MetadataResponse_v1([(1, *self.address, None)], 1, [])
                    answer = cluster.encode()
                else:
                    continue
                writer.write(struct.pack(">ii", len(answer) + 4, correlation) + answer)
        self.open -= 1
        writer.close()


@asynccontextmanager
async def reticent() -> AsyncGenerator[Reticent]:
    """Run such a broker."""
    reconnect_patiently(aiokafka.__version__)
    leave_no_connection(aiokafka.__version__)
    broker = Reticent()
    async with await asyncio.start_server(broker.serve, "127.0.0.1", 0) as server:
        broker.address = server.sockets[0].getsockname()[:2]
        yield broker


def client_of(broker: Reticent) -> Any:
    """Make a client that knows this broker by its address alone."""
    host, port = broker.address
    return AIOKafkaClient(bootstrap_servers=f"{host}:{port}")


async def test_a_start_that_is_cut_off_leaves_no_connection() -> None:
    async with reticent() as broker:
        broker.greets.set()
        client = client_of(broker)
        starting = asyncio.create_task(client.bootstrap())
        await until(lambda: METADATA in broker.asked, what="the client has introduced itself")

        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)

        await until(lambda: broker.open == 0, what="the connection is closed")
        await client.close()


async def test_a_connection_that_is_made_while_its_client_closes_is_closed_too() -> None:
    async with reticent() as broker:
        client = client_of(broker)
        client.cluster.update_metadata(MetadataResponse_v0([(1, *broker.address)], []))
        asking = asyncio.create_task(client.ready(1))
        await until(lambda: API_VERSIONS in broker.asked, what="a connection is being made")

        await client.close()
        broker.greets.set()

        assert not await asking
        await until(lambda: broker.open == 0, what="the connection is closed")
        assert not await client.ready(1), "a closed client makes no connection"


def lose_connection(client: Any) -> weakref.ref[Any]:
    """Close the one connection of a client, and keep no hold of it."""
    (connection,) = client._conns.values()
    connection.close()
    return weakref.ref(connection)


async def test_a_connection_that_was_lost_after_the_start_is_kept_by_nobody() -> None:
    async with reticent() as broker:
        broker.greets.set()
        broker.is_open = True
        client = client_of(broker)
        await client.bootstrap()
        lost: list[weakref.ref[Any]] = []

        for _ in range(3):
            assert await client.force_metadata_update()
            lost.append(lose_connection(client))
        await client.close()

        await until(lambda: broker.open == 0, what="the connections are closed")
        gc.collect()
        client._conns.clear()
        assert [one() for one in lost] == [None] * 3


def test_a_version_that_was_not_checked_is_refused() -> None:
    with pytest.raises(AiokafkaUnchecked):
        leave_no_connection("0.15.0")


async def test_what_no_broker_took_holds_up_no_task_of_a_producer_that_is_closed() -> None:
    producer: Any = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    # As it is when its broker has gone: the sender waits for it, and a record waits for the sender.
    producer._sender._sender_task = asyncio.create_task(asyncio.Event().wait())
    where = aiokafka.TopicPartition("results", 0)
    sent = await producer._message_accumulator.add_message(where, b"key", b"value", timeout=20)
    # One that was sent and is to be sent again, as it is when its answer has not come.
    again = producer._message_accumulator._batches[where][0]
    again.future.add_done_callback(
        lambda _: producer._message_accumulator._pending_batches.remove(again)
    )
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    before = asyncio.all_tasks()

    stopping = asyncio.create_task(stop_quietly(producer))
    await until(lambda: len(asyncio.all_tasks() - before) > 1)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)

    with pytest.raises(ProducerClosed):
        await asyncio.wait_for(sent, timeout=20)
    await until(lambda: asyncio.all_tasks() < before)
    assert told == []


async def test_a_producer_that_looks_for_the_coordinator_of_its_transaction_is_closed_in_time() -> (
    None
):
    producer: Any = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", transactional_id="lane")
    where, transaction = aiokafka.TopicPartition("results", 0), producer._txn_manager
    producer.client.cluster._brokers[0] = BrokerMetadata(0, "127.0.0.1", 1, None)  # nobody is there
    transaction.set_pid_and_epoch(1, 0)
    transaction.begin_transaction()
    transaction.maybe_add_partition_to_txn(where)
    sent = await producer._message_accumulator.add_message(where, b"key", b"value", timeout=20)
    sender = producer._sender._sender_task = asyncio.create_task(producer._sender._sender_routine())
    await until(lambda: len(asyncio.all_tasks()) > 2, what="a task looks for the coordinator")

    stopping = asyncio.create_task(stop_quietly(producer))
    await asyncio.wait({stopping}, timeout=20)

    assert stopping.done(), "it waits for as long as no broker answers"
    assert sender.done()
    with pytest.raises(ProducerClosed):
        await asyncio.wait_for(sent, timeout=20)
