"""Tells the ledger why a call of a tool was refused or has failed.

Guarantee: it is told in the transaction of the call's outcome; where a person has denied the call,
or nobody has approved it in time, in the one that closes the request, whatever becomes of the run.
What stands there is the problem as an operator may see it, in lines of bounded length: what a
refusal says, who answers for the tool, and under what the log has the rest. The words of an error
that is no refusal are in the log alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from handrail.contract.failure import Refused
from handrail.contract.problem import Problem
from handrail.contract.tool import Tool
from handrail.lane.denials import APPROVAL_OF
from handrail.lane.journal import Entry
from handrail.ledger.rail_event import ActRefused
from handrail.runtime.worker.asking import Asker
from handrail.runtime.worker.covering import act_of
from handrail.runtime.worker.ground import Act, LaneGround
from handrail.runtime.worker.recorded_error import decode_error
from handrail.runtime.worker.requests import request_id
from handrail.runtime.worker.waiting import RunSteps
from handrail.wire.envelope import Envelope
from handrail.wire.record import Outgoing

R = TypeVar("R")


def trace_of(envelope: Envelope, invocation_id: str) -> str:
    """Give that under which the log tells of the acts of an invocation."""
    return envelope.trace_parent or invocation_id


def telling_refusal(act: Act[R], tool: Tool[Any, R], steps: RunSteps, asker: Asker) -> Act[R]:
    """Give the act that tells of its failure as well, besides what it tells already."""
    own = act.beside_failure

    def beside_failure(outcome: Entry) -> Sequence[Outgoing]:
        error = decode_error(act.asked.name, outcome.body or b"{}")
        if not isinstance(error, Refused):
            return own(outcome)
        told = _event(
            error,
            call_facts(tool, act.asked.path, asker),
            task_id=asker.envelope.task_id,
            tenant=asker.envelope.tenant,
            time_ms=steps.now_ms(),
            agent=steps.ground.worker.agent.name,
            invocation=asker.invocation.id,
            step=act.asked.path,
            tool=tool.name,
        )
        return [steps.ground.saying.record(told), *own(outcome)]

    return replace(act, beside_failure=beside_failure)


def call_facts(tool: Tool[Any, Any], path: str, asker: Asker) -> dict[str, object]:
    """Give what is told of the refusal of a call beside the refusal, for the intent of a request.

    Whoever closes the request has neither the run of the call nor its tool at hand.
    """
    invocation = asker.invocation
    return {
        "run": invocation.run_of(int(path.partition(".")[0])),
        "attempt": invocation.tries.total + 1,
        "owner": tool.terms.owner,
        "trace": trace_of(asker.envelope, invocation.id),
    }


def not_approved(
    ground: LaneGround, intent: Entry, refused: Refused, by: str | None = None
) -> ActRefused:
    """Tell of a call that a person has denied, or that nobody (`by` is None) has approved in time.

    `intent` is that of its request. One of an earlier version says less of the call.
    """
    facts = cast("Mapping[str, Any]", intent.facts)
    return _event(
        refused,
        {"trace": intent.invocation, **facts["approval"].get("call", {})},
        task_id=str(facts["task"]),
        tenant=str(facts["tenant"]),
        time_ms=ground.worker.clock.now_ms(),
        agent=ground.worker.agent.name,
        invocation=intent.invocation,
        step=act_of(intent.path),
        tool=str(facts["name"]).removeprefix(APPROVAL_OF),
        request=request_id(intent),
        by=by,
    )


def _event(refused: Refused, call: Mapping[str, Any], **where: Any) -> ActRefused:  # noqa: ANN401 - fields of the event
    problem = Problem.of(refused)
    return ActRefused(
        **where,
        **call,
        state=str(problem.state),
        title=problem.title,
        detail=problem.detail,
        remedy=problem.remedy,
        retry=str(problem.retry),
        retry_after_s=problem.retry_after,
    )
