"""The supervisor, with real child processes."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from handrail.bus.process_birth import birth_of
from handrail.errors import CrashLoop, NeverReady
from handrail.runtime.child import ChildSpec, Kind
from handrail.runtime.note import ProcessNote, ProcessState, note_path, read_note, write_note
from handrail.runtime.supervisor import Event, Hooks, Supervisor, What
from tests.waiting import until, until_now

PREAMBLE = """
import os, pathlib, signal, sys, time
from handrail.runtime.deadman import end_with_supervisor
from handrail.runtime.note import ProcessNote, ProcessState, write_note
from handrail.bus.process_birth import birth_of as born
end_with_supervisor()
path = pathlib.Path(os.environ["HANDRAIL_NOTE"])
def say(state):
    pid = os.getpid()
    write_note(path, ProcessNote(path.stem, pid, born(pid), state, members={"group": f"m{pid}"}))
def stop(*_):
    print("asked to stop", flush=True)
    say(ProcessState.STOPPED)
    os._exit(0)
"""
SERVE = "signal.signal(signal.SIGTERM, stop)\nsay(ProcessState.READY)\nwhile True: signal.pause()"
STUBBORN = (
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsay(ProcessState.READY)\n"
    "while True: signal.pause()"
)
#: More than a pipe holds, so that it stands still unless somebody reads.
TALKATIVE = "for _ in range(5_000): print('x' * 100, flush=True)\n" + SERVE
CRASH = "print('no such setting: port', flush=True)\nsys.exit(3)"


def child(name: str, body: str, kind: Kind = Kind.AGENT) -> ChildSpec:
    return ChildSpec(name, (sys.executable, "-c", PREAMBLE + body), kind)


class Watcher:
    """Remembers what the supervisor tells."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.deaths: list[ProcessNote] = []

    async def mourn(self, note: ProcessNote) -> None:
        self.deaths.append(note)

    def hooks(self) -> Hooks:
        return Hooks(self.events.append, self.mourn)

    def happened(self, what: What) -> list[str]:
        return [event.name for event in self.events if event.what is what]


def pid_of(tmp_path: Path, name: str) -> int:
    note = read_note(note_path(tmp_path, name))
    return note.pid if note and note.state is ProcessState.READY else 0


async def test_agents_stop_before_writers_and_their_notes_are_cleared(tmp_path: Path) -> None:
    watcher = Watcher()
    specs = [child("registrar", SERVE, Kind.WRITER), child("a", SERVE), child("b", SERVE)]
    supervisor = Supervisor(tmp_path, specs, watcher.hooks())

    await supervisor.start()
    await supervisor.all_ready()
    await supervisor.stop(asyncio.Event())

    stopped = watcher.happened(What.STOPPED)
    assert sorted(stopped[:2]) == ["a", "b"]
    assert stopped[2] == "registrar"
    assert watcher.deaths == []
    assert "asked to stop" in (tmp_path / ".handrail/logs/a.log").read_text()
    assert not list((tmp_path / ".handrail/run").glob("*.json"))


async def test_a_killed_child_is_reported_with_its_member_id_and_started_again(
    tmp_path: Path,
) -> None:
    watcher = Watcher()
    supervisor = Supervisor(tmp_path, [child("a", SERVE)], watcher.hooks())
    await supervisor.start()
    await supervisor.all_ready()
    first = pid_of(tmp_path, "a")

    os.kill(first, signal.SIGKILL)
    await until(lambda: pid_of(tmp_path, "a") not in {0, first})

    await supervisor.stop(asyncio.Event())
    assert [note.members for note in watcher.deaths] == [{"group": f"m{first}"}]
    assert watcher.happened(What.DIED) == ["a"]
    assert "SIGKILL" in next(e.sentence for e in watcher.events if e.what is What.DIED)


async def test_a_child_whose_words_cannot_be_kept_goes_on(tmp_path: Path) -> None:
    watcher = Watcher()
    full = tmp_path / ".handrail/logs/a.log"
    full.parent.mkdir(parents=True)
    full.symlink_to("/dev/full")
    supervisor = Supervisor(tmp_path, [child("a", TALKATIVE)], watcher.hooks())
    await supervisor.start()

    await supervisor.all_ready()

    await supervisor.stop(asyncio.Event())
    assert watcher.happened(What.STOPPED) == ["a"]
    assert watcher.deaths == []


