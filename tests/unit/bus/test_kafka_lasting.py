"""What happens to connections ends neither the client nor what waits for it."""

import asyncio
from typing import Any

import aiokafka
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from handrail.bus.kafka_lasting import outlive_connections
from handrail.errors.transport import AiokafkaUnchecked
from tests.captured_lines import captured_lines
from tests.waiting import until


@pytest.fixture(autouse=True)
def _outliving() -> None:
    outlive_connections(aiokafka.__version__)


@pytest.mark.parametrize("failure", [RuntimeError("closed"), KeyError(1), asyncio.CancelledError()])
async def test_a_client_that_could_not_ask_for_its_cluster_asks_again(
    failure: BaseException,
) -> None:
    client: Any = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    failures, asked = [failure], 0

    async def update(*_: object) -> bool:
        nonlocal asked
        asked += 1
        if failures:
            raise failures.pop()
        return True

    client._metadata_update = update
    client._sync_task = asyncio.create_task(client._md_synchronizer())

    with captured_lines() as told:
        async with asyncio.timeout(20):
            assert await client.force_metadata_update() is False
            assert await client.force_metadata_update() is True
    await client.close()

    assert asked == 2
    assert [line["event"] for line in told] == ["cluster is asked for anew"]


async def test_a_client_that_is_closed_asks_no_more() -> None:
    client: Any = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    task = client._sync_task = asyncio.create_task(client._md_synchronizer())
    await asyncio.sleep(0)

    await client.close()

    await until(task.done)
    assert task.cancelled()


class Closed:
    """A writer whose transport has gone, as uvloop has it."""

    def write(self, _: bytes) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")

    def close(self) -> None:
        return


async def test_writing_to_a_connection_that_was_reset_is_an_error_of_the_connection() -> None:
    connection: Any = AIOKafkaConnection("127.0.0.1", 1)
    connection._writer, connection._reader = Closed(), object()
    connection._read_task = asyncio.create_task(asyncio.Event().wait())
    connection._versions = {MetadataRequest([]).API_KEY: (0, 1)}

    with pytest.raises(KafkaConnectionError, match="closed=True"):
        connection.send(MetadataRequest([]))

    assert not connection.connected()


def test_a_version_that_was_not_checked_is_refused() -> None:
    with pytest.raises(AiokafkaUnchecked):
        outlive_connections("0.15.0")
