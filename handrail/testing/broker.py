"""Finds a real Kafka to test on: the one given, else one in a container, else the local one.

Guaranteed: what was started here ends with the body, and with this process even when it is
killed. A given cluster is used as it is and left as it is; tests choose names of their own there.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from handrail.bus.broker_folder import free_ports
from handrail.bus.broker_jars import KAFKA_VERSION
from handrail.bus.broker_probe import ask
from handrail.bus.broker_properties import container_environment
from handrail.bus.local_broker import LocalBroker
from handrail.bus.progress import Progress
from handrail.bus.waiting import until
from handrail.errors.broker import BrokerNeverReady

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
CONTAINER_PORT = 9092
CONTAINER_READY_S_MAX = 60.0
ENGINE_ANSWERS_S_MAX = 1.0
ENGINE_SOCKET = "/var/run/docker.sock"


@contextmanager
def broker_for_tests(progress: Progress | None = None) -> Generator[str]:
    """Give the bootstrap address of a Kafka that answers; end afterwards what was started here."""
    given = os.environ.get("HANDRAIL_BOOTSTRAP")
    if given:
        yield given
    elif engine_answers():
        with _in_container() as bootstrap:
            yield bootstrap
    else:
        with _local(progress) as bootstrap:
            yield bootstrap


def engine_answers() -> bool:
    """Say whether a Docker engine of this machine takes connections."""
    named = os.environ.get("DOCKER_HOST", f"unix://{ENGINE_SOCKET}")
    scheme, _, rest = named.partition("://")
    try:
        if scheme == "unix":
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(ENGINE_ANSWERS_S_MAX)
                line.connect(rest)
        else:
            host, _, port = rest.partition(":")
            socket.create_connection((host, int(port or 2375)), ENGINE_ANSWERS_S_MAX).close()
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def _in_container() -> Generator[str]:
    # Only where an engine answers is its client needed at all.
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415

    (port,) = free_ports(1)
    container = DockerContainer(IMAGE).with_bind_ports(CONTAINER_PORT, port)
    host = container.get_docker_client().host()
    settings = container_environment(host=host, port=port, container_port=CONTAINER_PORT)
    for name, value in settings.items():
        container.with_env(name, value)
    # testcontainers' reaper removes the container when this process is killed.
    with container:
        ready = until(lambda: bool(_brokers(host, port)), within_s=CONTAINER_READY_S_MAX)
        if not ready:
            out, err = container.get_logs()
            said = (out + err).decode("utf-8", errors="replace").splitlines()
            raise BrokerNeverReady(
                waited_s=round(CONTAINER_READY_S_MAX),
                reason=" | ".join(said[-12:]),
                log="the container's own log",
            )
        yield f"{host}:{port}"


def _brokers(host: str, port: int) -> int:
    answer = ask(host, port, timeout_s=ENGINE_ANSWERS_S_MAX)
    return answer.brokers if answer else 0


@contextmanager
def _local(progress: Progress | None) -> Generator[str]:
    folder = Path(tempfile.mkdtemp(prefix="handrail-broker-"))
    broker = LocalBroker(folder, progress=progress, tied=True)
    try:
        yield broker.start().bootstrap
    finally:
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)
