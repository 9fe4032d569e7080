"""Every way in which the local broker fails to start is told, and leaves nothing behind.

Java is a small real program here that fails in one way; the real Kafka has tests of its own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from handrail.bus.broker_folder import BrokerFolder, Run, is_free
from handrail.bus.file_lock import file_lock
from handrail.bus.local_broker import LocalBroker
from handrail.bus.process_birth import birth_of
from handrail.errors import (
    BrokerDied,
    BrokerFolderUnusable,
    BrokerNeverReady,
    JavaWillNotStart,
    PortsTaken,
)
from tests.unit.bus import fake_java
from tests.waiting import until_now


def broker_with(java: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> LocalBroker:
    monkeypatch.setenv("HANDRAIL_JAVA", str(fake_java.write_java(folder, java)))
    return LocalBroker(folder, cache_dir=folder / "cache", jars=[])


def test_a_java_that_ends_at_once_is_told_with_its_own_words_and_no_data_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_with(fake_java.WILL_NOT_START, tmp_path, monkeypatch)

    with pytest.raises(JavaWillNotStart, match="Java does not start") as told:
        broker.start()

    assert "could not reserve enough space" in told.value.why
    assert not BrokerFolder(tmp_path).data.exists()
    assert broker.running() is None


def test_a_java_that_is_not_there_is_told_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAIL_JAVA", str(tmp_path / "nowhere" / "java"))
    broker = LocalBroker(tmp_path, cache_dir=tmp_path, jars=[])

    with pytest.raises(JavaWillNotStart, match="Java does not start") as told:
        broker.start()

    assert str(tmp_path / "nowhere" / "java") in told.value.why


def test_a_data_folder_that_cannot_be_made_is_told_and_made_whole_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_with(fake_java.FORMAT_FAILS, tmp_path, monkeypatch)

    with pytest.raises(BrokerDied) as told:
        broker.start()
    fake_java.write_java(tmp_path, fake_java.DIES_WHILE_STARTING)
    with pytest.raises(BrokerDied):
        broker.start()

    assert "the storage is full of sand" in told.value.why
    folder = BrokerFolder(tmp_path)
    assert folder.data.is_dir()
    assert not list(folder.path.glob("forming-*"))


def test_a_broker_that_dies_while_it_starts_is_told_with_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_with(fake_java.DIES_WHILE_STARTING, tmp_path, monkeypatch)

    with pytest.raises(BrokerDied) as told:
        broker.start()

    assert "FATAL: the magic smoke has left" in told.value.why
    assert broker.running() is None


@pytest.mark.parametrize("tied", [True, False])
def test_a_broker_that_is_not_ready_in_time_is_told_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, tied: bool
) -> None:
    monkeypatch.setenv("HANDRAIL_JAVA", str(fake_java.write_java(tmp_path, fake_java.NEVER_READY)))
    broker = LocalBroker(tmp_path, cache_dir=tmp_path, jars=[], tied=tied)

    with pytest.raises(BrokerNeverReady, match="not ready within 1 s") as told:
        broker.start(ready_s=1.0)

    assert "thinking" in told.value.why
    assert broker.running() is None


def test_ports_that_are_snatched_away_three_times_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_with(fake_java.PORTS_SNATCHED, tmp_path, monkeypatch)
    strangers = tmp_path / ".handrail" / "strangers"

    try:
        with pytest.raises(PortsTaken, match="no free port"):
            broker.start()

        pids = [int(line) for line in strangers.read_text().split()]
        assert len(pids) == 3
    finally:
        for line in strangers.read_text().split() if strangers.exists() else ():
            os.kill(int(line), signal.SIGKILL)


def test_a_record_of_a_run_whose_process_is_dead_is_not_believed(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    write_run(tmp_path, Run(child.pid, "1", "127.0.0.1:1", "x"))

    assert LocalBroker(tmp_path).running() is None


def test_a_record_of_a_run_whose_number_was_given_to_another_process_harms_neither(
    tmp_path: Path,
) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    write_run(tmp_path, Run(stranger.pid, "born in another age", "127.0.0.1:1", "x"))
    broker = LocalBroker(tmp_path)

    running, stopped = broker.running(), broker.stop()

    assert (running, stopped) == (None, False)
    assert stranger.poll() is None
    stranger.communicate(b"\n")


def test_a_record_that_is_cut_short_is_no_record(tmp_path: Path) -> None:
    write_run(tmp_path, Run(1, "1", "127.0.0.1:1", "x"))
    path = BrokerFolder(tmp_path).path / "run.json"
    path.write_text(path.read_text()[:10])

    assert LocalBroker(tmp_path).running() is None


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    holding = (
        "import sys; from pathlib import Path; from handrail.bus.file_lock import file_lock\n"
        "with file_lock(Path(sys.argv[1]), wait_s=5): print(flush=True); input()"
    )
    lock = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", holding, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()

    holder.kill()
    holder.communicate()

    with file_lock(lock, wait_s=0):
        assert lock.exists()


def test_a_broker_whose_starter_was_killed_before_it_could_record_it_is_ended_by_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_with(fake_java.NEVER_READY, tmp_path, monkeypatch)
    starting = (
        "import sys; from pathlib import Path; from handrail.bus.local_broker import LocalBroker\n"
        "LocalBroker(Path(sys.argv[1]), cache_dir=Path(sys.argv[1]), jars=[]).start()"
    )
    starter = subprocess.Popen([sys.executable, "-c", starting, str(tmp_path)])
    folder = BrokerFolder(tmp_path)
    until_now(lambda: (folder.path / "broker.pid").exists() and folder.run() is not None)
    starter.kill()
    starter.wait()
    pid = int((folder.path / "broker.pid").read_text())
    (folder.path / "run.json").unlink()

    stopped = broker.stop()

    assert stopped
    assert birth_of(pid) is None


def test_a_tied_broker_ends_when_its_starter_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker_with(fake_java.NEVER_READY, tmp_path, monkeypatch)
    starting = (
        "import sys; from pathlib import Path; from handrail.bus.local_broker import LocalBroker\n"
        "here = Path(sys.argv[1]); LocalBroker(here, cache_dir=here, jars=[], tied=True).start()"
    )
    starter = subprocess.Popen([sys.executable, "-c", starting, str(tmp_path)])
    folder = BrokerFolder(tmp_path)
    run = until_now(lambda: folder.path.exists() and folder.run())
    assert run

    starter.kill()
    starter.wait()

    until_now(lambda: birth_of(run.pid) is None, what="the broker ends")


def test_stopping_and_wiping_where_nothing_ever_ran_does_nothing(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path)

    stopped = broker.stop()
    broker.wipe()

    assert not stopped
    assert list(tmp_path.iterdir()) == []


def test_a_wipe_that_was_cut_short_is_finished_by_the_next_one(tmp_path: Path) -> None:
    write_run(tmp_path, Run(1, "1", "127.0.0.1:1", "x"))
    half = tmp_path / ".handrail" / "broker.wiped-half"
    half.mkdir()
    (half / "data").write_text("left")

    LocalBroker(tmp_path).wipe()

    assert [path.name for path in (tmp_path / ".handrail").iterdir()] == ["broker.lock"]


def test_a_folder_that_cannot_be_written_is_told_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_with(fake_java.NEVER_READY, tmp_path, monkeypatch)
    (tmp_path / ".handrail").write_text("a file where a folder should be")

    with pytest.raises(BrokerFolderUnusable, match=r"cannot use the folder .*\.handrail"):
        broker.start()


def test_a_taken_port_is_left_and_a_free_one_is_kept(tmp_path: Path) -> None:
    folder = BrokerFolder(tmp_path)
    first = folder.identity()
    with socket.create_server(("127.0.0.1", first.client_port)):
        moved = folder.with_free_ports(first)
    kept = folder.with_free_ports(moved)

    assert moved.cluster_id == first.cluster_id
    assert moved.client_port != first.client_port
    assert kept == moved
    assert is_free(moved.client_port)


def write_run(project: Path, run: Run) -> None:
    folder = BrokerFolder(project)
    folder.path.mkdir(parents=True)
    folder.keep_run(run)
    assert json.loads((folder.path / "run.json").read_text())["pid"] == run.pid


def test_a_broker_that_others_know_by_its_address_is_started_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_with(fake_java.DIES_WHILE_STARTING, tmp_path, monkeypatch)
    with pytest.raises(BrokerDied):
        broker.start()
    port = BrokerFolder(tmp_path).identity().client_port

    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortsTaken) as told:
        broker.start(at=f"127.0.0.1:{port}")

    assert told.value.why == f"another program listens on 127.0.0.1:{port} now."
    assert BrokerFolder(tmp_path).identity().client_port == port
