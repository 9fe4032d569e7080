"""What a project keeps of its local Kafka: its data, its ports, its identity, who runs it.

Every file is written beside itself and renamed, so a reader finds the old one or the new one.
Whoever changes anything here holds the lock of the folder.
"""

import base64
import json
import os
import random
import shutil
import socket
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from handrail.bus.broker_properties import HOST
from handrail.bus.process_birth import birth_of, command_of
from handrail.errors.broker import PortsTaken

# Below the range from which systems give ports to outgoing connections, so that a remembered port
# is not lost to one of those.
PORT_MIN, PORT_MAX = 20_000, 29_999
PORT_TRIES = 200
TAIL_LINES = 12
TAIL_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same from one run to the next, unless a port is found taken."""

    cluster_id: str
    client_port: int
    controller_port: int


@dataclass(frozen=True, slots=True)
class Run:
    """A broker that was started: its process, told apart from later ones of the same number."""

    pid: int
    born: str
    bootstrap: str
    cluster_id: str


class BrokerFolder:
    """The folder `.handrail/broker` of one project."""

    def __init__(self, project_dir: Path) -> None:
        """Name the folder; nothing is made yet."""
        self.path = project_dir.resolve() / ".handrail" / "broker"
        self.lock = self.path.parent / "broker.lock"
        self.data = self.path / "data"
        self.properties = self.path / "server.properties"
        self.log4j = self.path / "log4j2.properties"
        self.log = self.path / "broker.log"
        self.output = self.path / "broker.out"

    def identity(self) -> Identity:
        """Give the identity kept here, else a new one with free ports. Raises PortsTaken."""
        try:
            return Identity(**json.loads((self.path / "identity.json").read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            # Kafka writes a cluster's id as the 16 bytes of a UUID in 22 URL-safe characters.
            cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            while cluster_id.startswith("-"):
                cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            client, controller = free_ports(2)
            return Identity(self._formatted_for() or cluster_id, client, controller)

    def _formatted_for(self) -> str | None:
        try:
            text = (self.data / "meta.properties").read_text("utf-8")
        except FileNotFoundError:
            return None
        lines = (line.partition("=") for line in text.splitlines())
        return next((value.strip() for key, _, value in lines if key == "cluster.id"), None)

    def keep(self, identity: Identity) -> None:
        """Remember an identity for the next run."""
        write_whole(self.path / "identity.json", json.dumps(asdict(identity)))

    def with_free_ports(self, identity: Identity) -> Identity:
        """Give the same identity if its ports are free, else with new ports for those taken."""
        wanted = (identity.client_port, identity.controller_port)
        if all(map(is_free, wanted)):
            return identity
        client, controller = free_ports(2, not_these=wanted)
        return replace(identity, client_port=client, controller_port=controller)

    def run(self) -> Run | None:
        """Give the broker that runs here; None when none does, whatever an old record says."""
        try:
            run = Run(**json.loads((self.path / "run.json").read_text("utf-8")))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None
        return run if birth_of(run.pid) == run.born else None

    def unrecorded_run(self) -> Run | None:
        """Give a broker of this folder whose starter was killed before it could record it."""
        try:
            pid = int((self.path / "broker.pid").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        identity = self.identity()
        born = birth_of(pid)
        if born is None or mark_of(identity.cluster_id) not in command_of(pid):
            return None
        return Run(pid, born, f"{HOST}:{identity.client_port}", identity.cluster_id)

    def keep_run(self, run: Run) -> None:
        """Record who runs the broker."""
        write_whole(self.path / "run.json", json.dumps(asdict(run)))

    def forget_run(self) -> None:
        """Record that nobody does."""
        (self.path / "run.json").unlink(missing_ok=True)
        (self.path / "broker.pid").unlink(missing_ok=True)

    def wipe(self) -> None:
        """Remove everything: data, ports, logs."""
        # Renamed first, so that a wipe that is cut short leaves no half of the data in place.
        doomed = self.path.with_name(f"broker.wiped-{uuid.uuid4().hex}")
        with suppress(FileNotFoundError):
            self.path.rename(doomed)
        for left in self.path.parent.glob("broker.wiped-*"):
            shutil.rmtree(left)

    def last_words(self) -> str:
        """Give the last lines of what the broker said, for an error message."""
        lines = [*_tail(self.output), *_tail(self.log)]
        telling = [line for line in lines if not line.startswith(("\tat ", "SLF4J", "WARNING:"))]
        return " | ".join(telling[-TAIL_LINES:])


def mark_of(cluster_id: str) -> str:
    """Give the argument by which the process of one project's broker is known from all others."""
    return f"-Dhandrail.broker={cluster_id}"


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, even after a power cut."""
    beside = path.with_name(f"{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def is_free(port: int) -> bool:
    """Say whether nobody listens on a port of this machine's loopback."""
    with socket.socket() as probe:
        # As Kafka does: a connection of the last run that lingers does not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int, *, not_these: Iterable[int] = ()) -> list[int]:
    """Choose free ports at random. Raises PortsTaken when too many tries found none."""
    found: list[int] = []
    avoided = set(not_these)
    # Random, so that two projects that start at once rarely choose alike; no secret is made here.
    choices = random.Random(os.urandom(8)).sample(range(PORT_MIN, PORT_MAX + 1), PORT_TRIES)  # noqa: S311
    for port in choices:
        if port not in avoided and is_free(port):
            found.append(port)
            if len(found) == count:
                return found
    reason = f"{PORT_TRIES} ports between {PORT_MIN} and {PORT_MAX} were tried."
    raise PortsTaken(reason=reason)


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-4 * TAIL_LINES :]
