"""The steps of a run that wait: for a time, for another agent, for a person.

A step that waits holds nothing that others need. As soon as no step of its run acts, and each that
waits has had its time in memory, the run is suspended: its handler is cancelled, it rests, and it
is run again when what it waits for has come. Guarantees: what a step waits for is committed once,
before it waits, and never again, whatever crashes; its time is that of the first attempt; and
nothing that a handler does once it is suspended is committed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from handrail.errors.asking import NoLongerAwaited
from handrail.errors.steps import Diverged
from handrail.errors.transport import RecordRefused
from handrail.lane.invocation import Invocation, Why
from handrail.lane.journal import Entry, Kind, encode_entry
from handrail.lane.steps import ENDED_STATES, Asked, Replay, StepRecord, Verdict
from handrail.ledger.event import Event
from handrail.models.port import Model
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.ending import Suspended
from handrail.runtime.worker.ground import Act, LaneGround
from handrail.runtime.worker.holding import before_step
from handrail.runtime.worker.intent_facts import intent_facts
from handrail.runtime.worker.provider import Provider, ProviderCall
from handrail.runtime.worker.recorded_error import encode_error
from handrail.runtime.worker.run_licences import RunLicences
from handrail.runtime.worker.run_memory import RunMemory
from handrail.runtime.worker.stepping import Stepper
from handrail.runtime.worker.wait import Closing, Wait, Waiting
from handrail.wire.envelope import Envelope
from handrail.wire.record import Outgoing

R = TypeVar("R")

IN_MEMORY_S_MAX = 30.0  #: how long a run that only waits is kept running
TURNS_BEFORE_ALONE = 3  #: of the event loop, in which steps that are gathered begin

#: When several reasons hold, the one that people should see.
_BY_WEIGHT = (Why.PERSON, Why.ANSWER, Why.SLEEP, Why.PROVIDER)


class RunSteps(Stepper):
    """The steps of one run, those that wait among them. Made in the task that runs the handler."""

    def __init__(
        self,
        ground: LaneGround,
        invocation: Invocation,
        envelope: Envelope,
        closing: Callable[[], bool],
    ) -> None:
        """Record under this invocation; once `closing` says so, nothing begins any more."""
        super().__init__(ground, invocation, envelope, closing)
        self.on_asked: Callable[[], None] = lambda: None  #: called when an agent is to be asked
        self.ground = ground
        self.invocation = invocation
        self.licences = RunLicences()
        self.memory = RunMemory(envelope.memory_read)
        invocation.memory_refused = self.memory.refused
        self.memory.see(invocation.memory_read)
        self._task = asyncio.current_task()
        self._busy = 0  # steps under way that do not wait
        self._waits: dict[str, Waiting] = {}
        self._said: list[Event] = []  # what the ledger is told when the run rests
        self._timer: asyncio.Task[None] | None = None
        self._timer_ms = 0

    async def carry_out(self, act: Act[R]) -> R:
        """Give the step's outcome, recorded or new; raises what it failed with."""
        with self._under_way():
            await self._may_begin(act.asked.path)
            gives = self.labels.begun(act.gives)
            made = act if gives == act.gives else replace(act, gives=gives)
            result = await super().carry_out(made)
        if act.heard:
            self._heard(act.asked.path, result)
        return result

    def note(self, path: str, name: str, make: Callable[[], R], *, ok: bool = True) -> R:
        """Give a number or a text that is recorded without waiting."""
        self._check_not_suspended()
        return super().note(path, name, make, ok=ok)

    async def wait_for(self, wait: Wait[R]) -> R:
        """Give what a step that waits has waited for, recorded or new; raises what it failed with.

        Raises Diverged when another step is recorded in its place, TaskStopped or DeadlinePassed
        when the task is over.
        """
        path = wait.act.asked.path
        with self._under_way():
            verdict = self._judged(wait.act.asked)
            if isinstance(verdict, Replay):
                return await self._answered_with(wait, verdict.outcome)
            if self._intent(path) is None:
                await self._may_begin(path)
                self._check_may_act(wait.act.asked)
                await self._open(wait)
        await self._until_answered(wait)
        with self._under_way():
            outcome = self._log.records[path].outcome
            assert outcome is not None, "what has ended has an outcome"
            return await self._answered_with(wait, outcome)

    def known(self, path: str) -> StepRecord | None:
        """Give what is recorded of a step of this run."""
        return self._log.records.get(path)

    def provider_call(self, model: Model, path: str) -> ProviderCall:
        """Give the way through the gate for one turn of a model; what waits there may rest."""
        worker, tenant = self._ground.worker, self._envelope.tenant

        async def rest(until_ms: int, because: str) -> None:
            said = self._ground.saying.waits_for_provider(
                self._invocation, self._envelope, until_ms, because
            )
            await self._wait_at_rest(path, Waiting(Why.PROVIDER, self.now_ms(), until_ms), said)

        return ProviderCall(worker.gates, Provider.of(model), tenant, worker.clock, rest)

    def answered(self, path: str) -> None:
        """Tell that the outcome of a step that waits is committed."""
        waiting = self._waits.get(path)
        if waiting is not None:
            waiting.wake()

    def over(self) -> None:
        """Let go of the timer: the run has ended."""
        if self._timer is not None:
            self._timer.cancel()

    # ---- beginning to wait

    async def _may_begin(self, path: str) -> None:
        """Let the run rest before a step that is not recorded, while a person has paused it."""
        if self._log.state(path) in ENDED_STATES:
            return
        rest = await before_step(self._ground, self._invocation, self._envelope, self._acts)
        if rest is not None and self.suspended is None:
            self.suspended = rest
            assert self._task is not None, "a run has a task"
            self._task.cancel()
        if rest is not None:
            await asyncio.Event().wait()  # until it is cancelled

    def _acts(self) -> bool:
        return self.acting > 0

    async def _answered_with(self, wait: Wait[R], outcome: Entry) -> R:
        # Whoever has answered has seen, and perhaps written, what those who come after must see.
        self.memory.see(str(outcome.facts.get("memread") or ""))
        result = await self._replay(wait.act, outcome)
        self._heard(outcome.path, result)
        return result

    def _heard(self, path: str, result: object) -> None:
        record = self._log.records.get(path)
        if record is not None and record.intent is not None and "approval" in record.intent.facts:
            return  # a decision licenses its act, once; its words are not for others to be built of
        self.labels.given(result, None if record is None else record.outcome)

    def _judged(self, asked: Asked) -> Verdict:
        if self.stopped is not None:
            raise self.stopped
        agent = self._ground.worker.agent
        self._asked.add(asked.path)
        if "." in asked.path:
            self.errors.ask(asked.path)
        try:
            return self._log.judge(asked, agent.name, agent.version, self.now_ms())
        except Diverged as error:
            self.stopped = error
            raise

    def _intent(self, path: str) -> Entry | None:
        record = self._log.records.get(path)
        intent = record.intent if record is not None else None
        return None if intent is None or "void" in intent.facts else intent

    async def _open(self, wait: Wait[Any]) -> None:
        """Commit the intent with what belongs to it; for a person it parks the run as well."""
        ground, asked, now_ms = self._ground, wait.act.asked, self.now_ms()
        await self._reached(Moment.BEFORE_INTENT, asked)
        attempt = self.next_attempt(asked.path)
        opening = await wait.until.opening(now_ms, attempt)
        facts = intent_facts(asked, wait.act.idem_key, attempt, now_ms, opening.facts)
        kept_ms = wait.until.in_memory_until_ms(_number(opening.facts.get("until_ms")), now_ms)
        alone = kept_ms <= now_ms and await self._alone()
        self._check_may_act(asked)
        entry = self._entry(Kind.INTENT, asked.path, facts)
        self._log.put(entry)
        said = [ground.saying.record(event) for event in opening.events]
        said += ground.saying.spending(self._invocation, self._envelope, self.budget)
        records = [encode_entry(entry, ground.place.journal), *opening.records, *said]
        if wait.until.why is Why.ANSWER:
            self.on_asked()
        if alone:
            self._suspend([(wait.until.why, _until_ms(entry))], records)
            await asyncio.Event().wait()  # the cancellation comes here
        try:
            await ground.committer.commit(Item(records))
        except RecordRefused:
            self._log.take_back(self._invocation.id, asked.path)
            raise
        if self._closing():
            raise asyncio.CancelledError
        await self._reached(Moment.AFTER_INTENT_COMMIT, asked)

    def next_attempt(self, path: str) -> int:
        """Give the number of the attempt that a step which waits is about to begin."""
        record = self._log.records.get(path)
        if record is None or record.intent is None:
            return 1
        return int(str(record.intent.facts["attempt"])) + 1

    async def _alone(self) -> bool:
        """Say whether no other step of the run is under way, once those gathered have begun."""
        for _ in range(TURNS_BEFORE_ALONE):
            await asyncio.sleep(0)
        self._check_not_suspended()
        return self._busy == 1 and all(
            one.in_memory_until_ms <= self.now_ms() and not one.woken.done()
            for one in self._waits.values()
        )

    # ---- waiting

    async def _until_answered(self, wait: Wait[Any]) -> None:
        asked = wait.act.asked
        if self._log.state(asked.path) in ENDED_STATES:
            return
        intent = self._intent(asked.path)
        assert intent is not None, "it was begun"
        until_ms = _until_ms(intent)
        kept_ms = wait.until.in_memory_until_ms(until_ms, self.now_ms())
        while self._log.state(asked.path) not in ENDED_STATES:
            self._check_not_suspended()
            self._check_may_act(asked)  # at its task's deadline nothing waits any longer
            if self.stopped is not None:
                raise self.stopped  # a step beside it has stopped the whole run
            if until_ms is not None and until_ms <= self.now_ms():
                self._hand_outcome(wait, wait.until.closing(intent))
            else:
                await self._wait_once(wait, Waiting(wait.until.why, kept_ms, until_ms))

    async def _wait_once(self, wait: Wait[Any], waiting: Waiting) -> None:
        path = wait.act.asked.path
        self._waits[path] = waiting
        self._look_soon()
        try:
            await waiting.woken
        except asyncio.CancelledError:
            if not self._closing() and self._log.state(path) not in ENDED_STATES:
                # The handler itself gave up waiting, and may go on: what is left has to be said.
                self._give_up(wait)
            raise
        finally:
            del self._waits[path]

    async def _wait_at_rest(self, path: str, waiting: Waiting, said: Sequence[Event]) -> None:
        """Wait without an intent; as soon as no other step acts, the run rests meanwhile."""
        self._waits[path] = waiting
        self._said.extend(said)
        self._busy -= 1
        self._look_soon()
        try:
            await waiting.woken
        finally:
            self._busy += 1
            del self._waits[path]

    def _give_up(self, wait: Wait[Any]) -> None:
        intent = self._intent(wait.act.asked.path)
        assert intent is not None, "it was begun"
        closing = wait.until.closing(intent)
        error = NoLongerAwaited(step=wait.act.asked.shown)
        self._hand_outcome(wait, Closing(error, closing.records))

    def _hand_outcome(self, wait: Wait[Any], closing: Closing) -> None:
        asked, ground = wait.act.asked, self._ground
        intent = self._intent(asked.path)
        assert intent is not None, "it was begun"
        facts = outcome_facts(intent, ok=closing.error is None)
        body = b"null" if closing.error is None else encode_error(closing.error)
        entry = self._entry(Kind.OUTCOME, asked.path, facts, body)
        self._log.put(entry)
        said = [ground.saying.record(event) for event in closing.events]
        records = [encode_entry(entry, ground.place.journal), *closing.records, *said]
        ground.committer.hand(Item(records, outcome=entry))

    # ---- suspending

    @contextmanager
    def _under_way(self) -> Generator[None]:
        self._check_not_suspended()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            if self._waits:
                self._look_soon()

    def _check_not_suspended(self) -> None:
        if self.suspended is not None:
            # A handler that has caught the first cancellation gets no further than its next step.
            raise asyncio.CancelledError

    def _look_soon(self) -> None:
        # Not at once: steps that are gathered begin one after the other.
        asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        """Wake what is due; suspend when everything waits and has had its time; else look again."""
        if self.suspended is not None or not self._waits:
            return
        now_ms = self.now_ms()
        waits = tuple(self._waits.values())
        for one in waits:
            due = one.until_ms is not None and one.until_ms <= now_ms
            if due or self.stopped is not None:
                one.wake()
        if not self._busy and not any(one.woken.done() for one in waits):
            kept_ms = max(one.in_memory_until_ms for one in waits)
            if kept_ms <= now_ms:
                self._suspend([(one.why, one.until_ms) for one in waits])
                return
            self._look_at(min([kept_ms, *_times(waits)]))
        elif times := _times(waits):
            self._look_at(min(times))

    def _look_at(self, when_ms: int) -> None:
        if self._timer is not None and not self._timer.done():
            if self._timer_ms <= when_ms:
                return
            self._timer.cancel()
        self._timer_ms = when_ms
        self._timer = asyncio.create_task(
            self._look_when(when_ms), name=f"waits of {self._invocation.id}"
        )

    async def _look_when(self, when_ms: int) -> None:
        clock = self._ground.worker.clock
        await clock.sleep(max(0, when_ms - clock.now_ms()) / 1000)
        self._timer = None
        self._look()

    def _suspend(
        self, waits: Sequence[tuple[Why, int | None]], records: Sequence[Outgoing] = ()
    ) -> None:
        reasons = {why for why, _ in waits}
        why = next(one for one in _BY_WEIGHT if one in reasons)
        others = [(one.why, one.until_ms) for one in self._waits.values()]
        times = [until_ms for _, until_ms in [*waits, *others] if until_ms is not None]
        wake_ms = min(times, default=None)
        self.suspended = Suspended(
            self._envelope, why, wake_ms, events=tuple(self._said), records=records
        )
        assert self._task is not None, "a run has a task"
        self._task.cancel()


def outcome_facts(intent: Entry, *, ok: bool) -> dict[str, object]:
    """Give the facts of the outcome of a step, from those of its intent."""
    known = {name: intent.facts[name] for name in ("name", "digest", "shown", "attempt")}
    return {**known, "ok": ok}


def waiting_act(asked: Asked, idem_key: str, decode: Callable[[bytes], R]) -> Act[R]:
    """Give a step that does nothing of its own, and what its answer is read as."""

    def never() -> Awaitable[R]:
        message = f"{asked.name} waits and does not act"
        raise AssertionError(message)

    def unread(_: object) -> Any:  # noqa: ANN401 - never called
        raise AssertionError

    return Act(asked, asked.effect, idem_key, never, unread, decode, unread)


def _times(waits: Sequence[Waiting]) -> list[int]:
    return [one.until_ms for one in waits if one.until_ms is not None]


def _until_ms(intent: Entry) -> int | None:
    return _number(intent.facts.get("until_ms"))


def _number(fact: object) -> int | None:
    return None if fact is None else int(str(fact))
