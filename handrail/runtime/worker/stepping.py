"""Carries out the steps of one run of one invocation, and records what came out of each.

A step whose outcome is recorded is given that outcome and nothing happens. Any other acts only
after its intent has committed, unless its effect leaves no trace; the licence is good for two
seconds. The committer keeps the order: nothing that follows from an outcome commits without it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, assert_never, cast

from pydantic import ValidationError

from handrail.contract.explain import invalid_in_words
from handrail.contract.failure import Refused, State
from handrail.errors.lane import DeadlinePassed
from handrail.errors.steps import Diverged, StepInDoubt, TaskStopped
from handrail.lane.begun import Begun, begun_as, earlier_facts
from handrail.lane.charging import charge_facts
from handrail.lane.invocation import Invocation
from handrail.lane.journal import Entry, Kind, encode_entry
from handrail.lane.steps import (
    ENDED_STATES,
    HARMLESS,
    Asked,
    Await,
    Begin,
    Doubt,
    Reconcile,
    Replay,
    doubt,
)
from handrail.lane.trying_again import RunErrors, StepFailure
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.elsewhere import told
from handrail.runtime.worker.ending import Suspended
from handrail.runtime.worker.flights import ActEnd, LicenceRanOut, carry_out_here, cut_off
from handrail.runtime.worker.ground import Act, LaneGround, outcome_item
from handrail.runtime.worker.intent_facts import intent_facts
from handrail.runtime.worker.reading_back import read_back
from handrail.runtime.worker.reconciling import Unknown, in_doubt, reconcile
from handrail.runtime.worker.recorded_error import as_recorded, decode_error, encode_error
from handrail.runtime.worker.run_budget import RunBudget
from handrail.runtime.worker.run_labels import RunLabels, label_facts
from handrail.wire.claim import Claim, needs_claim
from handrail.wire.codec import encode_time
from handrail.wire.envelope import Envelope

R = TypeVar("R")
LICENCE_S_MAX = 2.0  #: how long after the beginning of its commit an intent licenses the act
LICENCES_COUNT_MAX = 10  #: intents in a row that were too old when their commit was heard of


class Stepper:
    """The steps of one run of a handler. `stopped` is set when the run must not go on."""

    def __init__(
        self,
        ground: LaneGround,
        invocation: Invocation,
        envelope: Envelope,
        closing: Callable[[], bool],
    ) -> None:
        """Record under this invocation; once `closing` says so, nothing begins any more."""
        self.stopped: Diverged | StepInDoubt | TaskStopped | DeadlinePassed | None = None
        self.suspended: Suspended | None = None  #: set when the run is to end and go on later
        self.acting = 0  #: steps that have begun to act and have no outcome yet
        self.doubts: list[Doubt] = []
        self.errors = RunErrors()  #: which steps have failed in this run
        self.labels = RunLabels(envelope)  #: of what this run has read
        self.budget = RunBudget(envelope)
        self._ground = ground
        self._invocation = invocation
        self._envelope = envelope
        self._is_cut_off = closing
        self._log = ground.lane.steps.of(invocation.id)
        self._asked: set[str] = set()

    async def carry_out(self, act: Act[R]) -> R:
        """Give the step's outcome, recorded or new; raises what it failed with.

        Raises Diverged or StepInDoubt when the handler must not go on; every later step does too.
        """
        if self.stopped is not None:
            raise self.stopped
        asked, worker = act.asked, self._ground.worker
        self._asked.add(asked.path)
        if "." in asked.path:
            self.errors.ask(asked.path)
        await told(self._ground, self._invocation.id, asked.path)
        if self.stopped is not None:
            raise self.stopped
        now_ms = worker.clock.now_ms()
        try:
            verdict = self._log.judge(asked, worker.agent.name, worker.agent.version, now_ms)
        except Diverged as error:
            self.stopped = error
            raise
        match verdict:
            case Replay(outcome):
                return await self._replay(act, outcome)
            case Begin():
                return await self._perform(act, verdict)
            case Reconcile():
                found = await self._reconcile(act, verdict)
                if found is not None:
                    return found[0]
                return await self._perform(act, Begin(verdict.attempt, verdict.first_ms))
            case Doubt():
                raise self._stop(verdict)
            case Await():
                # No step that acts has the name of one that waits.
                raise AssertionError(asked.path)
            case _:
                assert_never(verdict)

    def stop(self, why: TaskStopped) -> None:
        """Begin no further step. One that acts may end, and its outcome is recorded."""
        self.stopped = self.stopped or why

    def note(self, path: str, name: str, make: Callable[[], R], *, ok: bool = True) -> R:
        """Give a number or a text, recorded without waiting: made once, the same in every run."""
        if self.stopped is not None:
            raise self.stopped
        self._asked.add(path)
        self.errors.ask(path)
        record = self._log.records.get(path)
        if record is not None and record.outcome is not None:
            return cast("R", record.outcome.facts["number"])
        number = make()
        facts: dict[str, object] = {"ok": ok, "name": name, "digest": "", "shown": f"{name}()"}
        facts["number"] = number
        self._hand(self._entry(Kind.OUTCOME, path, facts))
        return number

    @property
    def attempt(self) -> int:
        """Which try of the invocation this run is, from 1."""
        return self._invocation.tries.total + 1

    def run_of(self, step: int) -> int:
        """Say in which run a step of the handler is: more than 0 where it is done anew."""
        return self._invocation.run_of(step)

    def begun_key(self, path: str) -> str | None:
        """Give the key of a step that was begun and whose outcome is not known."""
        return self._log.begun_key(path)

    def now_ms(self) -> int:
        """Give the time of the lane's clock."""
        return self._ground.worker.clock.now_ms()

    def check_all_asked(self) -> None:
        """Raise Diverged when the handler, at its end, has left out a recorded step."""
        agent = self._ground.worker.agent
        self._log.check_all_asked(self._asked, agent.name, agent.version)

    # ---- what is recorded

    async def _replay(self, act: Act[R], outcome: Entry) -> R:
        ground, body = self._ground, outcome.body
        self.labels.replay(outcome, act.gives)
        claim = outcome.facts.get("claim")
        if claim is not None:
            body = await ground.packer.claimed(Claim.decode(str(claim).encode()))
        elif body is None:
            entry = await read_back(
                ground.worker.bus, ground.place, ground.lane, ground.committer, outcome.key
            )
            body = entry.body
        assert body is not None, "an outcome has a body or a claim"
        if not outcome.facts["ok"]:
            error = decode_error(act.asked.name, body)
            effect = self._begun(act.asked).effect
            self._failed(act.asked, error, StepFailure.recorded(outcome, error, effect))
            raise error
        try:
            return act.decode(body)
        except ValidationError as error:
            self.stopped = Diverged(
                agent=ground.worker.agent.name,
                path=act.asked.path,
                what_differs=f"the recorded result of step {act.asked.path},"
                f" `{outcome.facts['shown']}`, no longer fits: {invalid_in_words(error)}",
                because=f"the type of the result changed between {outcome.agent_version} and"
                f" {ground.worker.agent.version}",
            )
            raise self.stopped from error

    async def _record(
        self, act: Act[Any], body: bytes, attempt: int, failed: StepFailure | None = None
    ) -> None:
        """Hand the outcome to the committer; a large one's bytes are committed before."""
        asked, facts = act.asked, self._outcome_facts(act, attempt, failed)
        if needs_claim(body):
            facts["claim"] = (await self._ground.packer.store(body)).encode().decode()
            await self._reached(Moment.AFTER_BLOB_COMMIT, asked)
            entry = self._entry(Kind.OUTCOME, asked.path, facts)
        else:
            entry = self._entry(Kind.OUTCOME, asked.path, facts, body)
        self._hand(entry, act)
        self.labels.read(act.gives)
        await self._reached(Moment.AFTER_OUTCOME, asked)
        if self._ground.worker.fail_points.wants(Moment.AFTER_OUTCOME_COMMIT):
            await self._ground.committer.flush()
            await self._reached(Moment.AFTER_OUTCOME_COMMIT, asked)

    def _hand(self, entry: Entry, act: Act[Any] | None = None) -> None:
        # The results of a running handler are in its own hands; the journal keeps them for others.
        self._log.put(replace(entry, body=None))
        self._ground.committer.hand(outcome_item(entry, self._ground.place.journal, act))
        self._ground.flights.land(entry.invocation, entry.path)

    # ---- acting

    async def _perform(self, act: Act[R], begin: Begin) -> R:
        attempt, acts, tries = begin.attempt, False, 1
        harmless = act.asked.effect in HARMLESS
        try:
            if not harmless:
                if act.wait is not None:
                    await act.wait(begin.attempt)
                attempt = await self._licence(act, begin)
            while True:
                self._check_may_act(act.asked)
                acts = True
                self.acting += 1
                try:
                    ended = await self._carried_out(act, tries)
                    if not ended.again:
                        return await self._act(act, ended, attempt)
                    tries += 1
                except LicenceRanOut:
                    pass
                acts, self.acting = False, self.acting - 1
                if not harmless:
                    anew = Begin(attempt + 1, begin.first_ms)
                    attempt = await self._licence(act, anew, acted=False)
        except asyncio.CancelledError:
            if not self._closing() and self._log.state(act.asked.path) not in ENDED_STATES:
                # The handler itself gave up waiting, and may go on: what is left has to be said.
                perhaps = (acts and not harmless) or self._begun(act.asked, attempt).earlier
                state = State.OUTCOME_UNKNOWN if perhaps else State.TIMEOUT_NO_EFFECT
                error = Refused(state, f"{act.asked.name}: its handler stopped waiting for it")
                self._hand_error(act, error, attempt)
            raise
        finally:
            self.acting -= int(acts)
            if not self._ground.flights.letting_go:
                self._ground.flights.land(self._invocation.id, act.asked.path)

    def _check_may_act(self, asked: Asked) -> None:
        """Raise TaskStopped or DeadlinePassed when the task is over; every later step does too."""
        deadline_ms = self._envelope.deadline_ms
        if self.stopped is None and deadline_ms is not None and deadline_ms <= self.now_ms():
            where, at = f"before step {asked.path} could begin", encode_time(deadline_ms)
            self.stopped = DeadlinePassed(where=where, deadline=at)
        if isinstance(self.stopped, TaskStopped | DeadlinePassed):
            raise self.stopped

    async def _licence(self, act: Act[Any], begin: Begin, *, acted: bool = True) -> int:
        """Commit the intent, and again while it is too old by the time this is known."""
        ground, asked = self._ground, act.asked
        record = self._log.records.get(asked.path)
        known = charge_facts(record, acted=acted)
        known |= earlier_facts(record, acted=acted)
        await self._reached(Moment.BEFORE_INTENT, asked)
        for attempt in range(begin.attempt, begin.attempt + LICENCES_COUNT_MAX):
            beside = [*act.with_intent(attempt)]
            more = {**known, **act.licence}
            facts = intent_facts(asked, act.idem_key, attempt, begin.first_ms, more)
            entry = self._entry(Kind.INTENT, asked.path, facts)
            self._log.put(entry)
            ground.flights.license(self._invocation.id, asked, attempt, act.timeout_s, entry.epoch)
            beside += ground.saying.spending(self._invocation, self._envelope, self.budget)
            if begin.wasted and attempt == begin.attempt:
                event = ground.saying.wasted(self._invocation, self._envelope, asked, attempt - 1)
                beside.append(ground.saying.record(event))
            item = Item([encode_entry(entry, ground.place.journal), *beside])
            await ground.committer.commit(item)
            if self._closing():
                raise asyncio.CancelledError
            await self._reached(Moment.AFTER_INTENT_COMMIT, asked)
            if time.monotonic() - item.began_s <= LICENCE_S_MAX:
                until_s = item.began_s + LICENCE_S_MAX
                ground.flights.licensed(self._invocation.id, asked.path, until_s)
                return attempt
        error = Refused(
            State.DEPENDENCY_UNAVAILABLE,
            f"{asked.name} was not begun: its licence took longer than {LICENCE_S_MAX:g} s to"
            f" commit, {LICENCES_COUNT_MAX} times in a row",
        )
        self._hand_error(act, error, begin.attempt + LICENCES_COUNT_MAX - 1)
        raise error

    async def _act(self, act: Act[R], ended: ActEnd, attempt: int) -> R:
        if ended.fatal is not None:
            raise ended.fatal
        await self._reached(Moment.AFTER_ACT, act.asked)
        await self._record(act, ended.body, attempt, ended.failed)
        if ended.error is None or ended.failed is None:
            return cast("R", ended.result)
        shown = as_recorded(act.asked.name, ended.error, ended.body)
        self._failed(act.asked, shown, ended.failed)
        raise shown from ended.error.__cause__

    async def _carried_out(self, act: Act[Any], tries: int) -> ActEnd:
        """Let the act run; it outlives a handler that ends because the lane is let go."""
        begun, flights = self._begun(act.asked), self._ground.flights
        if act.asked.effect in HARMLESS:
            return await carry_out_here(act, begun, tries)
        task = flights.begin(self._invocation.id, act, begun, tries)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not flights.letting_go and (known := await cut_off(task)) is not None:
                self._hand_known(act, known)
            raise

    def _hand_known(self, act: Act[Any], ended: ActEnd) -> None:
        """Record what came of an act that was cut off, where it is known and fits."""
        record = self._log.records.get(act.asked.path)
        if ended.fatal is None and not needs_claim(ended.body) and record and record.intent:
            self._hand_end(act, ended, int(str(record.intent.facts["attempt"])))

    def _hand_error(self, act: Act[Any], error: Refused, attempt: int) -> None:
        begun = self._begun(act.asked, attempt)
        failed = StepFailure.of(error, begun.effect, earlier=begun.earlier)
        self._hand_end(act, ActEnd(encode_error(error), error=error, failed=failed), attempt)

    def _hand_end(self, act: Act[Any], ended: ActEnd, attempt: int) -> None:
        facts = self._outcome_facts(act, attempt, ended.failed)
        self._hand(self._entry(Kind.OUTCOME, act.asked.path, facts, ended.body), act)
        if ended.error is not None and ended.failed is not None:
            self._failed(act.asked, ended.error, ended.failed)

    def _outcome_facts(
        self, act: Act[Any], attempt: int, failed: StepFailure | None
    ) -> dict[str, object]:
        asked = act.asked
        said = {"name": asked.name, "digest": asked.digest, "shown": asked.shown}
        facts: dict[str, object] = {"ok": failed is None, **said, "attempt": attempt}
        facts |= {**label_facts(act.gives), **act.on_record}
        if failed is None:
            return facts
        # What may have followed from the failure is what was asked for later.
        return facts | failed.facts() | {"asked": self.errors.steps_asked}

    def _begun(self, asked: Asked, attempt: int = 0) -> Begun:
        return begun_as(self._log.records.get(asked.path), asked, attempt)

    def _failed(self, asked: Asked, error: BaseException, failed: StepFailure) -> None:
        self.errors.fail(asked.path, error, failed, self._begun(asked).effect)

    # ---- in doubt

    async def _reconcile(self, act: Act[R], verdict: Reconcile) -> tuple[R] | None:
        """Ask the receiver what became of the call; None when it never happened."""
        record = self._log.records[act.asked.path]
        recorded = record.in_doubt is not None
        found = await reconcile(act, verdict, self._ground.worker.clock)
        if isinstance(found, Unknown):
            assert record.intent is not None, "it was begun"
            raise self._stop(doubt(record.intent, found.because, recorded=recorded))
        if found is None:
            return None
        await self._record(act, found.body, verdict.attempt - 1)
        return (act.decode(found.body),)

    def _stop(self, found: Doubt) -> StepInDoubt:
        self.doubts.append(found)
        error = in_doubt(found, self._envelope.task_id)
        self.stopped = self.stopped or error
        return error

    def _closing(self) -> bool:
        # No closure over the run that the run would hold: once it has ended nothing of it is left
        # to the collector of cycles, which stops all others meanwhile.
        return self._is_cut_off() or self.suspended is not None

    def _entry(
        self, kind: Kind, path: str, facts: dict[str, object], body: bytes | None = None
    ) -> Entry:
        lane, worker = self._ground.lane, self._ground.worker
        return Entry(
            kind,
            self._invocation.id,
            lane.epoch,
            worker.agent.version,
            worker.clock.now_ms(),
            facts=facts,
            path=path,
            body=body,
        )

    async def _reached(self, moment: Moment, asked: Asked) -> None:
        await self._ground.worker.fail_points.reached(moment, asked.name)
