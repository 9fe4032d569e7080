"""Gives work to a team from any Python program, and waits for how it ends.

Guarantees: the same reference is the same task, also from another process and after a crash,
for 24 hours; later it opens the task anew. A submission that was acknowledged is never lost.
Without a reference every submission is a task of its own, so a retried one is a second task.
"""

import uuid
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from handrail.bus.port import Bus
from handrail.bus.settings_file import load_settings
from handrail.bus.where import connection_for, known_broker
from handrail.contract.team import AnyTopic
from handrail.contract.topic import Topic
from handrail.errors import (
    BrokerUnreachable,
    SubmissionInvalid,
    TaskUnknown,
    TopicsMissing,
    TopicUnknown,
)
from handrail.lane.holding import Halt, Hold
from handrail.lane.switches import CONTROL
from handrail.ledger.event import Submitted, summary
from handrail.ledger.event_record import LEDGER, encode
from handrail.ledger.task_record import RESULTS, TASKS
from handrail.ledger.task_state import TaskFacts
from handrail.runtime.cancel import cancel_of, still_to_cancel, who, write_cancel
from handrail.runtime.clock import Clock, WallClock
from handrail.runtime.deciding import Deciding
from handrail.runtime.discovery import load_team, nearest_project
from handrail.runtime.holding import halt, lift, target_of
from handrail.runtime.settling import SettledLetter, SettlingGround, Wish, settle_letters
from handrail.runtime.submission import check_asked, message_in_bytes
from handrail.runtime.submitting import Asking, Submitting, known_priority
from handrail.runtime.task_handle import Submission, Task
from handrail.runtime.task_rows import RowReader
from handrail.runtime.worker.packing import BLOBS, write_claim
from handrail.runtime.worker.place import TASK_DEADLINE_S, TENANT_DEFAULT
from handrail.wire.claim import needs_claim
from handrail.wire.codec import CLAIM_TYPE, JSON_TYPE, encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.ids import task_id_of
from handrail.wire.priority import Priority, with_priority
from handrail.wire.record import Outgoing, TopicPartition

if TYPE_CHECKING:
    from handrail.runtime.sync_client import SyncClient
    from handrail.runtime.undo import Undo

SOURCE = "handrail/client"
NAMESPACE_DEFAULT = "handrail"
TEXT_BYTES = 800  #: of a body, from which the ledger's summary of it is made