async def test_a_child_that_could_not_be_started_is_tried_again(tmp_path: Path) -> None:
    watcher, python = Watcher(), tmp_path / "python"
    spec = ChildSpec("a", (str(python), "-c", PREAMBLE + SERVE))
    supervisor = Supervisor(tmp_path, [spec, child("b", SERVE)], watcher.hooks())
    await supervisor.start()

    await until(lambda: bool(watcher.happened(What.DIED)))
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o700)
    await supervisor.all_ready()
    await supervisor.stop(asyncio.Event())

    (told, *_) = (one.sentence for one in watcher.events if one.what is What.DIED)
    assert told.startswith("could not be started ([Errno 2]")
    assert sorted(watcher.happened(What.STOPPED)) == ["a", "b"]


async def test_a_crash_loop_is_named_with_the_last_words(tmp_path: Path) -> None:
    watcher = Watcher()
    supervisor = Supervisor(tmp_path, [child("a", CRASH)], watcher.hooks())
    await supervisor.start()

    with pytest.raises(CrashLoop) as failure:
        await supervisor.all_ready()

    await supervisor.stop(asyncio.Event())
    assert failure.value.name == "a"
    assert "no such setting: port" in failure.value.why
    assert "a" in watcher.happened(What.LOOPING)


async def test_a_child_that_says_nothing_is_named_when_it_is_not_ready_in_time(
    tmp_path: Path,
) -> None:
    supervisor = Supervisor(tmp_path, [child("a", "signal.pause()")], Watcher().hooks())
    await supervisor.start()

    with pytest.raises(NeverReady) as failure:
        await supervisor.all_ready(within_s=0.2)

    await supervisor.stop(asyncio.Event())
    assert failure.value.why == "it has said nothing."


async def test_a_child_that_will_not_stop_is_killed_after_its_drain(tmp_path: Path) -> None:
    watcher = Watcher()
    supervisor = Supervisor(tmp_path, [child("a", STUBBORN)], watcher.hooks(), drain_s=0.3)
    await supervisor.start()
    await supervisor.all_ready()

    await supervisor.stop(asyncio.Event())

    assert watcher.happened(What.KILLED) == ["a"]


async def test_hurry_cuts_the_drain_short(tmp_path: Path) -> None:
    watcher = Watcher()
    supervisor = Supervisor(tmp_path, [child("a", STUBBORN)], watcher.hooks(), drain_s=600)
    await supervisor.start()
    await supervisor.all_ready()
    hurry = asyncio.Event()
    hurry.set()

    async with asyncio.timeout(300):
        await supervisor.stop(hurry)

    assert watcher.happened(What.KILLED) == ["a"]


async def test_what_an_earlier_supervisor_left_dead_is_reported_at_the_next_start(
    tmp_path: Path,
) -> None:
    left = ProcessNote("z", 999_999_999, "long ago", members={"group": "m-old"})
    write_note(note_path(tmp_path, "z"), left)
    watcher = Watcher()
    supervisor = Supervisor(tmp_path, [child("a", SERVE)], watcher.hooks())

    await supervisor.start()
    await supervisor.stop(asyncio.Event())

    assert watcher.deaths == [left]
    assert not note_path(tmp_path, "z").exists()


def test_no_child_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import asyncio, pathlib, sys
        from tests.unit.runtime.test_supervisor import *
        async def main():
            supervisor = Supervisor(pathlib.Path({str(tmp_path)!r}),
                                    [child("a", SERVE), child("b", STUBBORN)], Watcher().hooks())
            await supervisor.start()
            await supervisor.all_ready()
            print("ready", flush=True)
            await asyncio.Event().wait()
        asyncio.run(main())
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"ready\n"
        pids = [pid_of(tmp_path, name) for name in ("a", "b")]

        supervisor.kill()
        supervisor.wait()

    assert all(pids)
    until_now(lambda: not any(birth_of(pid) for pid in pids), within_s=30)
