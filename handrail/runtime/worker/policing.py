"""Asks the policy before what a handler sends, and what it reads of memory and writes there.

The rights are those of the person who asked for the task. Guarantees: what is denied does not leave
the process; a step that is recorded is not judged again, so that a run which comes again under
other rules is told what it was told before.
"""

from handrail.contract.failure import Refused
from handrail.contract.topic import results
from handrail.ledger.event import WroteKind
from handrail.rails import acts
from handrail.runtime.worker.asking import Asker
from handrail.runtime.worker.memory_rights import Right
from handrail.runtime.worker.outputs import Outputs
from handrail.runtime.worker.place import WorkerPlace
from handrail.runtime.worker.waiting import RunSteps
from handrail.wire.envelope import Envelope
from handrail.wire.priority import without_priority


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
    steps: RunSteps, asker: Asker, path: str | None, right: Right, where: tuple[str, str | None]
) -> Refused | None:
    """Give the no to a use of memory, a space and perhaps a key; a recorded step has none."""
    record = None if path is None else steps.ground.lane.steps.known(steps.invocation.id, path)
    if record is not None:
        return None
    worker, (space, key) = asker.ground.worker, where
    access = acts.memory(asker.envelope, worker.agent.name, right.value, space, key)
    return acts.refusal(worker.rails.policy, access)


def check_writing(
    steps: RunSteps, asker: Asker, path: str | None, where: tuple[str, str | None]
) -> None:
    """Raise Refused when the policy does not let this be written."""
    if denied := denied_memory(steps, asker, path, Right.WRITE, where):
        raise denied
