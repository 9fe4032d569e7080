"""What an agent gives back to whoever asked it: the answer itself, or that there will be none.

An answer goes straight to the partition that the question names; a question that nobody's step has
asked, such as one that a person has sent, is answered on `results`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handrail.contract.agent import Agent
from handrail.contract.topic import results
from handrail.errors.root import HandrailError
from handrail.errors.wire import EnvelopeInvalid
from handrail.ledger.event import SENTENCE_CHARS_MAX, WroteKind
from handrail.runtime.worker.outputs import MARKER_INDEX, RETURN_PATH, Origin, Outbound, Outputs
from handrail.runtime.worker.place import TeamPlace
from handrail.wire.answer import FAILURE_TYPE, REPLY_TYPE, FailedAnswer, ReplyAddress
from handrail.wire.envelope import Envelope
from handrail.wire.ids import handoff_id

if TYPE_CHECKING:
    from handrail.runtime.worker.ground import LaneGround
    from handrail.runtime.worker.packing import Packer


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why a question ends without an answer."""

    reason: str  #: a word of `dlq.reason`, or `canceled`
    error: BaseException | str
    dead_letter: str | None = None


def reply_of(agent: Agent[..., Any], place: TeamPlace, origin: Origin, returned: object) -> Outputs:
    """Give what answers a question. Raises NotSendable for what is no answer to it."""
    reply = agent.reads.reply
    assert reply is not None, "only an agent whose inbox has replies= answers"
    parent = origin.envelope
    if parent.reply_to is not None:
        body = reply.encode(returned)
        return Outputs([_answer(agent, place, origin, REPLY_TYPE, body)])
    envelope = _envelope(agent, place, origin, 0, reply.type_of(returned))
    key = (parent.reference or parent.task_id).encode()
    body = reply.encode(returned)
    return Outputs([Outbound(results.name, envelope, key, body, WroteKind.RESULT)])


async def check_address(packer: "Packer", reply_to: str) -> None:
    """Raise EnvelopeInvalid when there is no such partition, or none that we may write to."""
    if not await packer.knows(reply_to):
        detail = f"no answers of an agent can be written to {reply_to[:80]!r}"
        raise EnvelopeInvalid(header="ce_replyto", detail=detail)


async def failed_answer(
    ground: "LaneGround", envelope: Envelope, ended: str, why: NoAnswer
) -> Outbound | None:
    """Give what tells the asker of a question that there will be no answer, if it can be told."""
    if envelope.reply_to is None or not await ground.packer.knows(envelope.reply_to):
        return None
    return failure_of(ground, envelope, ended, why)


def failure_of(ground: "LaneGround", envelope: Envelope, ended: str, why: NoAnswer) -> Outbound:
    """Give it for a question whose address is known to be there."""
    worker, error = ground.worker, why.error
    words = error.what if isinstance(error, HandrailError) else str(error)
    sentence = words[:SENTENCE_CHARS_MAX]
    failed = FailedAnswer(worker.agent.name, why.reason, sentence, why.dead_letter)
    origin = Origin(ended, envelope, worker.clock.now_ms())
    return _answer(worker.agent, worker.team, origin, FAILURE_TYPE, failed.encode())


def _answer(
    agent: Agent[..., Any], place: TeamPlace, origin: Origin, type_name: str, body: bytes
) -> Outbound:
    parent = origin.envelope
    address = ReplyAddress.of(parent.reply_to or "")
    index = 0 if type_name == REPLY_TYPE else MARKER_INDEX
    envelope = _envelope(agent, place, origin, index, type_name).but(answers=parent.id)
    key = (parent.causation_id or parent.id).encode()
    return Outbound(address.topic, envelope, key, body, WroteKind.ANSWER, address.partition)


def _envelope(
    agent: Agent[..., Any], place: TeamPlace, origin: Origin, index: int, type_name: str
) -> Envelope:
    parent = origin.envelope
    return Envelope(
        id=handoff_id(origin.invocation, origin.run, RETURN_PATH, index),
        type=type_name,
        source=f"handrail/{place.namespace}/{agent.name}",
        time_ms=origin.written_ms,
        task_id=parent.task_id,
        tenant=parent.tenant,
        reference=parent.reference,
        causation_id=origin.invocation,
        hop=parent.hop + 1,
        deadline_ms=parent.deadline_ms,
        budget=parent.budget,
        memory_read=parent.memory_read,
        label=parent.label,
        trace_parent=parent.trace_parent,
    )
