"""A whole team in one test: the real worker and the real registrar, on a broker in memory.

Guarantees: what a test sees is what production does, apart from the model, the faked tools and
the clock. After the body every handoff was ended exactly once or still waits, and no handler is
left running; otherwise leaving the context fails and says which. `on="kafka"` runs the same body
on a real broker.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from pydantic import TypeAdapter

from handrail.bus.port import Bus
from handrail.contract.agent import Agent
from handrail.contract.memory import Memory
from handrail.contract.team import AnyTool, TeamDescription
from handrail.contract.topic import Topic
from handrail.lane.bounds import TIMER_RESOLUTION_S
from handrail.ledger.event import PersonAsked
from handrail.ledger.event_record import LEDGER, UnknownEvent, decode
from handrail.models.port import Model
from handrail.runtime.client import Client
from handrail.runtime.doubts import decide, open_doubts
from handrail.runtime.failpoint import Countdown
from handrail.runtime.registrar import registrar
from handrail.runtime.single_writer import SingleWriter
from handrail.runtime.submitting import Asking, Submitting
from handrail.runtime.topics import Layout, apply, needed
from handrail.runtime.undo import undoers
from handrail.runtime.worker.process import AgentProcess, ProcessSettings
from handrail.testing.accounting import read_all, unaccounted
from handrail.testing.clock import VirtualClock
from handrail.testing.ground import Ground, KafkaGround, MemoryGround
from handrail.testing.letters import LetterHands
from handrail.testing.member import DRAIN_S, POLL_S, KillPoint, Member, quick_at_once
from handrail.testing.memory import TENANT, TeamMemory, TestedSpace
from handrail.testing.model import ScriptedModel
from handrail.testing.people import PersonHands
from handrail.testing.quiet import quiet
from handrail.testing.task import TeamTask
from handrail.testing.tools import FakedTools, ToolHands, unconfined
from handrail.testing.undo import UndoHands
from handrail.testing.unscripted import Surprises
from handrail.wire.record import TopicPartition

M = TypeVar("M")

AnyAgent = Agent[..., Any]
Submitted = Coroutine[Any, Any, TeamTask]

PARTITIONS = 3
ASKED_BY = "a test"  #: who has asked for the tasks of a test


class Team(
    UndoHands, LetterHands, ToolHands, PersonHands, Submitting[Coroutine[Any, Any, TeamTask]]
):
    """`async with Team(clerk, tools=[refund]) as team:` runs these agents until the body ends.

    `memory` are its memory spaces. `on` is "memory" or "kafka"; `broker` names a Kafka, else the
    environment's is used, else one is started. `model` is asked in place of the script. Each agent
    has `partitions` partitions.
    """

    def __init__(
        self,
        *agents: AnyAgent,
        tools: Iterable[AnyTool] = (),
        memory: Iterable[Memory[Any]] = (),
        on: Literal["memory", "kafka"] = "memory",
        broker: str | None = None,
        model: Model | None = None,
        partitions: int = PARTITIONS,
    ) -> None:
        """Describe the team; it starts on entering. Raises TeamInvalid when it cannot work."""
        tools = tuple(tools)
        self.description = TeamDescription((*agents, *undoers(tools)), tools=tools, spaces=memory)
        self.description.check()
        self._surprises = Surprises()
        self.model = ScriptedModel(self._surprises)  #: what the model will say
        self._model: Model = model or self.model
        self._tools = FakedTools(self._surprises)
        self._partitions = partitions
        self._ground: Ground = MemoryGround() if on == "memory" else KafkaGround(broker)
        self.members: list[Member] = []  #: the processes that run, oldest first
        self._memory = TeamMemory(self)
        self.references: Path | None = None  #: where processes cache references; None: nowhere
        self.rails = unconfined()  #: what acts are judged by; set it before the team starts
        self._writer: SingleWriter | None = None
        self._writing: asyncio.Task[None] | None = None
        self._bus: Bus | None = None
        self._client: Client | None = None

    # ---- the life of a team

    async def __aenter__(self) -> Self:
        """Create the topics, start the registrar and one process of each agent."""
        self._bus = await self._ground.connect()
        layout = Layout(self.namespace, self._partitions, 1)
        await apply(self.bus.admin, needed(self.description, layout))
        self._client = Client(
            bus=self.bus, namespace=self.namespace, clock=self.clock, asked_by=ASKED_BY
        )
        await self._client.__aenter__()
        self._writer = registrar(self.bus, self.namespace, self.clock)
        self._writing = asyncio.create_task(self._writer.run(), name="registrar of the test")
        self._memory.start()
        try:
            await asyncio.gather(*(self.start(agent) for agent in self.agents))
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything. Raises AssertionError for what was lost, doubled or left running."""
        try:
            if error is None:
                self.check()
                await self._come_to_rest()
                self._judge(await unaccounted(self.bus, self.namespace, self.agents))
                self._judge(await self._memory.unaccounted())
                for member in list(self.members):
                    await member.end()
                    self.members.remove(member)
            elif self._surprises.found:
                error.add_note("\n\n".join(self._surprises.found))
        finally:
            await self._close()

    async def start(self, agent: AnyAgent, *, dies_at: str | None = None) -> None:
        """Start one more process of an agent, and wait until its lanes are open, or it has died."""
        bus = await self._ground.connect()
        kill_point = KillPoint.of(lambda: self._ground.kill(bus), dies_at)
        settings = ProcessSettings(
            namespace=self.namespace,
            process=f"{agent.name}-{len(self.members) + 1}",
            drain_s=DRAIN_S,
            clock=self.clock,
            steps=self._tools.steps,
            fail_points=kill_point,
            jitter=quick_at_once,
            rails=self.rails,
            references=self.references,
            memory_patience_s=self.patience_s,
            subject_keys=self._memory.keys_file,
        )
        process = AgentProcess(bus, [agent], self.description, self._model, settings)
        member = Member(agent, bus, process, kill_point)
        self.members.append(member)
        if not await member.begin(self.patience_s):
            await self._killed(member)

    async def kill(self, agent: AnyAgent, *, at: str | None = None) -> None:
        """End the oldest process of an agent as kill -9 does: it commits nothing any more.

        With `at` it ends when it next comes to that moment, such as `after_intent_commit` or, for
        the second call of a tool, `after_act/refund:2`; `restart` waits for that. The group hears
        of it at once. On Kafka a transaction under way, unless `at` lies in it, may yet be decided.
        """
        if at is not None:
            self._oldest(agent).kill_point.countdown = Countdown.of(at)
            return
        await self._killed(self._oldest(agent))

    async def _killed(self, member: Member) -> None:
        self.members.remove(member)
        member_id = member.member_id
        self._ground.kill(member.bus)
        await member.drop()
        if member_id is not None:
            await self.bus.admin.remove_member(self.full(member.agent.name), member_id)

    async def stop(self, agent: AnyAgent) -> None:
        """End the oldest process of an agent in order: what runs may end and commit."""
        member = self._oldest(agent)
        self.members.remove(member)
        await member.end()

    async def restart(self, agent: AnyAgent, *, dies_at: str | None = None) -> None:
        """Start a process of an agent whose process was killed or stopped, or is to be killed."""
        for member in [one for one in self.members if one.agent is agent]:
            if member.kill_point.countdown is not None:
                await self._dead(member)
        await self.start(agent, dies_at=dies_at)

    async def _dead(self, member: Member) -> None:
        """Wait until a process has come to the moment at which it was to be killed."""
        try:
            async with asyncio.timeout(self.patience_s):
                await member.kill_point.reached_it.wait()
        except TimeoutError:
            self.check()
            name, at = member.agent.name, member.kill_point.countdown
            message = f"{name} never came to {at}:\n{self.in_words()}"
            raise AssertionError(message) from None
        await self._killed(member)

    # ---- work

    async def _submit(
        self,
        topic: Topic[Any, Any] | str,
        message: object,
        asking: Asking,
    ) -> TeamTask:
        named = self.description.topics[topic] if isinstance(topic, str) else topic
        return TeamTask(self, await self.client.hand_in(named, message, asking))

    async def resolve(
        self, task: TeamTask, *, happened: bool, result: object = None, by: str = "a test"
    ) -> None:
        """Decide the open doubts of a task: its step happened with this result, or it did not.

        Returns once the lane has taken the decision and the task no longer waits for it.
        """
        records = await read_all(self.bus, self.full(LEDGER))
        told = [event for event in map(decode, records) if not isinstance(event, UnknownEvent)]
        doubts = open_doubts(event for event in told if event.task_id == task.id)
        assert doubts, f"nothing of {task} is in doubt"
        data = TypeAdapter(object).dump_json(result) if happened else None
        for doubt in doubts:
            now_ms = self.clock.now_ms()
            await decide(self.bus, self.namespace, doubt, data, by, now_ms)
        await self.advance(seconds=TIMER_RESOLUTION_S)
        try:
            async with asyncio.timeout(self.patience_s):
                while _names_any(await task.task.explanation(), doubts):
                    self.check()
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            message = f"the decision on {task} was not taken:\n{self.in_words()}"
            raise AssertionError(message) from None

    async def advance(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move time on. Every timer in between fires in its order, and what it starts goes first.

        On Kafka a message that is on its way between two agents may arrive at a later time.
        """
        target_ms = self.clock.now_ms() + round(((hours * 60 + minutes) * 60 + seconds) * 1000)
        await self.settle()
        while (next_ms := self.clock.next_ms) is not None and next_ms <= target_ms:
            self.clock.move_to(next_ms)
            await self.settle()
        self.clock.move_to(target_ms)
        self._ground.clock_moved()
        await self.settle()

    async def settle(self) -> None:
        """Let everything happen that can happen without time passing.

        What was written to memory is then known to every process. Guaranteed in memory, for all
        that runs in the event loop; not for other work in threads.
        """
        followed = False
        while not followed:
            await quiet(self._ground.moves_count)
            self.check()
            followed = await self._memory.followed(member.view for member in self.members)

    # ---- what it remembers

    def memory(self, space: Memory[M], *, tenant: str = TENANT) -> TestedSpace[M]:
        """Look into a memory space, once the keeper has taken everything that was asked for."""
        return TestedSpace(self._memory, space, tenant)

    # ---- where it stands

    @property
    def agents(self) -> tuple[AnyAgent, ...]:
        """The agents of the team."""
        return self.description.agents

    @property
    def bus(self) -> Bus:
        """The test's own connection, which no kill touches."""
        assert self._bus is not None, "use it as `async with Team(…) as team:`"
        return self._bus

    @property
    def client(self) -> Client:
        """A client that lives by the team's clock."""
        assert self._client is not None, "use it as `async with Team(…) as team:`"
        return self._client

    @property
    def clock(self) -> VirtualClock:
        """The clock that `advance` moves."""
        return self._ground.clock

    @property
    def namespace(self) -> str:
        """First part of the name of every topic."""
        return self._ground.namespace

    @property
    def patience_s(self) -> float:
        """How long a test waits for what should happen at once, in real seconds."""
        return self._ground.patience_s

    def full(self, topic: str) -> str:
        """The name of a topic as the broker knows it."""
        return f"{self.namespace}.{topic}"

    def check(self) -> None:
        """Raise UnscriptedError for what was asked and not planned, or what ended a process."""
        self._surprises.check()
        writers = (self._writing, self._memory.running)
        for work in (*writers, *(member.running for member in self.members)):
            if work is not None and work.done() and not work.cancelled():
                work.result()

    def in_words(self) -> str:
        """Say what every process is doing."""
        return "\n".join(f"  {member.in_words()}" for member in self.members)

    # ---- inside

    def _oldest(self, agent: AnyAgent) -> Member:
        for member in self.members:
            if member.agent is agent:
                return member
        message = f"no process of {agent.name} runs; start one with `await team.restart(…)`"
        raise AssertionError(message)

    async def _come_to_rest(self) -> None:
        """Wait until every process has read everything and nothing runs."""
        try:
            async with asyncio.timeout(self.patience_s):
                while not await self._at_rest():
                    self.check()
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            message = (
                "work was left running when the test ended; let it end, or kill its process:\n"
                f"{self.in_words()}"
            )
            raise AssertionError(message) from None

    async def _at_rest(self) -> bool:
        for member in self.members:
            if not member.process.is_ready:
                return False
            for runner in member.process.lanes:
                where: TopicPartition = runner.place.inbox
                lane = runner.lane
                if not runner.is_idle or lane is None:
                    return False
                if not lane.is_full and await self._unread(where, lane.progress.next):
                    return False
        return True

    async def _unread(self, where: TopicPartition, position: int) -> bool:
        """Say whether a record stands there; the markers of transactions are none."""
        end = await self.bus.end_offset(where)
        async with aclosing(self.bus.fetch(where, position, end)) as records:
            async for _ in records:
                return True
        return False

    def _judge(self, problems: list[str]) -> None:
        if problems:
            listed = "\n".join(f"  {problem}" for problem in problems)
            message = f"handoffs were lost or doubled:\n{listed}"
            raise AssertionError(message)

    async def _close(self) -> None:
        for member in self.members:
            await member.drop()
        self.members.clear()
        if self._writer is not None and self._writing is not None:
            self._writer.stop()
            self._memory.stop()
            self._ground.clock_moved()  # in memory this wakes it from its poll
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._memory.close()
        if self._client is not None:
            await self._client.__aexit__(None, None, None)
        if self._bus is not None:
            await self._ground.clear(self._bus)
            await self._bus.close()
        self._ground.close()


def _names_any(words: str, doubts: Iterable[PersonAsked]) -> bool:
    return any(doubt.text in words for doubt in doubts)
