"""A task in the hands of whoever submitted it or looked it up: its state, its end, its result.

Guarantee: what is said was decided with this very submission in view. A repeated reference finds
the result of its task; a task that was opened anew never gives the result of the time before.
Knowing the end of a task needs the registrar; without one every task is still running.
"""

# ruff: noqa: ANN401 - a result is whatever type the caller names.

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, overload

from handrail.bus.port import Bus
from handrail.contract.topic import Topic, results
from handrail.errors import (
    DeclarationInvalid,
    ResultGone,
    ResultMisfit,
    StillRunning,
    TaskCanceled,
    TaskFailed,
    TaskRejected,
    TaskWithoutResult,
    WaitingForPerson,
    WireError,
)
from handrail.ledger.explanation import why
from handrail.ledger.task_record import RESULTS, decode_row, result_key
from handrail.ledger.task_state import TaskFacts, TaskState
from handrail.runtime.task_rows import RowReader
from handrail.runtime.worker.packing import BLOBS, fetch_body
from handrail.runtime.worker.place import TENANT_DEFAULT
from handrail.wire.record import Record, TopicPartition

R = TypeVar("R")

RESULT_EARLIER_MS = 60_000  #: clocks of two processes may differ by this much
UNTAKEN = "Submitted; no process has taken it yet."
DECIDED_WITHIN_S = 10.0  #: how long a cancel waits for the intake to decide on a submission
WAITS = frozenset({TaskState.AUTH_REQUIRED, TaskState.INPUT_REQUIRED})


@dataclass(frozen=True, slots=True)
class Submission:
    """The record on the intake by which a task was asked for."""

    ce_id: str
    topic: str  #: without namespace
    offset: int
    results_from: int  #: where the results partition of the task ended before


class TaskPlace(Protocol):
    """What a task needs to know of its client."""

    @property
    def bus(self) -> Bus:
        """The connection."""
        ...

    def full(self, name: str) -> str:
        """The name of a topic as the broker knows it."""
        ...

    def rows(self, partition: int) -> RowReader:
        """The shared reader of a partition of the registrar's rows."""
        ...

    async def stop(self, facts: TaskFacts, reason: str) -> None:
        """Write that a task shall stop, unless that was written already. Raises TaskEnded."""
        ...


