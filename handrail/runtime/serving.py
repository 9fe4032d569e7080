"""One process of a team, from its first line to its last: connects, serves, drains, says how it is.

Guarantees: SIGTERM or Ctrl-C takes in nothing more, lets running handlers commit for as long as the
drain allows, and leaves the groups; a second one ends the process at once, which loses and doubles
nothing. Its note says when every partition is open, and under which member ids it sits in its
groups. It ends with its supervisor.
"""

import asyncio
import contextlib
import dataclasses
import functools
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import structlog

from handrail.bus.kafka import KafkaBus
from handrail.bus.port import Bus
from handrail.bus.process_birth import birth_of
from handrail.bus.settings import Settings
from handrail.bus.stray import stray_cancellations_told
from handrail.bus.where import connection_for
from handrail.contract.agent import Agent
from handrail.contract.remote import RemoteTool
from handrail.contract.team import TeamDescription
from handrail.errors import HandrailError
from handrail.models.choose import close_model, model_from_environment
from handrail.models.port import Model
from handrail.rails.gateway import Rails
from handrail.rails.policy_files import policy_of
from handrail.runtime.child import NOTE_VARIABLE
from handrail.runtime.clock import WallClock
from handrail.runtime.confining import Confining, confining
from handrail.runtime.departed import bury_predecessors
from handrail.runtime.discovery import ToolFiles
from handrail.runtime.keeper import KEEPER, keeper
from handrail.runtime.lingering import end_without_threads
from handrail.runtime.note import ProcessNote, ProcessState, note_path, read_note, write_note
from handrail.runtime.registrar import registrar
from handrail.runtime.single_writer import SingleWriter
from handrail.runtime.standstill import LoopWatch
from handrail.runtime.team_imports import import_named
from handrail.runtime.worker.place import Limits
from handrail.runtime.worker.process import AgentProcess, ProcessSettings
from handrail.runtime.worker.process_memory import KEYS_FILE

log = structlog.get_logger("handrail.process")

GARBAGE_OBJECTS, GARBAGE_GENERATIONS = 20_000, (20, 50)
NOTE_EVERY_S = 0.1
REGISTRAR = "registrar"  #: a name that no agent may have


@dataclass(frozen=True, slots=True)
class Standing:
    """How a served part stands now."""

    ready: bool
    members: dict[str, str]
    partitions: int
    handled: int
    in_hand: int  #: taken up and not ended
    waits_for: str = ""  #: which providers let little through now, in words
    closed: Mapping[str, str] = field(default_factory=dict[str, str])  #: see `ProcessNote`


class Served(Protocol):
    """What a process serves: agents, or a single writer."""

    async def run(self, stop: asyncio.Event) -> None:
        """Join, serve until `stop`, drain and leave; raise what cannot be mended."""
        ...

    def standing(self) -> Standing:
        """Say how it stands; called at any time."""
        ...


class ServedAgents:
    """Some or all agents of a team."""

    def __init__(self, process: AgentProcess) -> None:
        """Serve this process's agents."""
        self._process = process

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then drain; nothing is begun once it is set."""
        try:
            if await _done_before(stop, self._process.prepare()):
                await self._process.start()
                await self._process.run(stop)
        finally:
            await self._process.close()

    def standing(self) -> Standing:
        """Add up the agents."""
        all_of_them = self._process.status()
        return Standing(
            ready=self._process.is_ready,
            members={one.group: one.member_id for one in all_of_them if one.member_id},
            partitions=sum(len(one.partitions) for one in all_of_them),
            handled=sum(one.finished + one.dead for one in all_of_them),
            in_hand=sum(one.waiting + one.running for one in all_of_them),
            waits_for=self._process.gates.in_words() or "",
            closed={where: why for one in all_of_them for where, why in one.closed.items()},
        )


async def _done_before(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do work that nobody has to wait for, unless `stop` is set first. Raises what it raises."""
    working = asyncio.create_task(work, name="prepare to serve")
    stopping = asyncio.create_task(stop.wait(), name="stop of what is not ready")
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            return False
        await working
        return True
    finally:
        for task in (stopping, working):
            task.cancel()
            await asyncio.wait({task})


