"""Plays one round: a broker, a team, a load, faults, a rest; what is left is a history.

Guarantees: whatever ends the round, nothing that was started here still runs when it is over. The
broker listens on loopback, lies in the round's own folder, and its data go with it; the history
stays.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from handrail.bus.kafka import KafkaBus
from handrail.bus.local_broker import LocalBroker
from handrail.bus.port import Bus
from handrail.bus.progress import Progress, Silent
from handrail.bus.where import Connection
from handrail.chaos.folder import (
    EFFECTS_FILE,
    FAULTS_FILE,
    REPLICAS_FILE,
    SUBMISSIONS_FILE,
    line_of,
    write_run,
)
from handrail.chaos.history import SETTLE_S, Bounds, Run
from handrail.chaos.lines import Lines
from handrail.chaos.loader import Loader
from handrail.chaos.nemesis import Nemesis
from handrail.chaos.people import People
from handrail.chaos.provider_call import ADDRESS_VARIABLE
from handrail.chaos.proxy import KafkaProxy
from handrail.chaos.recorder import Recorder
from handrail.chaos.replicas import replicas_of
from handrail.chaos.settling import Settling
from handrail.chaos.stage import Stage
from handrail.chaos.strikes import Kind, Severity, schedule
from handrail.chaos.troupe import Accident, Troupe
from handrail.errors import NeverReady
from handrail.runtime.child import Child, ChildSpec
from handrail.runtime.note import ProcessNote
from handrail.runtime.topics import Layout, apply, needed
from handrail.runtime.worker.place import TENANT_DEFAULT
from handrail.wire.ids import task_id_of

BEHIND_PROXIES = frozenset({Kind.ENDTXN, Kind.CUTOFF})
PROVIDER_WITHIN_S = 30.0
LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlan:
    """What is played."""

    seed: int
    folder: Path  #: of this round alone
    over_s: float  #: of load and faults
    kinds: tuple[Kind, ...]
    processes: int
    severity: Severity = field(default_factory=Severity)
    settle_s: float = SETTLE_S
    progress: Progress = field(default_factory=Silent)
    tell: Callable[[str], None] = lambda _: None

    @property
    def history(self) -> Path:
        """The folder of what is left."""
        return self.folder / "history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How a round went, beside its history."""

    tasks: int
    faults: Mapping[str, int]
    accidents: Sequence[Accident]
    settled: bool
    rest_s: float  #: until nothing moved any more, or until it was found to hang
    took_s: float


async def play(plan: RoundPlan, stage: Stage) -> Played:
    """Play a round. Raises what keeps it from being played: NeverReady, a broker that is broken."""
    began_s, started_ms = time.monotonic(), _now_ms()
    plan.history.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        broker = LocalBroker(plan.folder / "broker", progress=plan.progress, tied=True)
        stack.push_async_callback(asyncio.to_thread, broker.wipe)
        bootstrap = (await asyncio.to_thread(broker.start)).bootstrap
        bus = KafkaBus(Connection(bootstrap, "PLAINTEXT"))
        stack.push_async_callback(bus.close)
        await bus.start()
        layout = Layout(stage.namespace, stage.partitions, replication=1)
        await apply(bus.admin, needed(stage.description, layout))
        provider = await stack.enter_async_context(_provider(plan))
        recorder = Recorder(bus, stage.namespace, plan.history)
        stack.push_async_callback(recorder.close)
        await recorder.begin()

        async def bury(note: ProcessNote) -> None:
            for group, member_id in note.members.items():
                await bus.admin.remove_member(group, member_id)

        troupe = Troupe(stage.project, bury)
        troupe.has_poison = any(load.may_die for load in stage.loads)
        stack.push_async_exit(troupe.left)
        proxies = await _team(plan, stage, troupe, bootstrap, provider, stack)
        lines = Lines(plan.history / FAULTS_FILE)
        stack.callback(lines.close)
        nemesis = Nemesis(troupe, broker, proxies, provider, lines, plan.seed)
        await stack.enter_async_context(nemesis)
        await troupe.ready()
        plan.tell(f"The team is ready after {time.monotonic() - began_s:.1f} s.")
        log = plan.history / SUBMISSIONS_FILE
        loader = Loader(bus.sender(), stage.namespace, stage.intake, log)
        strikes = schedule(plan.seed, plan.kinds, plan.over_s, [*troupe.actors], plan.severity)
        async with _people(plan, stage, bus) as sent_back:
            async with asyncio.TaskGroup() as playing:
                playing.create_task(loader.hand_in(stage.loads, plan.over_s), name="load")
                playing.create_task(nemesis.play(strikes, plan.over_s), name="faults")
            plan.tell(f"All faults are over: {_counted(nemesis.counts)}. Waiting for rest.")
            tasks = {one.task for one in loader.submissions}
            rest_began_s = time.monotonic()
            settled = await Settling(bus, stage.namespace).wait(
                tasks, plan.settle_s, lambda: nemesis.last_s, sent_back
            )
            rest_s = time.monotonic() - rest_began_s
        await troupe.close()
        await recorder.finish(stage.facts())
        (plan.history / REPLICAS_FILE).write_bytes(
            b"".join(map(line_of, replicas_of(stage.project)))
        )
        write_run(_run(plan, stage, started_ms, nemesis, settled=settled), plan.history)
    return Played(
        tasks=len(tasks),
        faults=dict(nemesis.counts),
        accidents=troupe.accidents,
        settled=settled,
        rest_s=rest_s,
        took_s=time.monotonic() - began_s,
    )


