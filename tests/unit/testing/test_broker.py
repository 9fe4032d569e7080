"""Which Kafka the tests of a team run on."""

import socket
from pathlib import Path

import pytest

from handrail.bus.broker_properties import container_environment
from handrail.testing.broker import broker_for_tests, engine_answers


def test_a_given_cluster_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_BOOTSTRAP", "kafka.example:9092")

    with broker_for_tests() as bootstrap:
        assert bootstrap == "kafka.example:9092"


def test_an_engine_is_one_that_takes_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    absent = engine_answers()

    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(path))
        engine.listen()
        listening = engine_answers()
    left_behind = engine_answers()

    assert (absent, listening, left_behind) == (False, True, False)


def test_an_engine_elsewhere_is_asked_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as engine:
        port = engine.getsockname()[1]
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        listening = engine_answers()
    monkeypatch.setenv("DOCKER_HOST", "npipe://what")

    assert listening
    assert not engine_answers()


def test_a_container_is_told_where_its_clients_are_and_may_make_no_topics() -> None:
    told = container_environment(host="docker.example", port=40_000, container_port=9092)

    assert told["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://docker.example:40000"
    assert told["KAFKA_LISTENERS"] == "PLAINTEXT://:9092,CONTROLLER://:9093"
    assert told["KAFKA_CONTROLLER_QUORUM_VOTERS"] == "1@localhost:9093"
    assert told["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert all(name.replace("_", "").isupper() for name in told)
