"""Runs the handlers of a recorded run again, offline, on the outcomes that their journals held.

The real worker runs on a broker in memory that is laid out as the run's own was: the same records
at the same offsets, and of the journals only the outcomes of steps. Nothing outside is touched: a
step without a recorded outcome is refused and named. What comes out is compared by the checker.
Only invocations that had ended well run again, since of the others nobody knows all outcomes.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.in_process_log import Fate as LogFate
from handrail.bus.in_process_log import PartitionLog
from handrail.bus.port import Committed
from handrail.chaos.checker.reading import Reading, reading
from handrail.chaos.checker.reruns import finished_by_invocation
from handrail.chaos.history import History, Rerun
from handrail.contract.agent import Agent
from handrail.contract.effect import Effect
from handrail.contract.team import TeamDescription
from handrail.contract.tool import Tool, ToolContext
from handrail.errors import HandrailError
from handrail.lane.journal import LANE, STEP_KINDS, Entry, Kind, encode_entry
from handrail.lane.progress import OffsetMetadata
from handrail.ledger.event import DeadLettered, Finished
from handrail.ledger.event_record import LEDGER, decode
from handrail.models.port import JsonObject, ModelReply, ModelRequest
from handrail.runtime.failpoint import Moment
from handrail.runtime.topics import Layout, apply, needed
from handrail.runtime.worker.acting import StepRunner
from handrail.runtime.worker.packing import BLOBS
from handrail.runtime.worker.process import AgentProcess, ProcessSettings
from handrail.wire.record import Outgoing, Record, TopicPartition

R = TypeVar("R")

AT_REST_WITHIN_S = 120.0  #: of each agent, on the machine's own clock
POLL_S = 0.005


class StepNotRecordedError(Exception):
    """A handler asked for a step whose outcome the journal never held."""


@dataclass(slots=True)
class Refusing:
    """Lets nothing act; implements `FailPoints` and `Model`, and makes `StepRunner`s."""

    name: str = "nothing"
    effect: Effect = Effect.PAID
    asked: list[str] = field(default_factory=list[str])

    def refuse(self, step: str) -> StepNotRecordedError:
        """Keep what was asked for, and give the error for it."""
        self.asked.append(step)
        return StepNotRecordedError(step)

    def wants(self, moment: Moment) -> bool:
        """Wait for no commit."""
        del moment
        return False

    async def reached(self, moment: Moment, step: str = "") -> None:
        """Refuse whatever is about to be licensed."""
        if moment is Moment.BEFORE_INTENT:
            raise self.refuse(step)

    def struck(self, moment: Moment, step: str = "") -> None:
        """Let it be: nothing is written here."""

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Refuse a turn."""
        del request
        raise self.refuse("model")

    def steps(self, _: object) -> StepRunner:
        """Make what refuses tools as well."""
        return RefusingSteps(self)


class RefusingSteps(StepRunner):
    """Carries nothing out."""

    def __init__(self, refusing: Refusing) -> None:
        """Tell it what was asked for."""
        super().__init__(refusing)
        self._refusing = refusing

    async def tool(self, tool: Tool[Any, R], ctx: ToolContext, arguments: JsonObject) -> R:
        """Refuse a tool that needs no licence."""
        del ctx, arguments
        raise self._refusing.refuse(tool.name)


@dataclass(frozen=True, slots=True)
class StillClock:
    """A clock that stands at the beginning of the run, so that no deadline passes."""

    at_ms: int

    def now_ms(self) -> int:
        """Give the same time, always."""
        return self.at_ms

    async def sleep(self, seconds: float) -> None:
        """Sleep for ever: nothing depends on time here."""
        del seconds
        await asyncio.Event().wait()


async def rerun(history: History, team: TeamDescription) -> Sequence[Rerun]:
    """Run every invocation that had ended well again, and give what each came to.

    An agent that is not in `team` is left out. Raises TimeoutError when an agent does not come to
    rest.
    """
    here = reading(history)
    had = finished_by_invocation(here)
    found: list[Rerun] = []
    for agent in team.agents:
        of_agent = {i: event for i, event in had.items() if event.agent == agent.name}
        if of_agent:
            found += await _rerun_agent(here, team, agent, of_agent)
    return found


async def _rerun_agent(
    here: Reading, team: TeamDescription, agent: Agent[..., Any], had: Mapping[str, Finished]
) -> list[Rerun]:
    history = here.history
    taken = [record for name in agent.reads.inboxes for record in history.committed(name)]
    started_ms = min((record.timestamp_ms for record in taken), default=0)
    clock = StillClock(max(0, min(history.run.started_ms, started_ms)))
    broker = InProcessBroker(clock.now_ms)
    bus = InProcessBus(broker)
    partitions = 1 + max(where.partition for where in history.records)
    await apply(bus.admin, needed(team, Layout(history.run.namespace, partitions, 1)))
    _lay_out(here, agent, had, broker)
    refusing = Refusing()
    settings = ProcessSettings(
        namespace=history.run.namespace,
        process="rerun",
        drain_s=0.0,
        clock=clock,
        steps=refusing.steps,
        fail_points=refusing,
    )
    process = AgentProcess(bus, [agent], team, refusing, settings)
    await process.start()
    running = asyncio.create_task(process.run(asyncio.Event()), name=f"rerun of {agent.name}")
    try:
        async with asyncio.timeout(AT_REST_WITHIN_S):
            while not _is_at_rest(process, broker):
                if running.done():
                    await running
                await asyncio.sleep(POLL_S)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError, HandrailError):
            await running
        await bus.close()
    return _outcome(history, broker, had, refusing)