class ServedWriter:
    """A single writer."""

    def __init__(self, writer: SingleWriter) -> None:
        """Serve this writer."""
        self._writer = writer

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`, then finish the batch in hand."""
        working = asyncio.create_task(self._writer.run(), name="single writer")
        stopping = asyncio.create_task(stop.wait(), name="stop of the single writer")
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._writer.stop()
            await working
        finally:
            for task in (stopping, working):
                task.cancel()
                await asyncio.wait({task})

    def standing(self) -> Standing:
        """Say which partitions it holds, and how many records it has taken and takes now."""
        member = self._writer.membership
        return Standing(
            ready=self._writer.is_ready,
            members={member.group: member.member_id} if member else {},
            partitions=len(self._writer.holds),
            handled=self._writer.handled_count,
            in_hand=self._writer.in_hand_count,
        )


class Noted:
    """Keeps this process's note true while it serves.

    A full disk costs the truth of the note, and is told: what is served does not end over it.
    """

    def __init__(self, path: Path, name: str, agents: Sequence[str]) -> None:
        """Write the first note: starting. Raises OSError."""
        self.path = path
        self.predecessor = read_note(path)
        self._written = ProcessNote(
            name=name,
            pid=os.getpid(),
            born=birth_of(os.getpid()) or "",
            agents=tuple(agents),
            since_ms=time.time_ns() // 1_000_000,
        )
        write_note(path, self._written)
        self._told_why = ""

    def say(self, state: ProcessState, standings: Sequence[Standing] = ()) -> None:
        """Write the note if anything in it has changed."""
        note = dataclasses.replace(self._written, state=state)
        if standings:
            members = {group: id_ for one in standings for group, id_ in one.members.items()}
            note = dataclasses.replace(
                note,
                members=members or self._written.members,
                partitions=sum(one.partitions for one in standings),
                handled=sum(one.handled for one in standings),
                in_hand=sum(one.in_hand for one in standings),
                waits_for="; ".join(one.waits_for for one in standings if one.waits_for),
                closed={where: why for one in standings for where, why in one.closed.items()},
            )
        if note != self._written:
            self._write(note)

    def _write(self, note: ProcessNote) -> None:
        try:
            write_note(self.path, note)
        except OSError as error:
            if (why := str(error)) != self._told_why:
                log.warning("the note of this process is out of date", why=why)
                self._told_why = why
            return
        self._written, self._told_why = note, ""


@dataclass(frozen=True, slots=True)
class Serving:
    """What one process is to serve, and where."""

    settings: Settings
    bootstrap: str
    name: str
    team: TeamDescription
    agents: Sequence[Agent[..., Any]]
    tool_files: ToolFiles
    writers: Sequence[str] = ()
    on_ready: Callable[[Sequence[Standing]], None] = lambda _: None


async def serve(plan: Serving) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises what ends a part, after the others have left."""
    given = os.environ.get(NOTE_VARIABLE)
    path = Path(given) if given else note_path(plan.settings.project_dir, plan.name)
    noted = Noted(path, plan.name, [*plan.writers, *(agent.name for agent in plan.agents)])
    stop, task = asyncio.Event(), asyncio.current_task()
    assert task is not None
    _on_signals(stop, task)
    bus = KafkaBus(connection_for(plan.settings, plan.bootstrap))
    model = model_from_environment(
        importing=functools.partial(import_named, plan.settings.project_dir)
    )
    try:
        with stray_cancellations_told(plan.bootstrap):
            await bus.start()
            await bury_predecessors(bus, plan.settings.project_dir, noted.predecessor)
            async with (
                _remote_tools(plan),
                confining(plan.settings.project_dir, plan.team.tools, plan.tool_files) as confined,
            ):
                await _serve_all(_parts(plan, bus, model, confined), plan, noted, stop)
        noted.say(ProcessState.STOPPED)
    finally:
        await close_model(model)
        await bus.close()
    if not given:
        path.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def _remote_tools(plan: Serving) -> AsyncGenerator[None]:
    """Tell the remote tools of the team how they stand, where it has some."""
    if not any(isinstance(tool, RemoteTool) for tool in plan.team.tools):
        yield
        return
    from handrail.runtime.remote_tools import remote_tools  # noqa: PLC0415  few teams need it

    async with remote_tools(plan.settings.mcp, plan.settings.project_dir, plan.team.tools):
        yield


def _parts(plan: Serving, bus: Bus, model: Model, confined: Confining) -> list[Served]:
    parts: list[Served] = []
    if REGISTRAR in plan.writers:
        parts.append(ServedWriter(registrar(bus, plan.settings.namespace, WallClock())))
    if KEEPER in plan.writers:
        spaces = plan.team.spaces
        parts.append(ServedWriter(keeper(bus, plan.settings.namespace, spaces, WallClock())))
    if plan.agents:
        folder = plan.settings.project_dir / ".handrail"
        settings = ProcessSettings(
            namespace=plan.settings.namespace,
            process=plan.name,
            limits=Limits(
                task_deadline_s=plan.settings.task_deadline_s,
                fan_out_parts_max=plan.settings.fan_out_parts_max,
            ),
            drain_s=plan.settings.drain_s,
            steps=confined.steps,
            rails=Rails(policy_of(plan.settings.project_dir), confines=confined.confines),
            references=folder / "references",
            memory=folder / "memory",
            subject_keys=folder / "keys" / KEYS_FILE,
            project=plan.settings.project_dir,
        )
        parts.append(ServedAgents(AgentProcess(bus, plan.agents, plan.team, model, settings)))
    return parts


async def _serve_all(
    parts: Sequence[Served], plan: Serving, noted: Noted, stop: asyncio.Event
) -> None:
    running = [asyncio.create_task(part.run(stop), name=type(part).__name__) for part in parts]
    announced = False
    try:
        while not all(task.done() for task in running):
            await asyncio.wait(running, timeout=NOTE_EVERY_S, return_when=asyncio.FIRST_EXCEPTION)
            if any(task.done() for task in running):
                stop.set()  # one part has ended or failed: the others end in order
            standings = [part.standing() for part in parts]
            ready = all(one.ready for one in standings)
            if stop.is_set():
                noted.say(ProcessState.DRAINING, standings)
                continue
            noted.say(ProcessState.READY if ready else ProcessState.STARTING, standings)
            if ready and not announced:
                announced = True
                plan.on_ready(standings)
        for task in running:
            task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _on_signals(stop: asyncio.Event, serving: asyncio.Task[Any]) -> None:
    def asked_to_stop() -> None:
        if stop.is_set():
            serving.cancel()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop)


def _calm_the_collector() -> None:
    """Keep Python from looking for cycles among everything that was loaded, again and again.

    Measured at full load, its default thresholds cost a quarter of the processor's time: each
    handoff makes some hundred objects that die with it. Cycles are still looked for, whenever
    there are 20,000 objects more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, *GARBAGE_GENERATIONS)


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on the fastest event loop there is; a second Ctrl-C ends it quietly.

    A loop that stands still for ten minutes ends the process. So does what a handler has left in a
    thread, two seconds after the coroutine has ended: call this last.
    """
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415  # it is not there on Windows

        factory = uvloop.new_event_loop
    _calm_the_collector()
    code = 1
    try:
        with (
            contextlib.suppress(asyncio.CancelledError),
            asyncio.Runner(loop_factory=factory) as runner,
        ):
            runner.run(_watched(main))
        code = 0
    except HandrailError as error:
        code = error.exit_code
        raise
    finally:
        end_without_threads(code)


async def _watched(main: Coroutine[Any, Any, None]) -> None:
    watch, loop = LoopWatch(), asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor())
    watch.start()
    try:
        await main
    finally:
        watch.stop()
        # A loop that is closed waits for its threads, and nobody would be told why it ended.
        loop.set_default_executor(ThreadPoolExecutor(1))