class Client(Deciding, Submitting[Coroutine[Any, Any, Task]]):
    """A connection to a team: `async with Client() as hr: task = await hr.submit(…)`.

    Without arguments it works on the project folder around the working directory, with the
    settings that `handrail` itself would use there. `bus` is a started connection that stays the
    caller's. Safe for concurrent calls on one event loop.
    """

    def __init__(
        self,
        project: Path | str | None = None,
        *,
        broker: str | None = None,
        namespace: str | None = None,
        bus: Bus | None = None,
        clock: Clock | None = None,
        asked_by: str | None = None,
    ) -> None:
        """Connect on entering; `broker` is HOST:PORT and, like `namespace`, wins over settings.

        `asked_by` names the person on whose behalf work is submitted; by default whoever runs
        this process.
        """
        self._folder = Path(project).resolve() if project is not None else None
        self._broker = broker
        self._namespace = namespace
        self._given = bus
        self._clock = clock or WallClock()
        self.asked_by = (
            who() if asked_by is None else asked_by
        )  #: whose rights count for what is submitted
        self.budget: str | None = None  #: of a task that is submitted without one
        self.label: str | None = None  #: of what is submitted, where it is trusted less than a user
        self._bus: Bus | None = None
        self._readers: dict[int, RowReader] = {}
        self._seen_topics: set[str] = set()
        self._topics: dict[str, AnyTopic] = {}
        self._deadline_s = TASK_DEADLINE_S

    @staticmethod
    def sync(
        project: Path | str | None = None,
        *,
        broker: str | None = None,
        namespace: str | None = None,
        asked_by: str | None = None,
    ) -> "SyncClient":
        """Give the same without `await`, for scripts and notebooks: `with Client.sync() as hr:`."""
        # The front door stays light: scripts alone need threads.
        from handrail.runtime.sync_client import SyncClient  # noqa: PLC0415

        client = Client(project, broker=broker, namespace=namespace, asked_by=asked_by)
        return SyncClient(client)

    async def __aenter__(self) -> Self:
        """Connect. Raises BrokerUnreachable and what is wrong with the settings."""
        if self._given is not None:
            self._bus = self._given
            self._namespace = self._namespace or NAMESPACE_DEFAULT
            return self
        flags = {"broker.bootstrap": self._broker, "namespace": self._namespace}
        settings = load_settings(self.folder, {k: v for k, v in flags.items() if v is not None})
        self._namespace = settings.namespace
        self._deadline_s = settings.task_deadline_s
        bootstrap = known_broker(settings)
        if bootstrap is None:
            raise BrokerUnreachable(
                bootstrap=f"the local broker of {self.folder}",
                reason="it does not run, and no other cluster is set",
            )
        # Only here is Kafka's own client needed.
        from handrail.bus.kafka import KafkaBus  # noqa: PLC0415

        self._bus = KafkaBus(connection_for(settings, bootstrap), client_id="handrail-client")
        await self._bus.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the connection back; tasks go on without us."""
        for reader in self._readers.values():
            await reader.close()
        self._readers.clear()
        bus, self._bus = self._bus, None
        if bus is not None and bus is not self._given:
            await bus.close()

    # ---- what it is for

    async def _submit(
        self,
        topic: Topic[Any, Any] | str,
        message: object,
        asking: Asking,
    ) -> Task:
        topic = self._named(topic) if isinstance(topic, str) else topic
        type_name, body = message_in_bytes(topic, message)
        reference, deadline_s = asking.reference, asking.deadline_s
        check_asked(reference, deadline_s, self.asked_by)
        asked = Priority(known_priority(asking.priority))
        await self.require(*topic.inboxes, LEDGER, TASKS, RESULTS)
        now_ms = self._clock.now_ms()
        envelope = Envelope(
            id=str(uuid.uuid4()),
            type=type_name,
            source=SOURCE,
            time_ms=now_ms,
            task_id=task_id_of(TENANT_DEFAULT, reference) if reference else str(uuid.uuid4()),
            tenant=TENANT_DEFAULT,
            reference=reference,
            deadline_ms=None if deadline_s is None else now_ms + int(deadline_s * 1000),
            asked_by=self.asked_by,
            priority=asked.value if asked is Priority.HIGH or topic.priorities else None,
            budget=self.budget if asking.budget is None else asking.budget,
            label=self.label,
        )
        inbox = with_priority(topic.name, asked) if topic.priorities else topic.name
        # Of two inboxes the second knows the references; what is normal goes on from there.
        first = topic.inboxes[-1] if reference else inbox
        rows_at = await self._end(TASKS, await self._ledger_partition(envelope.task_id))
        key = (reference or envelope.task_id).encode()
        full_results = self.full(RESULTS)
        results_at = await self._end(RESULTS, await self.bus.partition_of(full_results, key))
        # The record first: an event without its record would be a task that nobody can take.
        _, offset = await self.bus.sender().send(await self._record(first, envelope, body))
        event = _submitted(envelope, inbox, body)
        await self.bus.sender().send(encode(event, self.full(LEDGER)))
        submission = Submission(envelope.id, first, offset, results_at[1])
        return Task(self, envelope.task_id, rows_at, submission).named(reference)

    async def task(self, id_or_reference: str) -> Task:
        """Give a task that somebody has submitted, by its reference or its id.

        Raises TaskUnknown; the row of a task is written a moment after its submission and
        deleted 30 days after its end.
        """
        await self.require(TASKS, RESULTS)
        for task_id in (task_id_of(TENANT_DEFAULT, id_or_reference), id_or_reference):
            partition = await self._ledger_partition(task_id)
            found, read_to = await self.rows(partition).newest(task_id.encode(), 0)
            if found is not None:
                return Task(self, task_id, (partition, read_to), known=found)
        reason = "nobody has submitted it here, or it ended more than 30 days ago."
        raise TaskUnknown(wanted=id_or_reference, reason=reason)

    async def cancel(self, task: Task | str, reason: str = "") -> None:
        """Ask that a task stop, by its reference, its id or itself; see `Task.cancel`.

        Raises TaskUnknown besides.
        """
        found = await self.task(task) if isinstance(task, str) else task
        await found.cancel(reason)

    async def redrive(
        self,
        task: Task | str,
        *,
        letter: str | None = None,
        from_step: int | None = None,
        edit: object = None,
        by: str | None = None,
    ) -> list[SettledLetter]:
        """Send the open dead letters of a task back, or only `letter` (AGENT/PARTITION/OFFSET).

        Nothing that is recorded is done again, but for `from_step` and what follows it; `edit` is
        the message that takes the place of the original one, and needs `from_step` where steps are
        recorded. What is said of the task afterwards is said of its new life. Raises TaskUnknown,
        DeadLetterUnknown when none is open, and LetterStays with the lane's words when it refuses
        one.
        """
        wish = Wish(by=by or who(), letter=letter, from_step=from_step, edit=edit)
        return await self._settle(task, wish)

    async def discard(
        self, task: Task | str, why: str, *, letter: str | None = None, by: str | None = None
    ) -> list[SettledLetter]:
        """Give the open dead letters of a task up for good, with the reason. See `redrive`."""
        if not why.strip():
            cure = "say in words why it is given up; everybody who looks sees it"
            raise SubmissionInvalid(detail="a dead letter is given up for a reason", cure=cure)
        return await self._settle(task, Wish(by=by or who(), letter=letter, discard_why=why))

    async def undo(self, task: Task | str, *, dry_run: bool = False) -> "Undo":
        """Have what an ended task has done taken back, by a task; asked again it is the same one.

        Raises TaskUnknown and UndoRefused.
        """
        from handrail.runtime.undo import undo_task  # noqa: PLC0415  few programs undo

        ground = SettlingGround(self.bus, self._namespace or NAMESPACE_DEFAULT, self._clock)
        return await undo_task(self, task, ground, dry_run=dry_run)

    async def _settle(self, task: Task | str, wish: Wish) -> list[SettledLetter]:
        found = await self.task(task) if isinstance(task, str) else task
        await self.require(LEDGER, TASKS)
        ground = SettlingGround(self.bus, self._namespace or NAMESPACE_DEFAULT, self._clock)
        return await settle_letters(ground, found, wish)

    async def pause(
        self, *, agent: str | None = None, tenant: str | None = None, reason: str = ""
    ) -> None:
        """Let an agent, or all work for a tenant, begin nothing: no handoff and no step.

        A step that has begun ends and is recorded. It holds until `resume`, through restarts as
        well; a task whose deadline passes meanwhile dies of it. Counts from when a process reads
        it, within about a second. Raises HaltTargetWrong, and TopicsMissing for no such agent.
        """
        await self._halt(Halt.PAUSE, agent, tenant, reason)

    async def drain(
        self, *, agent: str | None = None, tenant: str | None = None, reason: str = ""
    ) -> None:
        """Let an agent, or a tenant, begin no handoff; what has begun goes on. See `pause`."""
        await self._halt(Halt.DRAIN, agent, tenant, reason)

    async def resume(self, *, agent: str | None = None, tenant: str | None = None) -> None:
        """Let go on what was paused or drained. Raises HaltTargetWrong."""
        target = target_of(agent, tenant)
        await self.require(CONTROL)
        await lift(self.bus, self._namespace or NAMESPACE_DEFAULT, target)

    async def _halt(self, how: Halt, agent: str | None, tenant: str | None, reason: str) -> None:
        target = target_of(agent, tenant)
        await self.require(CONTROL, *([f"{agent}.journal"] if agent is not None else []))
        hold = Hold(target, how, who(), reason, self._clock.now_ms())
        await halt(self.bus, self.namespace, hold)

    # ---- what a task needs to know

    @property
    def bus(self) -> Bus:
        """The connection, while the client is entered."""
        assert self._bus is not None, "use it as `async with Client() as hr:`"
        return self._bus

    @property
    def folder(self) -> Path:
        """The project folder: the one given, else the nearest one upwards that holds a team."""
        if self._folder is None:
            self._folder = nearest_project(Path.cwd())
        return self._folder

    @property
    def clock(self) -> Clock:
        """The time it lives by."""
        return self._clock

    @property
    def namespace(self) -> str:
        """First part of the name of every topic."""
        return self._namespace or NAMESPACE_DEFAULT

    def full(self, name: str) -> str:
        """The name of a topic as the broker knows it."""
        return f"{self._namespace}.{name}"

    def rows(self, partition: int) -> RowReader:
        """The shared reader of a partition of the registrar's rows."""
        where = TopicPartition(self.full(TASKS), partition)
        return self._readers.setdefault(partition, RowReader(self.bus, where))

    async def stop(self, facts: TaskFacts, reason: str) -> None:
        """Write that a task shall stop, unless that was written already. Raises TaskEnded."""
        if not still_to_cancel(facts):
            return
        await self.require(CONTROL, LEDGER)
        cancel = cancel_of(
            facts,
            reason=reason,
            by=who(),
            now_ms=self._clock.now_ms(),
            deadline_s_max=self._deadline_s,
        )
        await write_cancel(self.bus, self.namespace, cancel, facts.tenant)

    async def require(self, *names: str) -> None:
        """Raise TopicsMissing for a topic that the broker does not have."""
        needed = {self.full(name) for name in names}
        if needed <= self._seen_topics:
            return
        self._seen_topics = set(await self.bus.admin.topics())
        missing = sorted(needed - self._seen_topics)
        if missing:
            raise TopicsMissing(count=len(missing), topics=", ".join(missing))

    # ---- inside

    def _named(self, name: str) -> AnyTopic:
        if not self._topics:
            self._topics = dict(load_team(self.folder).topics)
        topic = self._topics.get(name)
        if topic is None:
            raise TopicUnknown(wanted=name, known=", ".join(sorted(self._topics)))
        return topic

    async def _ledger_partition(self, task_id: str) -> int:
        """A task's row lies in the partition that has the number of its ledger's."""
        return await self.bus.partition_of(self.full(LEDGER), task_id.encode())

    async def _end(self, name: str, partition: int) -> tuple[int, int]:
        where = TopicPartition(self.full(name), partition)
        return partition, await self.bus.end_offset(where)

    async def _record(self, topic: str, envelope: Envelope, body: bytes) -> Outgoing:
        content_type = JSON_TYPE
        if needs_claim(body):
            await self.require(BLOBS)
            claim = await write_claim(self.bus, self.full(BLOBS), body)
            body, content_type = claim.encode(), CLAIM_TYPE
        headers = encode_headers(envelope, content_type)
        return Outgoing(self.full(topic), envelope.task_id.encode(), body, headers)


def _submitted(envelope: Envelope, topic: str, body: bytes) -> Submitted:
    return Submitted(
        task_id=envelope.task_id,
        tenant=envelope.tenant,
        time_ms=envelope.time_ms,
        ce_id=envelope.id,
        topic=topic,
        reference=envelope.reference,
        deadline_ms=envelope.deadline_ms,
        priority=None if envelope.priority == Priority.NORMAL else envelope.priority,
        text=summary(body[:TEXT_BYTES].decode(errors="replace")),
        by=envelope.asked_by or "",
    )