# ---- laying out


def _lay_out(
    here: Reading, agent: Agent[..., Any], had: Mapping[str, Finished], broker: InProcessBroker
) -> None:
    """Put everything where it lay; what had not ended well leaves a gap."""
    history = here.history
    taken = {(event.topic, event.partition, event.offset) for event in had.values()}
    for name in (*agent.reads.inboxes, BLOBS):
        for record in history.committed(name):
            place = (name, record.partition, record.offset)
            if name == BLOBS or agent.gathers or place in taken:
                _put(broker.log(record.where), record)
    for where, entry in _outcomes_at_the_end(here, agent.lanes, had):
        broker.append(encode_entry(entry, where))
    _say_where_to_begin(here, agent, broker)


def _outcomes_at_the_end(
    here: Reading, lanes: Sequence[str], had: Mapping[str, Finished]
) -> Iterable[tuple[TopicPartition, Entry]]:
    """Give the outcomes that an invocation's last run went by.

    What it had forgotten before that, since a try had failed, was removed while steps were yet to
    come; what is removed after the last step goes with its end.
    """
    last: dict[str, int] = {}
    for line, entry in here.entries(*STEP_KINDS):
        if line.agent in lanes:
            last[entry.invocation] = line.record.offset
    outcomes: dict[bytes, tuple[TopicPartition, Entry]] = {}
    for line in here.lines():
        if line.agent not in lanes:
            continue
        entry_there = line.entry
        if entry_there is not None and entry_there.kind is Kind.OUTCOME:
            if entry_there.invocation in had:
                outcomes[line.key] = line.record.where, entry_there
        elif line.record.value is None and line.key in outcomes:
            invocation = outcomes[line.key][1].invocation
            if line.record.offset < last[invocation]:
                del outcomes[line.key]
    return outcomes.values()


def _put(log: PartitionLog, record: Record) -> None:
    while log.end < record.offset:
        log.decide([], LogFate.COMMITTED, record.timestamp_ms)  # takes one offset up
    out = Outgoing(record.topic, record.key, record.value, record.headers, record.partition)
    log.append(out, record.timestamp_ms, LogFate.COMMITTED)


def _say_where_to_begin(here: Reading, agent: Agent[..., Any], broker: InProcessBroker) -> None:
    """Let each lane have come nowhere yet, by its journal's word and its group's."""
    full = here.history.full
    metadata = OffsetMetadata(journal=0, epoch=0, answers=0, done=0).encode()
    facts: dict[str, object] = {"low": 0, "metadata": metadata}
    entry = Entry(Kind.PROGRESS, LANE, 0, agent.version, 0, facts=facts)
    for inbox, lanes in zip(agent.reads.inboxes, agent.lanes, strict=True):
        for partition in range(broker.partitions()[full(inbox)]):
            broker.append(encode_entry(entry, here.journal_of(lanes, partition)))
            where = TopicPartition(full(inbox), partition)
            broker.group(full(agent.name)).offsets[where] = Committed(0, metadata)


# ---- watching and reading


def _is_at_rest(process: AgentProcess, broker: InProcessBroker) -> bool:
    if not process.is_ready:
        return False
    for runner in process.lanes:
        lane = runner.lane
        if lane is None or not runner.is_idle:
            return False
        unread, _ = broker.log(runner.place.inbox).read(lane.progress.next, 1)
        if unread:
            return False
    return True


def _outcome(
    history: History, broker: InProcessBroker, had: Mapping[str, Finished], refusing: Refusing
) -> list[Rerun]:
    ended: dict[str, Finished] = {}
    died: dict[str, str] = {}
    for record in _records(broker, history.full(LEDGER)):
        match decode(record):
            case Finished() as finished:
                ended[finished.invocation] = finished
            case DeadLettered(invocation=of, sentence=sentence):
                died[of] = sentence
            case _:
                continue
    bodies = {
        (record.topic, record.header("ce_id")): record.value or b""
        for topic in {wrote.topic for event in ended.values() for wrote in event.wrote}
        for record in _records(broker, history.full(topic))
    }
    found: list[Rerun] = []
    for invocation in had:
        event = ended.get(invocation)
        if event is None:
            asked = tuple(dict.fromkeys(refusing.asked))
            words = died.get(invocation, "it did not end")
            found.append(Rerun(invocation=invocation, asked=asked, error=words))
            continue
        wrote = tuple(
            (
                one.topic,
                one.id,
                hashlib.sha256(bodies[history.full(one.topic), one.id.encode()]).hexdigest(),
            )
            for one in event.wrote
        )
        found.append(Rerun(invocation=invocation, run=event.run, wrote=wrote))
    return found


def _records(broker: InProcessBroker, topic: str) -> Iterable[Record]:
    for partition in range(broker.partitions().get(topic, 0)):
        log = broker.log(TopicPartition(topic, partition))
        records, _ = log.read(0, log.end + 1)
        yield from records
