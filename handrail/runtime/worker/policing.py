"""Asks the policy before what a handler sends, and what it reads of memory and writes there.

The rights are those of the person who asked for the task. Guarantees: what is denied does not leave
the process; yes and no are recorded as what came of a step, and what is recorded is not judged
again, so that a run which comes again under other rules is told what it was told before.
"""

from typing import TypeVar

from handrail.contract.failure import Refused
from handrail.contract.topic import results
from handrail.lane.steps import COLLECTED, StepRecord
from handrail.ledger.event import WroteKind
from handrail.rails import acts
from handrail.rails.policy import NoPolicy
from handrail.runtime.worker.asking import Asker, UntilReply
from handrail.runtime.worker.digest import digest_of
from handrail.runtime.worker.gating import refusing
from handrail.runtime.worker.memory_rights import Right
from handrail.runtime.worker.outputs import Outputs
from handrail.runtime.worker.place import WorkerPlace
from handrail.runtime.worker.recorded_error import decode_error, encode_error
from handrail.runtime.worker.wait import Wait
from handrail.runtime.worker.waiting import RunSteps
from handrail.wire.envelope import Envelope
from handrail.wire.priority import without_priority

R = TypeVar("R")


def check_sending(worker: WorkerPlace, envelope: Envelope, outputs: Outputs) -> None:
    """Raise PolicyDenied for the first message that may not be sent; none leaves then.

    What an agent of the engine's own reports to whoever asked is no act that needs a right: that
    was judged when it was asked for.
    """
    sent = (one.topic for one in outputs.messages if one.kind is not WroteKind.MARKER)
    for topic in dict.fromkeys(map(without_priority, sent)):
        if worker.agent.of_engine and topic == results.name:
            continue
        access = acts.handoff(envelope, worker.agent.name, topic)
        denied = acts.denial(worker.rails.policy, access)
        if denied is not None:
            raise denied


def denied_memory(
    steps: RunSteps, asker: Asker, path: str, right: Right, where: tuple[str, str | None]
) -> Refused | None:
    """Give the no to a use of memory, a space and perhaps a key; a recorded step has none."""
    if _is_settled(steps, path):
        return None
    return _refused_memory(asker, right, where)


def denied_question(steps: RunSteps, path: str, until: UntilReply) -> Refused | None:
    """Give the no to a question to another agent; a recorded step has none."""
    if _is_settled(steps, path):
        return None
    worker = until.asker.ground.worker
    access = acts.handoff(until.asker.envelope, worker.agent.name, until.topic.name)
    return acts.refusal(worker.rails.policy, access)


def was_denied(steps: RunSteps, path: str) -> bool:
    """Say whether a step that waits is recorded as refused: it has ended and never began."""
    record = _known(steps, path)
    if record is None or record.outcome is None or record.outcome.facts["ok"]:
        return False
    return record.intent is None or "void" in record.intent.facts


async def denial(steps: RunSteps, wait: Wait[R], denied: Refused | None) -> R:
    """Raise the refusal of a step that would wait, as recorded; recorded now if it is new."""
    if denied is None:
        return await steps.wait_for(wait)
    return await steps.carry_out(refusing(wait.act, denied))


def check_collected(steps: RunSteps, asker: Asker, where: tuple[str, str]) -> None:
    """Raise Refused when the policy does not let this be written when the handler ends.

    Such a write is no step. What it is told is noted without waiting, yes or no, once for each
    space and key: a run that comes again may ask in another order. Where nothing is noted it is
    judged now, since whatever ran before may have been told no; a team without a policy notes none.
    """
    told = steps.memory.told_of_writes
    if where not in told:
        told[where] = _noted_of_write(steps, asker, where)
    if told[where]:
        raise decode_error(COLLECTED, told[where].encode())


def _noted_of_write(steps: RunSteps, asker: Asker, where: tuple[str, str]) -> str:
    """Give the error that is recorded of a write, recorded now if it is new; empty for a yes."""
    path, noted = f"collect.{digest_of(where)}", ""
    if _known(steps, path) is None:
        if isinstance(asker.ground.worker.rails.policy, NoPolicy):
            return ""
        denied = _refused_memory(asker, Right.WRITE, where)
        noted = "" if denied is None else encode_error(denied).decode()
    return steps.note(path, COLLECTED, lambda: noted, ok=not noted)


def _refused_memory(asker: Asker, right: Right, where: tuple[str, str | None]) -> Refused | None:
    worker, (space, key) = asker.ground.worker, where
    access = acts.memory(asker.envelope, worker.agent.name, right.value, space, key)
    return acts.refusal(worker.rails.policy, access)


def _known(steps: RunSteps, path: str) -> StepRecord | None:
    return steps.ground.lane.steps.known(steps.invocation.id, path)


def _is_settled(steps: RunSteps, path: str) -> bool:
    record = _known(steps, path)
    if record is None:
        return False
    begun = record.intent is not None and "void" not in record.intent.facts
    return record.outcome is not None or begun
