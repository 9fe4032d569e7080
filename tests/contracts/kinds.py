"""One record of every kind that the engine writes, from fixed facts."""

from typing import ClassVar

from pydantic import BaseModel

from handrail import Topic
from handrail.ledger.event import Rested, RestWhy
from handrail.ledger.event_record import encode
from handrail.ledger.rail_event import ActRefused
from handrail.wire import ids
from handrail.wire.answer import FAILURE_TYPE, REPLY_TYPE, FailedAnswer, ReplyAddress
from handrail.wire.claim import Claim, chunk, claim_of
from handrail.wire.codec import CLAIM_TYPE, encode_headers
from handrail.wire.dead_letter import DeadLetter, Failure, Reason
from handrail.wire.envelope import Envelope, FanOutHeader
from handrail.wire.human import Closed, NotTaken, PersonsAnswer, Request
from handrail.wire.key import record_key
from handrail.wire.marker import MARKER_TYPE, Marker, MarkerKind
from handrail.wire.record import Outgoing, Record
from tests.contracts.memory_kinds import MEMORY_KINDS


class Question(BaseModel):
    """A message of the second major version, with signs beyond ASCII."""

    schema_version: ClassVar[int] = 2
    text: str
    weight: float = 1.0
    tags: list[str] = []


questions = Topic("questions", carries=Question)
QUESTION = Question(text="Was heißt „genau einmal“? 🤝", tags=["kafka"])
INVOCATION = "6a1f0c9e-8f43-5a27-b1c8-5d2f0f4c7a11"
FAN_OUT = ids.fan_out_id(INVOCATION, 0)
ENVELOPE = Envelope(
    id=ids.handoff_id(INVOCATION, 0),
    type=questions.type_of(QUESTION),
    source="/agents/planner",
    time_ms=1_767_225_600_007,
    task_id=ids.task_id_of("default", "invoice-7"),
    tenant="default",
    reference="invoice-7",
    causation_id=INVOCATION,
    hop=1,
    deadline_ms=1_767_830_400_000,
    trace_parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
PART = ENVELOPE.but(
    id=ids.handoff_id(INVOCATION, 0, index=1),
    fan_outs=(FanOutHeader("findings", FAN_OUT, 1, 3),),
)


def _sent(envelope: Envelope, body: bytes, topic: str = "questions") -> Outgoing:
    key = record_key(envelope, topic)
    return Outgoing(f"handrail.{topic}", key, body, encode_headers(envelope))


def handoff() -> Outgoing:
    """A message from one agent to another."""
    return _sent(ENVELOPE, questions.encode(QUESTION))


def fan_out_part() -> Outgoing:
    """One part of a fan-out."""
    return _sent(PART, questions.encode(QUESTION))


def marker() -> Outgoing:
    """What stands for a part that was lost, where its fan-out is gathered."""
    lost = Marker(MarkerKind.LOST, "attempts", "handrail.researcher.dead/3/7")
    return _sent(PART.but(type=MARKER_TYPE), lost.encode(), "findings")


def stored_chunk() -> Outgoing:
    """A stored piece of a large body."""
    return chunk(b"a body that is taken to be large", "handrail.blobs", 12)[0]


def claim() -> Outgoing:
    """A message whose body is stored elsewhere."""
    found = claim_of((stored_chunk(),), 71)
    headers = encode_headers(ENVELOPE, CLAIM_TYPE)
    return Outgoing(
        "handrail.questions", record_key(ENVELOPE, "questions"), found.encode(), headers
    )


def dead_letter() -> Outgoing:
    """A message that will not be tried again."""
    sent = fan_out_part()
    died = Record(sent.topic, 3, 42, 1_767_225_600_010, sent.key, b'{"text": \xff', sent.headers)
    failure = Failure(
        reason=Reason.DECODE,
        agent="researcher",
        agent_version="1",
        failed_ms=1_767_225_601_000,
        exception_type="handrail.errors.wire.BodyNotJson",
        exception_message="The body of a message is not JSON.",
        stack="Traceback (most recent call last):\n  ...\n",
        step="2",
        cost="0.02 USD",
        journal=Claim("ab" * 32, 4_096, 5, 6),
        redrive=1,
    )
    return DeadLetter.of(died, failure).outgoing("handrail.researcher.dead")


def rested() -> Outgoing:
    """What the ledger is told of a handoff that failed and is tried again."""
    event = Rested(
        task_id=ENVELOPE.task_id,
        tenant="default",
        time_ms=1_767_225_601_000,
        agent="researcher",
        agent_version="1",
        process="researcher-1",
        topic="questions",
        partition=3,
        offset=42,
        invocation=ENVELOPE.id,
        why=RestWhy.RETRY,
        failed_count=3,
        until_ms=1_767_225_602_000,
        sentence="The archive is away.",
        error="ConnectionError",
    )
    return encode(event, "handrail.ledger")


def act_refused() -> Outgoing:
    """What the ledger is told of a call of a tool that was refused."""
    event = ActRefused(
        task_id=ENVELOPE.task_id,
        tenant="default",
        time_ms=1_767_225_601_000,
        agent="clerk",
        invocation=ENVELOPE.id,
        run=1,
        attempt=2,
        step="3.1",
        tool="pay",
        state="rate_limited",
        title="Too many calls",
        detail="pay is called more than 10 times in an hour",
        remedy="Wait, then call again.",
        retry="after_delay",
        retry_after_s=7.5,
        owner="payments",
        trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    return encode(event, "handrail.ledger")


def act_denied() -> Outgoing:
    """What the ledger is told of a call of a tool that a person has denied."""
    event = ActRefused(
        task_id=ENVELOPE.task_id,
        tenant="default",
        time_ms=1_767_225_601_000,
        agent="clerk",
        invocation=ENVELOPE.id,
        step="3.1",
        tool="pay",
        state="approval_rejected",
        title="A person rejected it",
        detail="fay has not approved pay: not this month",
        remedy="Go on without it; the reason given says why.",
        retry="never",
        owner="payments",
        trace=ENVELOPE.id,
        request=f"{ENVELOPE.id}/3.a1/1",
        by="fay",
    )
    return encode(event, "handrail.ledger")


QUESTION_ID = ids.handoff_id(INVOCATION, 0, "3")
REPLY = ENVELOPE.but(
    id=ids.handoff_id(QUESTION_ID, 0),
    type=REPLY_TYPE,
    source="handrail/ns/pricer",
    causation_id=QUESTION_ID,
    hop=3,
    answers=QUESTION_ID,
)
REQUEST = f"{INVOCATION}/4/1"


def question() -> Outgoing:
    """A question of one agent to another."""
    asked = ENVELOPE.but(
        id=QUESTION_ID,
        hop=2,
        reply_to=str(ReplyAddress("planner.answers", 3)),
        chain=("intake/invoice-7", "questions/desk"),
    )
    body = questions.encode(QUESTION)
    return Outgoing("handrail.prices", QUESTION_ID.encode(), body, encode_headers(asked))


def reply() -> Outgoing:
    """The answer to a question."""
    return Outgoing(
        "handrail.planner.answers", INVOCATION.encode(), b'{"cents":500}', encode_headers(REPLY), 3
    )


def failed_answer() -> Outgoing:
    """Why a question has no answer."""
    failed = FailedAnswer("pricer", "attempts", "ValueError: no price", "handrail.prices/3/42")
    headers = encode_headers(REPLY.but(type=FAILURE_TYPE))
    return Outgoing("handrail.planner.answers", INVOCATION.encode(), failed.encode(), headers, 3)


def request() -> Outgoing:
    """What a person is asked."""
    return Request(
        id=REQUEST,
        task_id=ENVELOPE.task_id,
        tenant="default",
        agent="clerk",
        text="Wer zeichnet „genau einmal“? 🤝",
        schema={"type": "string"},
        choices=("Ada", "Bob"),
        reply_to="clerk.answers/3",
        asked_ms=1_767_225_600_007,
        expires_ms=1_767_830_400_000,
    ).outgoing("handrail.human")


def persons_answer() -> Outgoing:
    """What a person has answered."""
    answer = PersonsAnswer(REQUEST, "5c3d2a1b-0000-4000-8000-000000000001", b'"Ada"', "Zoë")
    return answer.outgoing("handrail.clerk.answers", 3, 1_767_225_601_000)


def closed_request() -> Outgoing:
    """How a request was closed."""
    closed = Closed(REQUEST, "Zoë", '"Ada"', "5c3d2a1b-0000-4000-8000-000000000001")
    return closed.outgoing("handrail.human", 1_767_225_602_000)[-1]


def not_taken() -> Outgoing:
    """Why an answer does not count."""
    told = NotTaken(REQUEST, "5c3d2a1b-0000-4000-8000-000000000001", "t-1", "it came too late")
    return told.outgoing("handrail.human", 1_767_225_602_000)


KINDS = {
    kind.__name__: kind
    for kind in (
        handoff,
        fan_out_part,
        marker,
        claim,
        stored_chunk,
        dead_letter,
        rested,
        act_refused,
        act_denied,
        question,
        reply,
        failed_answer,
        request,
        persons_answer,
        closed_request,
        not_taken,
        *MEMORY_KINDS,
    )
}
