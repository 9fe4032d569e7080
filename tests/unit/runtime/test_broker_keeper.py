"""A local Kafka that dies is started again for as long as it takes, and every try is told."""

import asyncio
from pathlib import Path

import pytest

from handrail.bus.broker_folder import BrokerFolder
from handrail.bus.local_broker import LocalBroker
from handrail.errors import BrokerDied
from handrail.runtime.broker_keeper import keep_alive
from handrail.runtime.supervisor import Event, What
from tests.unit.bus import fake_java
from tests.waiting import until


async def test_a_broker_that_does_not_start_is_tried_again_later_each_time_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = fake_java.write_java(tmp_path, fake_java.DIES_WHILE_STARTING)
    monkeypatch.setenv("HANDRAIL_JAVA", str(java))
    broker = LocalBroker(tmp_path, cache_dir=tmp_path / "cache", jars=[])
    with pytest.raises(BrokerDied):
        broker.start()
    address = f"127.0.0.1:{BrokerFolder(tmp_path).identity().client_port}"
    told: list[Event] = []

    keeper = asyncio.create_task(keep_alive(broker, address, told.append))
    await until(lambda: len(told) == 3)
    keeper.cancel()
    await asyncio.wait({keeper})

    assert [event.what for event in told] == [What.DIED] * 3
    assert "it ended although nobody asked it to; starting again in 0.5 s." in told[0].sentence
    assert "starting again in 1 s." in told[1].sentence
    assert "starting again in 2 s." in told[2].sentence
    assert "the magic smoke has left" in told[1].sentence
    assert broker.running() is None
