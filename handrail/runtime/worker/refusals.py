"""Tells the ledger why a call of a tool was refused or has failed.

Guarantee: it is told in the transaction of the call's outcome. What stands there is the problem as
an operator may see it, in lines of bounded length: what a refusal says, who answers for the tool,
and under what the log has the rest. The words of an error that is no refusal are in the log alone.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from handrail.contract.failure import Refused
from handrail.contract.problem import Problem
from handrail.contract.tool import Tool
from handrail.lane.journal import Entry
from handrail.ledger.rail_event import ActRefused
from handrail.runtime.worker.asking import Asker
from handrail.runtime.worker.ground import Act
from handrail.runtime.worker.recorded_error import decode_error
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
        told = _event(error, tool, act.asked.path, steps, asker)
        return [steps.ground.saying.record(told), *own(outcome)]

    return replace(act, beside_failure=beside_failure)


def _event(
    refused: Refused, tool: Tool[Any, Any], path: str, steps: RunSteps, asker: Asker
) -> ActRefused:
    envelope, invocation = asker.envelope, asker.invocation
    trace = trace_of(envelope, invocation.id)
    problem = Problem.of(refused, owner=tool.terms.owner, trace=trace)
    return ActRefused(
        task_id=envelope.task_id,
        tenant=envelope.tenant,
        time_ms=steps.now_ms(),
        agent=steps.ground.worker.agent.name,
        invocation=invocation.id,
        run=steps.run_of(int(path.partition(".")[0])),
        attempt=steps.attempt,
        step=path,
        tool=tool.name,
        state=str(problem.state),
        title=problem.title,
        detail=problem.detail,
        remedy=problem.remedy,
        retry=str(problem.retry),
        retry_after_s=problem.retry_after,
        owner=problem.owner,
        trace=trace,
    )
