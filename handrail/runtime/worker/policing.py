"""Asks the policy before what a handler sends, and what it reads of memory and writes there.

The rights are those of the person who asked for the task. Guarantees: what is denied does not leave
the process; yes and no are recorded as what came of a step, and what is recorded is not judged
again, so that a run which comes again under other rules is told what it was told before.
"""

from typing import Final, TypeVar

from handrail.contract.failure import Refused
from handrail.contract.topic import results
from handrail.lane.steps import StepRecord
from handrail.ledger.event import WroteKind
from handrail.rails import acts
from handrail.runtime.worker.asking import Asker, UntilReply
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

COLLECTED: Final = "memory.collect"  #: under which a refused write at the end is noted


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


def check_collected(steps: RunSteps, asker: Asker, where: tuple[str, str | None]) -> None:
    """Raise Refused when the policy does not let this be written when the handler ends.

    Such a write is no step. A no is recorded without waiting, under the number of the call; a yes
    shows in what is recorded after it.
    """
    steps.memory.collecting_count += 1
    path, noted = f"collect.{steps.memory.collecting_count}", ""
    if _known(steps, path) is None:
        denied = _refused_memory(asker, Right.WRITE, where)
        if denied is None or _went_on(steps):
            return
        noted = encode_error(denied).decode()
    raise decode_error(COLLECTED, steps.note(path, COLLECTED, lambda: noted, ok=False).encode())


def _went_on(steps: RunSteps) -> bool:
    """Say whether an earlier run has got past this point, and so was told yes here."""
    if steps.invocation.redrive_count:
        return False  # of what was sent back, notes may be gone that later steps have followed
    log = steps.ground.lane.steps.of(steps.invocation.id)
    recorded = {path for path, one in log.records.items() if one.latest is not None}
    return not recorded <= steps.errors.all_asked()


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