@asynccontextmanager
async def _people(plan: RoundPlan, stage: Stage, bus: Bus) -> AsyncGenerator[Collection[str]]:
    """Let people act, where it is known what they could say; gives the tasks that they send back.

    They answer and cancel while there are faults, and send back for as long as the body lasts.
    """
    dying = {
        task_id_of(TENANT_DEFAULT, load.reference): load.number for load in stage.loads if load.dies
    }
    if not stage.has_people:
        yield ()
        return
    people = People(bus, stage.namespace, stage.project, plan.seed, dying=dying)
    over = asyncio.Event()
    playing = asyncio.create_task(people.play(plan.over_s, over), name="people")
    try:
        yield dying
        over.set()
        await playing
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


async def _team(
    plan: RoundPlan,
    stage: Stage,
    troupe: Troupe,
    bootstrap: str,
    provider: str,
    stack: AsyncExitStack,
) -> Mapping[str, KafkaProxy]:
    """Start everybody, each behind a proxy of its own where a fault needs one."""
    proxies: dict[str, KafkaProxy] = {}
    for spec in stage.specs(plan.processes):
        address = bootstrap
        if BEHIND_PROXIES & {*plan.kinds}:
            proxy = proxies[spec.name] = KafkaProxy(bootstrap)
            address = await proxy.start()
            stack.push_async_callback(proxy.close)
        own = {"HANDRAIL_BOOTSTRAP": address, ADDRESS_VARIABLE: provider}
        troupe.join(replace(spec, environment={**spec.environment, **own}))
    return proxies


def _run(plan: RoundPlan, stage: Stage, started_ms: int, nemesis: Nemesis, *, settled: bool) -> Run:
    return Run(
        namespace=stage.namespace,
        started_ms=started_ms,
        ended_ms=_now_ms(),
        agents=stage.facts(),
        intake=stage.intake,
        last_fault_ms=nemesis.last_ms,
        settled=settled,
        bounds=Bounds(settle_s=plan.settle_s),
        seed=plan.seed,
    )


@asynccontextmanager
async def _provider(plan: RoundPlan) -> AsyncGenerator[str]:
    """Run the provider for the body; gives its address. Raises NeverReady."""
    port_file = plan.folder / "provider"
    account = plan.history / EFFECTS_FILE
    module = "handrail.chaos.provider_process"
    command = (sys.executable, "-m", module, str(account), str(port_file), str(plan.seed))
    child = Child(plan.folder, ChildSpec("provider", command))
    read_end, write_end = os.pipe()
    await child.start(read_end)
    try:
        over_s = time.monotonic() + PROVIDER_WITHIN_S
        while not port_file.exists():
            if time.monotonic() > over_s:
                reason = child.log.last_words() or "it has said nothing."
                raise NeverReady(name="provider", deadline_s=PROVIDER_WITHIN_S, reason=reason)
            await asyncio.sleep(LOOK_EVERY_S)
        yield port_file.read_text(encoding="utf-8")
    finally:
        child.signal(signal.SIGKILL)
        await child.ended()
        child.close()
        os.close(read_end)
        os.close(write_end)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