class Task:
    """One piece of work that was asked for. Made by `Client.submit` and `Client.task`."""

    def __init__(
        self,
        place: TaskPlace,
        task_id: str,
        rows_at: tuple[int, int],
        submission: Submission | None = None,
        known: Record | None = None,
    ) -> None:
        """Look for its rows on this (partition, offset) and later; `known` is one before."""
        self.id = task_id  #: the task's id; the same for the same reference
        self._place = place
        self._rows = place.rows(rows_at[0])
        self._read_to = rows_at[1]
        self._submission = submission
        self._known = known
        self._reference: str | None = None
        self._to_stop = False  #: a cancel was written: only an end of it is of interest

    def __repr__(self) -> str:
        """Show the id."""
        return f"Task({self.id!r})"

    @property
    def reference(self) -> str | None:
        """The caller's own name for the task, if it has one."""
        if self._reference is None and self._known is not None:
            self._reference = decode_row(self._known).facts.reference
        return self._reference

    def named(self, reference: str | None) -> "Task":
        """Give the task, knowing the reference under which it was submitted."""
        self._reference = reference
        return self

    async def state(self) -> TaskState:
        """Give its state as of now: `submitted` until the intake has decided on the submission.

        Raises BrokerUnreachable.
        """
        facts = await self._look()
        return TaskState.SUBMITTED if facts is None else facts.state

    async def facts(self) -> TaskFacts | None:
        """Give everything that is known of it; None until the intake has decided on it."""
        return await self._look()

    async def explanation(self) -> str:
        """Say in one sentence why it is in its state."""
        facts = await self._look()
        return UNTAKEN if facts is None else why(facts)

    async def wait(self, *states: TaskState, timeout_s: float | None = None) -> TaskState:
        """Wait until it is in one of these states or has ended, and give the state it is in.

        Without states: until it has ended or waits for a person. Raises StillRunning after
        `timeout_s` seconds; the task goes on.
        """
        return (await self._rest(timeout_s, frozenset(states) or WAITS)).state

    async def has_heard(self, ledger_offset: int) -> None:
        """Wait until its row says what its partition of the ledger says up to an offset."""
        async with self._rows.follow(self.id.encode(), self._read_to) as rows:
            while self._known is None or decode_row(self._known).folded_to <= ledger_offset:
                self._known = await rows.next()

    async def cancel(self, reason: str = "") -> None:
        """Ask that it stop, and return once that is written; asking again changes nothing.

        No handler of it starts any more and no further step begins; a step that has begun may
        end. What was done stays done. From then on `result` raises TaskCanceled, unless the task
        had ended a moment before. Raises TaskEnded when it is known to have ended, StillRunning
        when a reference was submitted again and the intake has not decided on that yet, and
        BrokerUnreachable.
        """
        facts = await self._look()
        if facts is None and self._known is not None:
            before = decode_row(self._known).facts
            untaken = not before.accepted and before.rejection is None
            facts = before if untaken else await self._rest(DECIDED_WITHIN_S, frozenset(TaskState))
        await self._place.stop(facts or TaskFacts(self.id, TENANT_DEFAULT), reason)
        self._to_stop = True

    @overload
    async def result(self, returns: None = None, timeout_s: float | None = None) -> Any: ...
    @overload
    async def result(self, returns: type[R], timeout_s: float | None = None) -> R: ...

    async def result(self, returns: Any = None, timeout_s: float | None = None) -> Any:
        """Wait until it has ended and give its result as a `returns`, else as plain JSON values.

        Raises TaskFailed (TaskRejected, TaskCanceled) with the reason in words, WaitingForPerson
        as soon as somebody has to answer, StillRunning after `timeout_s` seconds, ResultMisfit
        when the result is something else, and TaskWithoutResult when no agent wrote one; without
        `returns` that is None.
        """
        facts = await self._rest(timeout_s, WAITS)
        facts_in_words = {"task": self.id, "state": facts.state.value, "reason": why(facts)}
        match facts.state:
            case TaskState.COMPLETED:
                return await self._result(facts, returns)
            case TaskState.FAILED:
                raise TaskFailed(**facts_in_words)
            case TaskState.REJECTED:
                raise TaskRejected(**facts_in_words)
            case TaskState.CANCELED:
                raise TaskCanceled(**facts_in_words)
            case _:
                raise WaitingForPerson(**facts_in_words)

    # ---- inside

    async def _look(self) -> TaskFacts | None:
        """Give what is known now, None while the submission is undecided."""
        found, self._read_to = await self._rows.newest(self.id.encode(), self._read_to)
        self._known = found or self._known
        return self._decided(self._known)

    async def _rest(self, timeout_s: float | None, states: frozenset[TaskState]) -> TaskFacts:
        """Wait until it has ended or is in one of these states."""
        # Rows from before the cancel may still say that it waits for somebody.
        states = frozenset() if self._to_stop else states
        facts = self._decided(self._known)
        if facts is not None and (facts.ended or facts.state in states):
            # What had ended may have been opened anew since.
            facts = await self._look()
        try:
            async with asyncio.timeout(timeout_s):
                async with self._rows.follow(self.id.encode(), self._read_to) as rows:
                    while facts is None or not (facts.ended or facts.state in states):
                        self._known = await rows.next()
                        facts = self._decided(self._known)
        except TimeoutError as error:
            newest = await self._look()
            words = UNTAKEN if newest is None else why(newest)
            raise StillRunning(task=self.id, waited_s=f"{timeout_s:g}", reason=words) from error
        return facts

    def _decided(self, record: Record | None) -> TaskFacts | None:
        """Give the facts of a row if they were decided with our submission in view."""
        if record is None:
            return None
        facts = decode_row(record).facts
        ours = self._submission
        refused = facts.rejection is not None and ours is not None
        if ours is None or ours.ce_id in facts.openings:
            return facts
        if refused and facts.rejection is not None and facts.rejection.invocation == ours.ce_id:
            return facts
        return facts if facts.settled.get(ours.topic, 0) > ours.offset else None

    async def _result(self, facts: TaskFacts, returns: Any) -> Any:
        if not facts.results:
            if returns is None:
                return None
            raise TaskWithoutResult(task=self.id)
        record = await self._result_record(facts)
        body = await fetch_body(self._place.bus, self._place.full(BLOBS), record)
        type_name = (record.header("ce_type") or b"").decode()
        if returns is None:
            return results.decode(type_name, body)
        wanted = getattr(returns, "__name__", str(returns))
        try:
            return Topic("result", carries=returns).decode(type_name, body)
        except (WireError, DeclarationInvalid) as error:
            raise ResultMisfit(
                task=self.id, found=type_name, wanted=wanted, reason=error.what
            ) from error

    async def _result_record(self, facts: TaskFacts) -> Record:
        """Find the record that the facts name, first where it most likely stands."""
        bus, topic, key = self._place.bus, self._place.full(RESULTS), result_key(facts)
        where = TopicPartition(topic, await bus.partition_of(topic, key))
        wanted = (facts.result_id or "").encode()
        end, begin = await bus.end_offset(where), await bus.begin_offset(where)
        starts = [begin]
        ours = self._submission
        if ours is not None and ours.ce_id in facts.openings[-1:]:
            starts.insert(0, max(begin, ours.results_from))
        elif facts.accepted_ms is not None:
            since_ms = facts.accepted_ms - RESULT_EARLIER_MS
            starts.insert(0, max(begin, await bus.offset_at(where, since_ms)))
        for start in starts:
            found: Record | None = None
            async for record in bus.fetch(where, start, end):
                if record.key == key and record.header("ce_id") == wanted:
                    found = record
            if found is not None:
                return found
        raise ResultGone(task=self.id, topic=topic)
