"""The processes that chaos plays with: kept running, killed, frozen, added and taken away.

Guarantees: only processes that were started here are ever touched, and none outlives the one that
started them. A process that ends is started again; one that ends although nobody here killed it is
an accident, kept with its last words.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from handrail.errors import BrokerUnreachable, HandrailError, NeverReady
from handrail.runtime.child import Child, ChildSpec
from handrail.runtime.failpoint import VARIABLE as FAIL_AT
from handrail.runtime.note import ProcessNote, read_note
from handrail.runtime.supervisor import exit_words

READY_WITHIN_S = 180.0  #: six interpreters that start at once on a busy machine
LEAVING_S = 20.0
START_AGAIN_S = 0.5
ACCIDENTS_MAX = 10  #: of one place; more are no chance
BURIAL_S = 5.0
LOOK_EVERY_S = 0.05

Bury = Callable[[ProcessNote], Awaitable[None]]
OnDeath = Callable[[str], None]  #: told the name of whoever was killed here, when it is dead


@dataclass(frozen=True, slots=True)
class Accident:
    """A process ended although nobody here ended it."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Death:
    """How the next death of an actor is to be treated."""

    told: bool = True  #: its groups are told at once; else they wait out the session
    again_s: float = 0.0  #: how long after it the next process starts
    fail_at: str = ""  #: the moment at which the next process is to kill itself


@dataclass(slots=True)
class Actor:
    """One place in the team, filled by one process after the other."""

    project: Path
    spec: ChildSpec
    pipe: int
    bury: Bury
    on_death: OnDeath
    accidents: list[Accident] = field(default_factory=list[Accident])
    deaths: int = 0
    frozen: bool = False
    may_kill_itself: bool = False  #: a task may be poison to whoever carries it out
    _child: Child | None = None
    _planned: Death | None = None
    _armed: str = ""
    _leaving: asyncio.Event = field(default_factory=asyncio.Event)
    _keeper: "asyncio.Task[None] | None" = None

    @property
    def name(self) -> str:
        """The name of the process, as notes and logs have it."""
        return self.spec.name

    @property
    def ready(self) -> bool:
        """Whether the running process has opened what it was given."""
        return self._child is not None and self._child.ready

    @property
    def runs(self) -> bool:
        """Whether a process runs in this place."""
        return self._child is not None and self._child.pid is not None

    @property
    def armed(self) -> str:
        """The moment at which the running process is to kill itself; empty when at none."""
        return self._armed

    def start(self) -> None:
        """Fill the place from now on."""
        self._keeper = asyncio.create_task(self._keep(), name=f"keeper of {self.name}")

    def kill(self, death: Death) -> None:
        """Kill the running process as `kill -9` does; the next one starts as the death says."""
        self._planned = death
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the running process where it is; it does not notice."""
        self.frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._signal(signal.SIGCONT)
        self.frozen = False

    async def leave(self) -> None:
        """End the process in order, or by force when that takes too long."""
        self._leaving.set()
        if self._keeper is None:
            return
        self.thaw()
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait({self._keeper}, timeout=LEAVING_S)
        if not done:
            self._signal(signal.SIGKILL)
            self.on_death(self.name)
        await self._keeper

    def drop(self) -> None:
        """Kill the process for good: nobody reads any more what it would still commit."""
        self._leaving.set()
        self._signal(signal.SIGKILL)

    async def _keep(self) -> None:
        fail_at = ""
        while not self._leaving.is_set():
            environment: Mapping[str, str] = {**self.spec.environment, FAIL_AT: fail_at}
            self._child = child = Child(self.project, replace(self.spec, environment=environment))
            self._armed = fail_at
            await child.start(self.pipe)
            if self._leaving.is_set():  # it was asked to leave while it was being started
                child.signal(signal.SIGTERM)
            code = await child.ended()
            self.frozen = False
            note = read_note(child.note_file)
            child.close()
            if self._leaving.is_set():
                return
            death = self._after(code, child, note)
            fail_at, self._armed = death.fail_at, ""
            self.deaths += 1
            if death.told and note is not None:
                await self._bury(note)
                child.note_file.unlink(missing_ok=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), timeout=death.again_s)

    def _after(self, code: int, child: Child, note: ProcessNote | None) -> Death:
        planned, self._planned = self._planned, None
        if planned is None and code == BrokerUnreachable.exit_code and not (note and note.members):
            # Without a broker no process starts, and says so; whoever started it tries again.
            return Death(again_s=START_AGAIN_S)
        by_itself = bool(self._armed) or self.may_kill_itself
        if planned is None and not (by_itself and code == -signal.SIGKILL):
            words = " ".join(child.log.last_lines(3))
            self.accidents.append(Accident(self.name, f"{exit_words(code)}: {words}"))
            return Death(again_s=START_AGAIN_S)
        self.on_death(self.name)
        return planned or Death()

    async def _bury(self, note: ProcessNote) -> None:
        # A group that cannot be told, since its broker is away, waits out the session.
        with contextlib.suppress(TimeoutError, HandrailError):
            await asyncio.wait_for(self.bury(note), timeout=BURIAL_S)

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.signal(number)


class Troupe:
    """All places of a team."""

    def __init__(self, project: Path, bury: Bury) -> None:
        """Nobody is there yet."""
        self.actors: dict[str, Actor] = {}
        self._project = project
        self._bury = bury
        self.on_death: OnDeath = lambda _: None
        self.has_poison = False  #: whether processes may kill themselves over a task
        self._left: list[Actor] = []
        self._ends: tuple[int, ...] = os.pipe()

    def join(self, spec: ChildSpec) -> Actor:
        """Open a place and fill it from now on."""
        actor = Actor(self._project, spec, self._ends[0], self._bury, self._died)
        actor.may_kill_itself = self.has_poison
        self.actors[spec.name] = actor
        actor.start()
        return actor

    def _died(self, name: str) -> None:
        self.on_death(name)

    async def leave(self, name: str) -> None:
        """Close a place in order."""
        actor = self.actors.pop(name)
        self._left.append(actor)
        await actor.leave()

    @property
    def accidents(self) -> Sequence[Accident]:
        """Every process that ended although nobody here ended it."""
        everybody = [*self._left, *self.actors.values()]
        return [accident for actor in everybody for accident in actor.accidents]

    async def ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Wait until everybody is ready. Raises NeverReady."""
        deadline = asyncio.get_running_loop().time() + within_s
        while late := [actor for actor in self.actors.values() if not actor.ready]:
            looping = any(len(actor.accidents) > ACCIDENTS_MAX for actor in late)
            if looping or asyncio.get_running_loop().time() > deadline:
                worst = max(late, key=lambda actor: len(actor.accidents))
                reason = worst.accidents[-1].words if worst.accidents else "it is not ready yet."
                raise NeverReady(name=worst.name, deadline_s=within_s, reason=reason)
            await asyncio.sleep(LOOK_EVERY_S)

    async def left(
        self, _: type[BaseException] | None, failure: BaseException | None, *__: object
    ) -> None:
        """End everybody as the body of a round was left: by force when it was broken off."""
        if isinstance(failure, asyncio.CancelledError):
            for actor in self.actors.values():
                actor.drop()
        await self.close()

    async def close(self) -> None:
        """End everybody; whoever has to be made to is no fault any more."""
        self.on_death = lambda _: None
        await asyncio.gather(*(self.leave(name) for name in [*self.actors]))
        ends, self._ends = self._ends, ()
        for end in ends:
            os.close(end)
