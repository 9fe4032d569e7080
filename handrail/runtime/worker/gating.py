"""Leads each act of a handler through the gateway, and to a person where one has to approve it.

The verdict of the gateway is recorded like any outcome: a refused act ends as a failed step, and a
run that comes again is told the same. What has begun, or has ended, is not judged a second time.
Guarantee: an act that needs an approval begins under an intent that names the decision, for the
very arguments, contract and rules that the person saw, before it expires, and once.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn, TypeVar, cast

import structlog

from handrail.contract.canonical import plain
from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.for_task import FOR_TASK, ForTask
from handrail.contract.problem import Problem
from handrail.contract.terms import Approval
from handrail.contract.tool import Tool
from handrail.lane.journal import Entry
from handrail.lane.steps import StepLog, StepRecord
from handrail.models.port import JsonObject
from handrail.rails.binding import Binding
from handrail.rails.gateway import Call, NeedsApproval, Stage, Stopped, Verdict, judge
from handrail.rails.licence import Licence
from handrail.runtime.worker.acting import StepRunner
from handrail.runtime.worker.approving import (
    Decided,
    approval_wait,
    expired,
    may_not_decide,
    rejected,
)
from handrail.runtime.worker.asking import Asker
from handrail.runtime.worker.covering import Covering, beside, is_settled, used_up
from handrail.runtime.worker.flights import ApprovalEnded
from handrail.runtime.worker.ground import Act, never_again
from handrail.runtime.worker.refusals import trace_of
from handrail.runtime.worker.requests import request_id
from handrail.runtime.worker.run_licences import FACT, Further, unless_ended
from handrail.runtime.worker.wait import Wait
from handrail.runtime.worker.waiting import RunSteps

log = structlog.get_logger("handrail.rails")

R = TypeVar("R")
T = TypeVar("T")

#: Judged before a person is asked for more budget.
FREE_STAGES: Final = frozenset({Stage.CONTRACT, Stage.LABELS, Stage.POLICY, Stage.BUDGET})

#: Makes the act of a call, from its arguments as a handler, a model or a person has given them,
#: which name it whatever its contract takes by then, and as the contract reads them.
MakeAct = Callable[[JsonObject, JsonObject], Act[R]]


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of one run of a handler."""

    steps: RunSteps
    asker: Asker
    acting: StepRunner

    async def through(
        self, tool: Tool[Any, R], arguments: JsonObject, path: str, act: MakeAct[R]
    ) -> R:
        """Carry an act out if it may take place; raises Refused in one of the 23 states."""
        cost = 0 if tool.terms.cost is None else tool.terms.cost.micros
        if not cost:
            return await self._judged(tool, arguments, path, act, cost)

        async def stopping() -> Stopped | None:
            return await self._stopping(self._call(tool, arguments))

        async def carry(stopped: Stopped | None) -> R:
            return await self._judged(tool, arguments, path, act, cost, stopped)

        covering = Covering(self.steps, self.asker)
        return await covering.paid(tool.name, cost, path, carry, stopping)

    async def paid(self, name: str, cost: int, path: str, carry: Callable[[], Awaitable[T]]) -> T:
        """Carry out what is no tool and costs at most so much; `Refused` when it is not left."""

        async def carried(_: Stopped | None) -> T:
            return await carry()

        return await Covering(self.steps, self.asker).paid(name, cost, path, carried)

    # ---- inside

    async def _judged(
        self,
        tool: Tool[Any, R],
        arguments: JsonObject,
        path: str,
        act: MakeAct[R],
        cost: int,
        stopped: Stopped | None = None,
    ) -> R:
        steps = self.steps
        costs = {"cost": cost} if cost and steps.budget.account.limit is not None else {}
        call = self._call(tool, arguments)
        ask_path, rails = approval_path(path), self.steps.ground.worker.rails
        verdict = None if self.is_settled(path) else stopped or await self._verdict(call, ask_path)
        # A store of secrets takes its time, in which an approval may have expired.
        call = original = replace(call, now_ms=steps.now_ms())
        further = self._further(call, path, verdict)
        if further is not None:
            verdict = judge(replace(call, approved=True), rails)
        approved = self.is_settled(ask_path) or isinstance(verdict, NeedsApproval)
        if approved:
            decided = await self._decided(original, ask_path, verdict)
            if decided.arguments is not None:
                arguments = dict(decided.arguments)  # the gateway reads them, where it judges
            call = replace(call, arguments=arguments, now_ms=steps.now_ms())
            verdict = None if self.is_settled(path) else self._judged_anew(call, decided)
        if verdict is None:
            with steps.budget.covering(cost, again=True):
                made = self._again(act(arguments, _as_read(tool, arguments)), path)
                return await steps.carry_out(replace(made, licence={**made.licence, **costs}))
        made = act(
            arguments, dict(arguments if isinstance(verdict, Stopped) else verdict.arguments)
        )
        if isinstance(verdict, Stopped):
            self._tell(tool, verdict)
            return await steps.carry_out(refusing(made, verdict.refused))
        if isinstance(verdict, NeedsApproval):
            # It was none when the run began to ask, so nobody has decided on it.
            why = "what it does now needs an approval that nobody was asked for"
            return await steps.carry_out(refusing(made, expired(tool.name, why)))
        if further is not None:
            made = self._by_licence(made, further, path, dict(verdict.arguments))
        elif approved:
            licence, lost = self._licence(ask_path, original, call.now_ms)
            if lost is not None:
                return await steps.carry_out(refusing(made, expired(tool.name, lost)))
            made = self._in_time(replace(made, licence={**made.licence, **licence}), ask_path)
        made = replace(made, licence={**made.licence, **costs})
        if not steps.budget.account.fits(cost):
            return await steps.carry_out(refusing(made, used_up(tool.name)))
        limit = tool.terms.limit
        with (
            suppress(ApprovalEnded),
            steps.licences.going_on(further, path),
            steps.budget.covering(cost),
            rails.limits.running(tool.name, call.tenant, limit, call.now_ms),
        ):
            return await steps.carry_out(made)
        # What it was to go on by has ended before it began: it is put to a person, or refused.
        return await self._judged(tool, arguments, path, act, cost)

    def _tell(self, tool: Tool[Any, Any], verdict: Stopped) -> None:
        trace = trace_of(self.asker.envelope, self.asker.invocation.id)
        problem = Problem.of(verdict.refused, owner=tool.terms.owner, trace=trace)
        log.info("act refused", tool=tool.name, stage=verdict.stage, **problem.for_operator())

    async def _verdict(self, call: Call, ask_path: str) -> Verdict:
        """Judge an act; nobody is asked to approve one that lacks a secret."""
        found = judge(call, self.steps.ground.worker.rails)
        if isinstance(found, NeedsApproval) and not self.is_settled(ask_path):
            lacking = await self.acting.lacks(call.tool, call.tenant)
            if lacking is not None:
                return Stopped(Stage.CONTRACT, lacking)
        return found

    async def _stopping(self, call: Call) -> Stopped | None:
        """Say what stops an act before anybody is asked for more budget for it; None for nothing.

        Approval and sandbox come later: by then another machine may have the lane.
        """
        found = judge(call, self.steps.ground.worker.rails)
        if isinstance(found, Stopped) and found.stage in FREE_STAGES:
            return found
        lacking = await self.acting.lacks(call.tool, call.tenant)
        return None if lacking is None else Stopped(Stage.CONTRACT, lacking)

    async def _decided(self, call: Call, ask_path: str, verdict: Verdict | None) -> Decided:
        """Wait for the decision on a call, and know what it says of others. Raises Refused."""
        decided = await self.steps.wait_for(self._approval(ask_path, call, verdict))
        if not decided.approve:
            raise rejected(call.tool.name, decided)
        bound, digest, outcome = self._bound(ask_path, call)
        given = ForTask.of(outcome.facts.get(FOR_TASK))
        if given is not None and bound.digest == digest:
            self.steps.licences.give(Licence(bound, digest, decided.by, given))
        return decided

    def _further(self, call: Call, path: str, verdict: Verdict | None) -> Further | None:
        """Give the approval for the task by which a call goes on; None where a person is asked.

        Whoever gave it has to be one who may approve this call as it is.
        """
        if not isinstance(verdict, NeedsApproval) or self.is_settled(approval_path(path)):
            return None
        steps = self.steps
        version = steps.ground.worker.rails.policy.version
        found = steps.licences.covering(call, path, version, self._log)
        if found is None or self._who_may_not(verdict, found.licence.by, call) is not None:
            return None
        return found

    def _by_licence(
        self, act: Act[R], further: Further, path: str, arguments: JsonObject
    ) -> Act[R]:
        """Give the act that names the approval by which it goes on, and tells of it."""
        event = further.told(self.asker, path, arguments, self.steps.now_ms())
        told = self.steps.ground.saying.record(event)

        def ended() -> bool:
            # What it was begun by stands: it is not judged a second time.
            return not self.is_settled(path) and further.has_ended(self._log, self.steps.now_ms())

        return further.of(act, told, ended)

    def _in_time(self, act: Act[R], ask_path: str) -> Act[R]:
        """Give the act that begins only before its approval expires, whatever it waits for."""
        asked = self.record(ask_path)
        assert asked is not None, "it was waited for"
        assert asked.intent is not None, "a request was made"
        until_ms, path = int(str(asked.intent.facts["until_ms"])), act.asked.path
        return unless_ended(
            act, lambda: not self.is_settled(path) and self.steps.now_ms() >= until_ms
        )

    def _again(self, act: Act[R], path: str) -> Act[R]:
        """Give an act that was begun before with the approval for the task that it went on by."""
        record = self.record(path)
        intent = None if record is None else record.intent
        found = None if intent is None else intent.facts.get(FACT)
        return act if found is None else replace(act, licence={**act.licence, FACT: found})

    def _call(self, tool: Tool[Any, Any], arguments: JsonObject) -> Call:
        envelope = self.asker.envelope
        return Call(
            tool=tool,
            arguments=arguments,
            agent=self.steps.ground.worker.agent.name,
            asked_by=envelope.asked_by,
            tenant=envelope.tenant,
            task_id=envelope.task_id,
            now_ms=self.steps.now_ms(),
            read=self.steps.labels.has_read,
        )

    def _approval(self, path: str, call: Call, verdict: Verdict | None) -> Wait[Decided]:
        """Give the step that waits for it; what was asked before stands in its intent."""
        if isinstance(verdict, NeedsApproval):
            return approval_wait(self.asker, path, call, verdict)
        known = NeedsApproval(Approval(), call.arguments, ())
        return approval_wait(self.asker, path, call, known)

    def _judged_anew(self, call: Call, decided: Decided) -> Verdict:
        """Judge an act that was approved.

        What a person has made of its arguments has to be what that very person may approve.
        """
        rails = self.steps.ground.worker.rails
        if decided.arguments is not None:
            asked = judge(call, rails)
            if isinstance(asked, Stopped):
                return asked
            if isinstance(asked, NeedsApproval):
                why = self._who_may_not(asked, decided.by, call)
                if why is not None:
                    detail = (
                        f"{call.tool.name} is not approved as {decided.by} has changed it: {why}"
                    )
                    return Stopped(Stage.APPROVAL, Refused(State.APPROVAL_REJECTED, detail))
        return judge(replace(call, approved=True), rails)

    def _licence(
        self, ask_path: str, call: Call, now_ms: int
    ) -> tuple[Mapping[str, object], str | None]:
        """Give what the act's intent says of its approval, or why that is worth nothing now."""
        bound, digest, outcome = self._bound(ask_path, call)
        if now_ms >= bound.expires_ms:
            return {}, "the approval has expired before it was used"
        if bound.digest != digest:
            return {}, "the tool, its arguments or the rules are not those that were approved"
        by = outcome.facts["by"]
        return {FACT: {"request": bound.request, "digest": digest, "by": by}}, None

    def _bound(self, ask_path: str, call: Call) -> tuple[Binding, str, Entry]:
        """Give what an approval is bound to as of now, the digest that was approved, and where."""
        record = self.record(ask_path)
        assert record is not None, "it was waited for"
        intent, outcome = record.intent, record.outcome
        assert intent is not None, "a request was made"
        assert outcome is not None, "somebody has decided"
        facts = cast("Mapping[str, Any]", intent.facts)
        bound = Binding(
            request=request_id(intent),
            tool=call.tool.name,
            tool_version=call.tool.version,
            policy_version=self.steps.ground.worker.rails.policy.version,
            arguments=cast("Mapping[str, Any]", plain(_as_read(call.tool, dict(call.arguments)))),
            task=call.task_id,
            tenant=call.tenant,
            expires_ms=int(facts["until_ms"]),
        )
        return bound, str(facts["approval"]["digest"]), outcome

    @property
    def _log(self) -> StepLog:
        return self.steps.ground.lane.steps.of(self.steps.invocation.id)

    def _who_may_not(self, needed: NeedsApproval, by: str, call: Call) -> str | None:
        """Say why somebody may not approve a call; None for whoever may."""
        ground, by_asker = self.steps.ground, needed.approval.by_asker
        return may_not_decide(ground, needed.by, by, asked_by=call.asked_by, by_asker=by_asker)

    def record(self, path: str) -> StepRecord | None:
        """Give what is recorded of a step of this run."""
        return self.steps.known(path)

    def is_settled(self, path: str) -> bool:
        """Say whether it was begun or has ended, so that nothing is left to be judged."""
        return is_settled(self.record(path))


def approval_path(path: str) -> str:
    """Name the step in which the act of a step is approved."""
    return beside(path, "a")


def _as_read(tool: Tool[Any, Any], arguments: JsonObject) -> JsonObject:
    """Give the arguments as the contract reads them; as given where it takes them no more.

    What began is not judged by that: what did not is stopped by the gateway, and recorded.
    """
    try:
        return tool.checked(arguments)
    except Refused:
        return arguments


def refusing(act: Act[R], refused: Refused) -> Act[R]:
    """Give the act that does nothing but end in this refusal, which leaves no trace."""

    async def refuse() -> NoReturn:
        raise refused

    asked = replace(act.asked, effect=Effect.PURE)
    return replace(
        act,
        asked=asked,
        declared=Effect.PURE,
        do=cast("Callable[[], Awaitable[R]]", refuse),
        again=never_again,
        gives=None,
    )
