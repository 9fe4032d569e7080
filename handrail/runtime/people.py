"""What people are asked by handlers, and how their answers reach the lanes that wait for them.

An answer is checked before it is sent, and sent in one transaction: to the lane, and as a note for
everybody to `human`. Guarantee: what is reported as taken is what the lane has recorded, whoever
gave it; nothing that stands on `human` alone has any effect.
"""

import asyncio
import uuid
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic_core import PydanticSerializationError, to_json

from handrail.bus.port import Bus
from handrail.contract.json_schema import form_in_words, misfit
from handrail.errors import AnswerRefused, DecisionNotTaken, RequestUnknown
from handrail.errors.wire import WireError
from handrail.ledger.event import RequestKind
from handrail.ledger.task_state import TaskFacts
from handrail.runtime.one_commit import commit_together
from handrail.wire.human import (
    HUMAN,
    Closed,
    NotTaken,
    PersonsAnswer,
    Request,
    closed_key,
    decision_key,
    request_key,
)
from handrail.wire.record import Record, TopicPartition

ANSWERED = frozenset({RequestKind.QUESTION, RequestKind.BUDGET})  #: by `handrail answer`
TAKEN_WITHIN_S = 15.0  #: how long a lane may take to say what it took
POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer that counts."""

    by: str
    value: Any  #: plain JSON values
    is_ours: bool  #: False: somebody else's came first, and this one has no effect


async def open_requests(
    bus: Bus, namespace: str, facts: TaskFacts, kind: RequestKind = RequestKind.QUESTION
) -> list[Request]:
    """Give what of one kind a task asks of a person, in the order in which it was put.

    Whether its budget is raised is a question, too: it is answered as any other.
    """
    found: list[Request] = []
    kinds = ANSWERED if kind in ANSWERED else frozenset({kind})
    for asked in facts.requests:
        if asked.kind in kinds:
            request = await read_request(bus, namespace, asked.id)
            if request is not None:
                found.append(request)
    return found


async def one_request(
    bus: Bus,
    namespace: str,
    facts: TaskFacts,
    step: str | None = None,
    kind: RequestKind = RequestKind.QUESTION,
) -> Request:
    """Give the one open request of a task, or the one of a step. Raises RequestUnknown.

    Parts of a fan-out may ask in steps of the same path: the whole id of a request names one.
    """
    found = await open_requests(bus, namespace, facts, kind)
    fitting = [one for one in found if step in (None, step_of(one.id), one.id)]
    if len(fitting) == 1:
        return fitting[0]
    paths = [step_of(one.id) for one in found]
    steps = ", ".join(paths if len({*paths}) == len(paths) else [one.id for one in found])
    reason = _what_it_waits_for(facts)
    if fitting:
        reason = f"it asks several things, in steps {steps}; name one of them."
    elif found:
        reason = f"step {step} asks nothing; steps {steps} do."
    raise RequestUnknown(wanted=f"task {facts.task_id}", reason=reason)


def _what_it_waits_for(facts: TaskFacts) -> str:
    """Say what a task asks of people when it is not what was to be decided."""
    for asked in facts.requests:
        if asked.kind in ANSWERED:
            return f"it waits for an answer: handrail answer {facts.task_id} VALUE"
        if asked.kind is RequestKind.APPROVAL:
            return f"it waits for an approval: handrail approve {facts.task_id}"
    return "it asks nothing of a person now."


async def read_request(bus: Bus, namespace: str, request_id: str) -> Request | None:
    """Give a request as it stands on `human`; None when it is closed."""
    found, _ = await _newest(bus, f"{namespace}.{HUMAN}", request_key(request_id), None)
    if found is None or found.value is None:
        return None
    try:
        return Request.from_record(found)
    except WireError:
        return None


def step_of(request_id: str) -> str:
    """Give the path of the step that has put a question."""
    return request_id.rsplit("/", 2)[1]


def checked(request: Request, value: object) -> bytes:
    """Give a value as the answer to a request. Raises AnswerRefused for what is none."""
    try:
        data = to_json(value, by_alias=True)
    except PydanticSerializationError as error:
        raise AnswerRefused(
            detail=f"it has no JSON form: {error}", asked=_asked(request)
        ) from error
    foreign = request.kind == RequestKind.APPROVAL.value
    problem = misfit(request.schema, request.choices, orjson.loads(data), foreign=foreign)
    if problem is not None:
        raise AnswerRefused(detail=problem, asked=_asked(request))
    return data


def checked_text(request: Request, text: str) -> bytes:
    """Give what a person has typed as the answer: as it is, or as the JSON that it holds.

    Raises AnswerRefused.
    """
    values: list[object] = [text]
    with suppress(orjson.JSONDecodeError):
        values.append(orjson.loads(text))
    for value in values:
        if misfit(request.schema, request.choices, value) is None:
            return checked(request, value)
    return checked(request, values[-1])


async def give_answer(
    bus: Bus, namespace: str, request: Request, value: bytes, by: str, now_ms: int
) -> PersonsAnswer:
    """Send an answer to the lane that waits for it. Given twice, the first one counts.

    Raises TooLarge, BrokerUnreachable, and CommitDoubtful when nobody can know whether it was sent.
    """
    answer = PersonsAnswer(request.id, str(uuid.uuid4()), value, by)
    topic, _, partition = request.reply_to.rpartition("/")
    records = [
        answer.outgoing(f"{namespace}.{topic}", int(partition), now_ms),
        answer.noted(f"{namespace}.{HUMAN}", now_ms),
    ]
    await commit_together(bus, f"{namespace}.{HUMAN}.{answer.id}", records)
    return answer


async def taken(
    bus: Bus, namespace: str, answer: PersonsAnswer, *, within_s: float = TAKEN_WITHIN_S
) -> Answered | None:
    """Wait until the lane has said which answer counts; None when it has not said so in time.

    Raises DecisionNotTaken when it has said that this one does not, and RequestUnknown when the
    request was closed without an answer.
    """
    topic = f"{namespace}.{HUMAN}"
    keys = (closed_key(answer.request), decision_key(answer.request))
    places = [TopicPartition(topic, await bus.partition_of(topic, key)) for key in keys]
    starts: dict[TopicPartition, int] = {}
    for where in dict.fromkeys(places):
        starts[where] = await bus.end_offset(where)
        first = await bus.begin_offset(where)
        closed: Record | None = None
        async with aclosing(bus.fetch(where, first, starts[where])) as records:
            async for record in records:
                if record.key == keys[0]:
                    # What is asked anew under the same name is open again, however it was closed.
                    closed = record
                else:
                    _told(record, answer)
        if closed is not None and (found := _told(closed, answer)) is not None:
            return found
    tail = await bus.tail(starts)
    try:
        async with asyncio.timeout(within_s):
            while True:
                for record in await tail.poll(timeout_s=POLL_S):
                    if (found := _told(record, answer)) is not None:
                        return found
    except TimeoutError:
        return None
    finally:
        await tail.close()


def _told(record: Record, answer: PersonsAnswer) -> Answered | None:
    """Give what a record says of an answer; None when it says nothing of it."""
    if record.value is None:
        return None
    if record.key == closed_key(answer.request):
        return _answered(record, answer)
    if record.key == decision_key(answer.request):
        told = NotTaken.from_record(record)
        if told is not None and told.answer == answer.id:
            raise DecisionNotTaken(why=told.why, again=_again(told, answer))
    return None


def _again(told: NotTaken, answer: PersonsAnswer) -> str:
    """Give the command by which somebody else, or another answer, would count."""
    value: object = orjson.loads(answer.value)
    place = f"{told.task_id} --step {step_of(told.request)}"
    if isinstance(value, dict) and "approve" in value:
        verb = "approve" if value["approve"] else "deny"
        return f"handrail {verb} {place} --by NAME    for somebody else, who may decide it"
    return f"handrail answer {place} VALUE    with what is asked for"


def _answered(record: Record, answer: PersonsAnswer) -> Answered:
    closed = Closed.from_record(record)
    if closed.answer is None:
        raise RequestUnknown(wanted=answer.request, reason=f"it was closed: {closed.decision}.")
    return Answered(closed.by, orjson.loads(closed.decision), closed.answer == answer.id)


async def _newest(bus: Bus, topic: str, key: bytes, start: int | None) -> tuple[Record | None, int]:
    """Give the newest record of a key, a tombstone too, and the end up to which was read."""
    where = TopicPartition(topic, await bus.partition_of(topic, key))
    end = await bus.end_offset(where)
    first = await bus.begin_offset(where) if start is None else start
    found: Record | None = None
    async with aclosing(bus.fetch(where, first, end)) as records:
        async for record in records:
            if record.key == key:
                found = record
    return found, end


def _asked(request: Request) -> str:
    form = form_in_words(request.schema, request.choices)
    step = step_of(request.id)
    return f"step {step} of {request.agent} asks: {request.text} The answer is {form}."
