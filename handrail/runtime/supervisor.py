"""Keeps the processes of a team running: starts, restarts, names crash loops, stops in order.

Guarantees: no child outlives the supervisor, whatever the supervisor dies of; a child that dies is
reported to `on_death` with its note, so that its groups need not wait out a session, and is
started again with a growing delay; agents are stopped before writers; `stop` returns when no child
runs any more. What happens is told to `on_event` in words.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from handrail.errors import CrashLoop, HandrailError, NeverReady
from handrail.runtime.child import Child, ChildSpec, Kind
from handrail.runtime.note import ProcessNote, notes, read_note
from handrail.runtime.restart import LOOP_WINDOW_S, Restart, after_exit

READY_WITHIN_S = 60.0
DRAIN_S = 120.0
DEATH_REPORT_S = 5.0
LOOK_EVERY_S = 0.05


class What(StrEnum):
    """What happened to a child."""

    STARTED = "started"
    READY = "ready"
    DIED = "died"  #: ended although nobody asked it to
    LOOPING = "crash loop"
    STOPPING = "stopping"
    STOPPED = "stopped"
    KILLED = "killed"  #: did not stop in time, or was not given any


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one child, with a sentence for people."""

    name: str
    what: What
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Whom the supervisor tells: of events, and of deaths, with the note that the dead one left."""

    on_event: Callable[[Event], None]
    on_death: Callable[[ProcessNote], Awaitable[None]]


class Supervisor:
    """The children of one project folder."""

    def __init__(
        self, project: Path, specs: Sequence[ChildSpec], hooks: Hooks, *, drain_s: float = DRAIN_S
    ) -> None:
        """Nothing is started yet. `drain_s` bounds how long a child may finish its work."""
        self.children = [Child(project, spec) for spec in specs]
        self._project = project
        self._hooks = hooks
        self._drain_s = drain_s
        self._stopping = asyncio.Event()
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._read_end, self._write_end = os.pipe()

    async def start(self) -> None:
        """Start every child; first tell the groups about what an earlier supervisor left dead."""
        for path, note in list(notes(self._project)):
            if note.known_dead:
                await self._report_death(note)
                path.unlink(missing_ok=True)
        for child in self.children:
            keeper = asyncio.create_task(self._keep(child), name=f"keeper of {child.spec.name}")
            self._keepers[child.spec.name] = keeper

    async def all_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Wait until every child is ready; raises CrashLoop or NeverReady for one that is not."""
        deadline = asyncio.get_running_loop().time() + within_s
        while late := [child for child in self.children if not child.ready]:
            for child in late:
                if restart_of(child, asyncio.get_running_loop().time()).loop:
                    raise self._crash_loop(child)
            for keeper in self._keepers.values():
                if keeper.done():
                    keeper.result()
            if asyncio.get_running_loop().time() > deadline:
                reason = late[0].log.last_words() or "it has said nothing."
                raise NeverReady(name=late[0].spec.name, deadline_s=within_s, reason=reason)
            await asyncio.sleep(LOOK_EVERY_S)

    async def failed(self) -> None:
        """Wait until a child can no longer be kept, which only a defect brings about; raise it."""
        done, _ = await asyncio.wait(self._keepers.values(), return_when=asyncio.FIRST_EXCEPTION)
        for keeper in done:
            keeper.result()

    async def stop(self, hurry: asyncio.Event) -> None:
        """Stop agents, then writers; once `hurry` is set, or past the drain, they are killed."""
        self._stopping.set()
        for kind in (Kind.AGENT, Kind.WRITER):
            chosen = [child for child in self.children if child.spec.kind is kind]
            await self._stop_all(chosen, hurry)
        await asyncio.gather(*self._keepers.values())
        for child in self.children:
            child.close()
        os.close(self._read_end)
        os.close(self._write_end)

    async def _stop_all(self, children: Sequence[Child], hurry: asyncio.Event) -> None:
        for child in children:
            if child.pid is not None:
                self._tell(child, What.STOPPING)
            child.signal(signal.SIGTERM)
        keepers = [self._keepers[c.spec.name] for c in children if c.spec.name in self._keepers]
        if not keepers:
            return
        all_ended = asyncio.ensure_future(asyncio.wait(keepers))
        hurried = asyncio.ensure_future(hurry.wait())
        await asyncio.wait(
            {all_ended, hurried}, timeout=self._drain_s, return_when=asyncio.FIRST_COMPLETED
        )
        hurried.cancel()
        for child in children:
            if child.pid is not None:
                child.signal(signal.SIGKILL)
                self._tell(child, What.KILLED, "it did not end in time.")
        await all_ended

    async def _keep(self, child: Child) -> None:
        while not self._stopping.is_set():
            try:
                await child.start(self._read_end)
            except OSError as error:  # no memory for it, or no process to be had: that passes
                await self._not_started(child, error)
                continue
            if self._stopping.is_set():
                child.signal(signal.SIGTERM)
            self._tell(child, What.STARTED)
            watch = asyncio.create_task(self._announce(child), name=f"ready {child.spec.name}")
            code = await child.ended()
            watch.cancel()
            if self._stopping.is_set():
                self._tell(child, What.STOPPED)
            else:
                await self._bury(child, code)

    async def _announce(self, child: Child) -> None:
        while not child.ready:  # noqa: ASYNC110  # a file tells, and files wake nobody
            await asyncio.sleep(LOOK_EVERY_S)
        self._tell(child, What.READY)

    async def _bury(self, child: Child, code: int) -> None:
        """Say that a child died, tell its groups, and wait until it may be started again."""
        words = child.log.last_words()
        last = f"Its last words: {words}" if words else ""
        restart = self._tell_death(child, exit_words(code), last)
        note = read_note(child.note_file)
        if note is not None:
            await self._report_death(note)
            child.note_file.unlink(missing_ok=True)
        await self._pause(restart)

    async def _not_started(self, child: Child, error: OSError) -> None:
        """Say that a child could not be started, and wait until it is tried again."""
        child.exits_s.append(asyncio.get_running_loop().time())
        child.log.write(f"It could not be started: {error}".encode())
        await self._pause(self._tell_death(child, f"could not be started ({error})", ""))

    def _tell_death(self, child: Child, how: str, words: str) -> Restart:
        restart = restart_of(child, child.exits_s[-1])
        again = f"starting again in {restart.delay_s:g} s."
        self._tell(child, What.DIED, f"{how}; {again} {words}".rstrip())
        if restart.loop:
            see = f"See why: handrail logs {child.spec.name}"
            self._tell(child, What.LOOPING, f"{self._crash_loop(child).what} {see}")
        return restart

    async def _pause(self, restart: Restart) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), timeout=restart.delay_s)

    async def _report_death(self, note: ProcessNote) -> None:
        # A group that cannot be told notices by itself when the session is over.
        with contextlib.suppress(TimeoutError, HandrailError):
            await asyncio.wait_for(self._hooks.on_death(note), timeout=DEATH_REPORT_S)

    def _crash_loop(self, child: Child) -> CrashLoop:
        return CrashLoop(
            name=child.spec.name,
            exits=restart_of(child, child.exits_s[-1]).exits,
            window_s=LOOP_WINDOW_S,
            last_words=" | ".join(child.log.last_lines()) or "(none)",
        )

    def _tell(self, child: Child, what: What, sentence: str = "") -> None:
        self._hooks.on_event(Event(child.spec.name, what, sentence))


def restart_of(child: Child, now_s: float) -> Restart:
    """Give what `restart` decides about a child now; one that never ended is no loop."""
    return after_exit(child.exits_s, now_s) if child.exits_s else Restart(0.0, 0, loop=False)


def exit_words(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
