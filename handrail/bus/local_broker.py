"""A real Apache Kafka for one project on one machine, started and ended by Handrail.

Guaranteed: two callers that start it at once get the same broker; two projects never share or
disturb one; it listens on 127.0.0.1 only; its data outlive it; whatever fails leaves no process
and no half-made data behind. Not guaranteed: that data survive the loss of the machine's disk.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from handrail.bus import broker_launcher
from handrail.bus.broker_folder import BrokerFolder, Identity, Run, is_free, mark_of, write_whole
from handrail.bus.broker_jars import Jar, fetch_jars, locked_jars, user_cache
from handrail.bus.broker_java import find_java
from handrail.bus.broker_probe import ask
from handrail.bus.broker_properties import HOST, JVM_FLAGS, log4j_properties, server_properties
from handrail.bus.file_lock import file_lock
from handrail.bus.process_birth import birth_of
from handrail.bus.progress import Progress, Silent
from handrail.bus.waiting import until
from handrail.errors.broker import (
    BrokerDied,
    BrokerFolderUnusable,
    BrokerNeverReady,
    BrokerWillNotEnd,
    JavaWillNotStart,
    PortsTaken,
)

READY_S_MAX = 60.0  #: three seconds on an idle machine of 2026; a busy one needs patience
FORMAT_S_MAX = 60.0
ENDING_S_MAX = 20.0  #: how long the broker may take to close its files before it is killed
KILLED_S_MAX = 10.0
LOCK_S_MAX = READY_S_MAX + FORMAT_S_MAX + ENDING_S_MAX + KILLED_S_MAX
PROBE_S_MAX = 1.0
PORT_CHOICES = 3  #: how often a port that was snatched away at the last moment is chosen anew


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """A broker that answers: where it is, its process, and whether this very call started it."""

    bootstrap: str
    pid: int
    started_here: bool


class LocalBroker:
    """The local Kafka of one project folder. Its methods block: seconds, or minutes once.

    With `tied=True` the broker that this object starts ends when this process does, however it
    ends; without, it stays until `stop()` is called by anyone. `jars` are those of another Kafka
    than the locked one. They come from HANDRAIL_JARS_URL, a Maven repository, else Maven Central.
    """

    def __init__(
        self,
        project_dir: Path,
        *,
        cache_dir: Path | None = None,
        progress: Progress | None = None,
        tied: bool = False,
        jars: Sequence[Jar] | None = None,
    ) -> None:
        """Name the project; nothing is started or written yet."""
        self._folder = BrokerFolder(project_dir)
        self._cache = cache_dir or user_cache()
        self._progress: Progress = progress or Silent()
        self._tied = tied
        self._jars = locked_jars() if jars is None else list(jars)
        self._launcher: subprocess.Popen[str] | None = None

    @property
    def log_path(self) -> Path:
        """Where the broker writes its log."""
        return self._folder.log

    def running(self) -> RunningBroker | None:
        """Give the broker that runs for this project; never blocks for long, starts nothing."""
        run = self._folder.run()
        return RunningBroker(run.bootstrap, run.pid, started_here=False) if run else None

    def start(self, *, ready_s: float = READY_S_MAX, at: str | None = None) -> RunningBroker:
        """Give the running broker, starting it where none runs; it answers when this returns.

        It is started nowhere but `at`, where that is given: others know it by that address.
        Raises the errors of `handrail.errors.broker`, each with its cure; then nothing runs that
        did not run before.
        """
        if running := self._answering():
            return running
        java = find_java()
        jars = fetch_jars(
            self._cache, self._progress, jars=self._jars, url=os.environ.get("HANDRAIL_JARS_URL")
        )
        try:
            self._folder.path.mkdir(parents=True, exist_ok=True)
            with file_lock(self._folder.lock, wait_s=LOCK_S_MAX):
                self._folder.path.mkdir(parents=True, exist_ok=True)
                return self._answering() or self._start(java, jars, ready_s, at)
        except OSError as error:
            raise BrokerFolderUnusable(folder=self._folder.path, reason=error) from error

    def stop(self) -> bool:
        """End the broker in its own order, or by force after 20 s; say whether one ran."""
        if not self._folder.path.exists():
            return False
        with file_lock(self._folder.lock, wait_s=LOCK_S_MAX):
            return self._stop()

    def wipe(self) -> None:
        """End the broker and remove its data, ports and logs. The downloaded jars stay."""
        if not self._folder.path.parent.exists():
            return
        try:
            with file_lock(self._folder.lock, wait_s=LOCK_S_MAX):
                self._stop()
                self._folder.wipe()
        except OSError as error:
            raise BrokerFolderUnusable(folder=self._folder.path, reason=error) from error

    def _answering(self) -> RunningBroker | None:
        run = self._folder.run()
        if run is None:
            return None
        answer = ask(HOST, int(run.bootstrap.rpartition(":")[2]), timeout_s=PROBE_S_MAX)
        if answer is None or answer.cluster_id != run.cluster_id or not answer.brokers:
            return None
        return RunningBroker(run.bootstrap, run.pid, started_here=False)

    def _start(self, java: Path, jars: list[Path], ready_s: float, at: str | None) -> RunningBroker:
        # A broker that is alive and does not answer is one whose starter was killed half-way.
        self._stop()
        command = [str(java), *JVM_FLAGS, f"-Dlog4j2.configurationFile={self._folder.log4j.name}"]
        command += ["-cp", os.pathsep.join(map(str, jars))]
        identity = self._folder.identity()
        for _ in range(PORT_CHOICES):
            chosen = self._folder.with_free_ports(identity)
            if at not in {None, f"{HOST}:{chosen.client_port}"}:
                raise PortsTaken(reason=f"another program listens on {at} now.")
            if chosen.client_port != identity.client_port:
                moved = f"{identity.client_port} is taken; it moves to {chosen.client_port}"
                self._progress.say(f"The local Kafka's port {moved}.")
            identity = chosen
            marked = [*command, mark_of(identity.cluster_id)]
            self._prepare(marked, identity)
            run = self._launch(marked, identity)
            if self._wait_until_ready(run, ready_s):
                return RunningBroker(run.bootstrap, run.pid, started_here=True)
            if is_free(identity.client_port) and is_free(identity.controller_port):
                raise BrokerDied(reason=self._folder.last_words(), log=self._folder.log)
        raise PortsTaken(reason=f"{PORT_CHOICES} choices were taken before Kafka could use them.")

    def _prepare(self, command: list[str], identity: Identity) -> None:
        """Write the settings and, the first time, format the data folder: whole or not at all."""
        folder = self._folder
        folder.log.unlink(missing_ok=True)
        folder.output.unlink(missing_ok=True)
        write_whole(folder.log4j, log4j_properties(folder.log.name))
        if not folder.data.exists():
            folder.keep(identity)
            for left in folder.path.glob("forming-*"):
                shutil.rmtree(left, ignore_errors=True)
            forming = Path(tempfile.mkdtemp(prefix="forming-", dir=folder.path))
            self._progress.say("Making the data folder of the local Kafka.")
            self._write_properties(identity, forming.name)
            self._format(command, identity)
            forming.rename(folder.data)
        self._write_properties(identity, folder.data.name)
        folder.keep(identity)

    def _write_properties(self, identity: Identity, data: str) -> None:
        text = server_properties(
            data=data,
            client_port=identity.client_port,
            controller_port=identity.controller_port,
        )
        write_whole(self._folder.properties, text)

    def _format(self, command: list[str], identity: Identity) -> None:
        tool = [*command, "kafka.tools.StorageTool", "format", "--standalone"]
        tool += ["-t", identity.cluster_id, "-c", self._folder.properties.name]
        try:
            made = subprocess.run(
                tool,
                cwd=self._folder.path,
                env=_environment(),
                capture_output=True,
                text=True,
                timeout=FORMAT_S_MAX,
                check=False,
            )
        except OSError as error:
            raise JavaWillNotStart(java=command[0], reason=error.strerror) from error
        except subprocess.TimeoutExpired as error:
            reason = "the data folder could not be made in time."
            raise BrokerNeverReady(
                waited_s=round(FORMAT_S_MAX), reason=reason, log=self._folder.log
            ) from error
        if made.returncode != 0:
            said = " | ".join((made.stderr or made.stdout).strip().splitlines()[-5:])
            raise self._died_of(said or f"it ended with code {made.returncode}.", command[0])

    def _died_of(self, said: str, java: str) -> JavaWillNotStart | BrokerDied:
        # Whatever Java says before it runs a single class is a fault of Java, not of Kafka.
        if _java_runs(java):
            return BrokerDied(reason=said, log=self._folder.log)
        return JavaWillNotStart(java=java, reason=said)

    def _launch(self, command: list[str], identity: Identity) -> Run:
        way = "tied" if self._tied else "free"
        script = broker_launcher.__file__
        launch = [sys.executable, "-I", "-S", script, way, str(self._folder.path)]
        launcher = subprocess.Popen(
            [*launch, *command, "kafka.Kafka", self._folder.properties.name],
            env=_environment(),
            stdin=subprocess.PIPE if self._tied else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert launcher.stdout is not None
        assert launcher.stderr is not None
        told = launcher.stdout.readline().strip()
        launcher.stdout.close()
        if not told:
            reason = launcher.stderr.read().strip()
            launcher.stderr.close()
            launcher.wait()
            raise JavaWillNotStart(java=command[0], reason=reason)
        launcher.stderr.close()
        if self._tied:
            self._launcher = launcher
        else:
            launcher.wait()
        run = Run(
            pid=int(told),
            born=birth_of(int(told)) or "",
            bootstrap=f"{HOST}:{identity.client_port}",
            cluster_id=identity.cluster_id,
        )
        self._folder.keep_run(run)
        return run

    def _wait_until_ready(self, run: Run, ready_s: float) -> bool:
        """Wait for the broker to serve; False when it ended. Raises BrokerNeverReady."""
        port = int(run.bootstrap.rpartition(":")[2])

        def serves() -> bool:
            answer = ask(HOST, port, timeout_s=PROBE_S_MAX)
            return bool(answer and answer.cluster_id == run.cluster_id and answer.brokers)

        try:
            settled = until(lambda: not _lives(run) or serves(), within_s=ready_s)
            if settled and _lives(run):
                return True
        except BaseException:
            # Ctrl-C while it starts: nothing may be left running that nobody has waited for.
            self._stop()
            raise
        self._stop()
        if settled:
            return False
        reason = self._folder.last_words() or "it said nothing."
        raise BrokerNeverReady(waited_s=round(ready_s), reason=reason, log=self._folder.log)

    def _stop(self) -> bool:
        run = self._folder.run() or self._folder.unrecorded_run()
        if run is not None:
            _end(run)
        if self._launcher is not None:
            assert self._launcher.stdin is not None
            self._launcher.stdin.close()
            self._launcher.wait(ENDING_S_MAX)
            self._launcher = None
        self._folder.forget_run()
        return run is not None


def _end(run: Run) -> None:
    for sign, patience_s in ((signal.SIGTERM, ENDING_S_MAX), (signal.SIGKILL, KILLED_S_MAX)):
        try:
            os.kill(run.pid, sign)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise BrokerWillNotEnd(pid=run.pid, reason="it belongs to somebody else.") from error
        if until(lambda: not _lives(run), within_s=patience_s):
            return
    raise BrokerWillNotEnd(pid=run.pid, reason="the system does not end it.")


def _lives(run: Run) -> bool:
    return birth_of(run.pid) == run.born


def _environment() -> dict[str, str]:
    # Java reads the names of files by the locale; under another one it misses those with umlauts.
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _java_runs(java: str) -> bool:
    try:
        tried = subprocess.run([java, "-version"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0
