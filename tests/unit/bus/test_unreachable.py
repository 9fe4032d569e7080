"""Why no Kafka answers is said in words that name the next step."""

import asyncio
import logging
import socket

import pytest

from handrail.bus.kafka import KafkaBus
from handrail.bus.unreachable import why_unreachable
from handrail.bus.where import Connection
from handrail.errors import BrokerUnreachable


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_an_address_without_a_listener_is_told_and_the_client_keeps_its_words(
    closed_port: int, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    bus = KafkaBus(Connection(f"{host}:{closed_port}", "PLAINTEXT"))

    with caplog.at_level(logging.ERROR), pytest.raises(BrokerUnreachable) as told:
        await bus.start()

    assert told.value.why == "nothing is listening on that address."
    assert caplog.messages == []


async def test_a_name_that_no_machine_has_is_told() -> None:
    why = await why_unreachable("nowhere.invalid:9092", [])

    assert why == "no machine is known here by the name nowhere.invalid."


async def test_each_of_several_addresses_has_its_reason(closed_port: int) -> None:
    why = await why_unreachable(f"127.0.0.1:{closed_port}, nowhere.invalid", [])

    assert why == (
        f"127.0.0.1:{closed_port}: nothing is listening on that address; "
        "nowhere.invalid: no machine is known here by the name nowhere.invalid."
    )


async def test_a_listener_that_is_not_kafka_is_told_with_what_the_client_heard() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        bus = KafkaBus(Connection(f"127.0.0.1:{port}", "PLAINTEXT"))

        with pytest.raises(BrokerUnreachable) as told:
            await bus.start()

    assert told.value.why.startswith("something is listening there, but does not answer")
    assert f'Unable connect to "127.0.0.1:{port}"' in told.value.why
