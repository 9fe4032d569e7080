"""The life of a real local Kafka: started once, shared, kept, moved, killed and forgotten."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from handrail.bus.broker_folder import BrokerFolder
from handrail.bus.local_broker import LocalBroker, RunningBroker
from handrail.bus.process_birth import birth_of
from handrail.bus.settings_file import load_settings
from handrail.bus.where import broker_for, known_broker
from handrail.errors import BrokerDied
from tests import leftovers
from tests.waiting import until_now

TOPIC = "kept"


@pytest.fixture
def project(tmp_path: Path) -> Generator[Path]:
    yield tmp_path
    LocalBroker(tmp_path).wipe()


def write_one(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(20)
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(TOPIC, value="still here")
    assert producer.flush(20) == 0


def read_one(bootstrap: str) -> bytes | None:
    reader = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "auto.offset.reset": "earliest"}
    )
    reader.subscribe([TOPIC])
    try:
        record = reader.poll(20)
    finally:
        reader.close()
    assert record is not None
    assert record.error() is None
    value = record.value()
    return value if isinstance(value, bytes) else None


def test_data_outlive_a_stop_a_kill_and_a_move_to_other_ports(project: Path) -> None:
    broker = LocalBroker(project)
    first = broker.start()
    write_one(first.bootstrap)
    assert broker.stop()
    second = broker.start()
    os.kill(second.pid, signal.SIGKILL)
    until_now(lambda: birth_of(second.pid) is None)
    port = int(second.bootstrap.rpartition(":")[2])

    with socket.create_server(("127.0.0.1", port)):
        third = broker.start()

        assert (second.bootstrap, second.started_here) == (first.bootstrap, True)
        assert third.bootstrap != second.bootstrap
        assert read_one(third.bootstrap) == b"still here"

    assert broker.stop()
    assert broker.running() is None


def test_two_starts_at_once_give_one_broker_and_two_projects_two(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("another project")
    places = [project, project, other]
    started: list[RunningBroker] = []
    starts = [
        threading.Thread(target=lambda place=place: started.append(LocalBroker(place).start()))
        for place in places
    ]
    try:
        for start in starts:
            start.start()
        for start in starts:
            start.join()

        assert len(started) == 3
        assert len({running.pid for running in started}) == 2
        assert sum(running.started_here for running in started) == 2
        write_one(started[0].bootstrap)
        stayed = LocalBroker(other).running()
        assert LocalBroker(project).stop()
        assert stayed is not None
        assert LocalBroker(other).running() == stayed
    finally:
        LocalBroker(other).wipe()


def test_a_wipe_ends_the_broker_and_leaves_nothing_of_it(project: Path) -> None:
    broker = LocalBroker(project)
    running = broker.start()

    broker.wipe()

    assert birth_of(running.pid) is None
    assert not BrokerFolder(project).path.exists()


def test_a_tied_broker_does_not_outlive_a_starter_that_is_killed(project: Path) -> None:
    starting = (
        "import sys; from pathlib import Path; from handrail.bus.local_broker import LocalBroker\n"
        "print(LocalBroker(Path(sys.argv[1]), tied=True).start().pid, flush=True); input()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", starting, str(project)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert birth_of(pid) is not None

    starter.kill()
    starter.communicate()

    until_now(lambda: birth_of(pid) is None, what="the broker ends")
    mark = os.environ[leftovers.RUN_MARK]
    until_now(
        lambda: not any(str(project) in line for line in leftovers.processes(mark)),
        what="the launcher ends",
    )


async def test_a_project_without_a_cluster_gets_its_local_broker_and_finds_it_again(
    project: Path,
) -> None:
    settings = load_settings(project, {}, {})

    before = known_broker(settings)
    bootstrap = await broker_for(settings)

    assert before is None
    assert bootstrap.startswith("127.0.0.1:")
    assert known_broker(settings) == bootstrap


def test_a_broker_that_dies_of_its_data_says_why(project: Path) -> None:
    broker = LocalBroker(project)
    broker.start()
    broker.stop()
    meta = BrokerFolder(project).data / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=7"))

    with pytest.raises(BrokerDied) as told:
        broker.start()

    assert "Stored node id 7" in told.value.why
    assert broker.running() is None
