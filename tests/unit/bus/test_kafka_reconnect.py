"""How long a process waits between tries to reach a broker that is not there."""

import asyncio
import itertools
import time
from typing import Any

import aiokafka
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.metadata import MetadataResponse_v0

from handrail.bus.kafka_reconnect import PAUSE_S_MAX, PAUSE_S_MIN, Patience, reconnect_patiently
from handrail.errors.transport import AiokafkaUnchecked
from tests.captured_lines import captured_lines

TRIES_COUNT = 6
HERE, THERE = ("127.0.0.1", 9092), ("127.0.0.1", 9093)


def tries(patience: Patience, until_s: float) -> list[float]:
    """Give when a broker is tried that never answers."""
    at_s: list[float] = []
    now_s = 0.0
    while now_s < until_s:
        at_s.append(now_s)
        patience.failed(HERE, now_s)
        now_s += patience.left_s(HERE, now_s)
    return at_s


def test_the_first_try_is_never_delayed_and_the_pauses_grow_to_half_a_second() -> None:
    patience = Patience()
    assert patience.left_s(HERE, 0.0) == 0.0

    at_s = tries(patience, 60.0)
    pauses_s = [round(later - earlier, 3) for earlier, later in itertools.pairwise(at_s)]

    assert pauses_s[:3] == [PAUSE_S_MIN, 2 * PAUSE_S_MIN, 4 * PAUSE_S_MIN]
    assert set(pauses_s[8:]) == {PAUSE_S_MAX}
    assert len(at_s) < 130


def test_of_clients_that_fail_together_the_first_one_counts() -> None:
    patience = Patience()

    for _ in range(50):
        patience.failed(HERE, 1.0)

    assert patience.left_s(HERE, 1.0) == pytest.approx(PAUSE_S_MIN)


def test_another_broker_is_not_waited_for_and_one_that_answers_is_forgotten() -> None:
    patience = Patience()
    tries(patience, 5.0)

    assert patience.left_s(THERE, 5.0) == 0.0
    patience.reached(HERE, 5.0)
    assert patience.left_s(HERE, 5.0) == 0.0


def test_an_outage_is_told_once_and_so_is_its_end_and_a_moment_is_not() -> None:
    patience = Patience()

    with captured_lines() as told:
        patience.failed(HERE, 0.0)
        patience.reached(HERE, 0.1)
        tries(patience, 30.0)
        patience.reached(HERE, 30.0)

    assert [line["event"] for line in told] == [
        "kafka does not answer, tried until it does",
        "kafka answers again",
    ]
    assert told[1]["after_s"] == 30.0


def test_a_version_that_was_not_checked_is_refused() -> None:
    with pytest.raises(AiokafkaUnchecked):
        reconnect_patiently("0.15.0")
    reconnect_patiently(aiokafka.__version__)


async def test_a_client_whose_broker_hangs_up_is_patient() -> None:
    asked = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    reconnect_patiently(aiokafka.__version__)
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        client: Any = AIOKafkaClient(bootstrap_servers=f"{host}:{port}")
        client.cluster.update_metadata(MetadataResponse_v0([(1, host, port)], []))

        began_s = time.monotonic()
        async with asyncio.timeout(20):
            while asked < TRIES_COUNT:
                await client.ready(1)
        took_s = time.monotonic() - began_s
        await client.close()

    # Pauses that double from the shortest one, before each try but the first.
    assert took_s > PAUSE_S_MIN * (2 ** (TRIES_COUNT - 1) - 1)
