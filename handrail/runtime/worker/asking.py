"""The steps of a handler that wait: what each writes when it begins, and when its time is over."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from handrail.contract.effect import Effect
from handrail.contract.explain import invalid_in_words
from handrail.contract.json_schema import form_in_words
from handrail.contract.topic import Topic, is_topic
from handrail.errors.asking import AnswerUnfit, AskCycle, AskInvalid, NoAnswerInTime
from handrail.errors.steps import StepInvalid
from handrail.errors.wire import WireError
from handrail.lane.invocation import Invocation, Why
from handrail.lane.journal import Entry
from handrail.lane.steps import (
    COUNTS_FROM,
    WAITS_FOR_AGENT,
    WAITS_FOR_PERSON,
    WAITS_FOR_TIME,
    Asked,
)
from handrail.ledger.event import PersonAsked, RequestKind, WroteKind
from handrail.rails.budget import written
from handrail.runtime.worker.digest import call_in_words, digest_of, whole
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.outputs import Outbound
from handrail.runtime.worker.requests import NOBODY, request_closed, request_id, request_of
from handrail.runtime.worker.run_labels import RunLabels
from handrail.runtime.worker.run_memory import RunMemory
from handrail.runtime.worker.wait import Closing, Opening, Wait
from handrail.runtime.worker.waiting import IN_MEMORY_S_MAX, waiting_act
from handrail.wire.answer import ReplyAddress, with_asked_anew
from handrail.wire.envelope import Envelope
from handrail.wire.human import HUMAN, Closed, Request, closed_key
from handrail.wire.ids import handoff_id
from handrail.wire.limits import CLAIM_OVER_BYTES, KEY_BYTES_MAX
from handrail.wire.record import Outgoing

R = TypeVar("R")

IN_MEMORY_MS_MAX = int(IN_MEMORY_S_MAX * 1000)
SLEEP_S_MAX = 3_650 * 86_400.0
TEXT_CHARS_MAX = 4_000  #: of a question to a person
FORM_BYTES_MAX = 16_384  #: of the schema of its answer, and of its choices
ANSWERED_FROM = "answered_from"  #: below this offset of the answers lies none to the question
CHAIN_KEY_CHARS_MAX = 64  #: of a key in the chain of those who wait; a longer one is a digest

assert 4 * TEXT_CHARS_MAX + 2 * FORM_BYTES_MAX < CLAIM_OVER_BYTES


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the invocation, and what it inherits."""

    ground: LaneGround
    invocation: Invocation
    envelope: Envelope
    memory: RunMemory
    labels: RunLabels

    @property
    def chain(self) -> tuple[str, ...]:
        """Those who wait for an answer to what is asked now, the newest last."""
        own = chain_link(self.ground.worker.inbox_name, self.invocation.key)
        return (*self.envelope.chain, own)

    def question_id(self, path: str) -> str:
        """Give the id of the question that a step asks; another one when it is to be asked anew."""
        return handoff_id(self.invocation.id, self.invocation.run_of(int(path)), path, 0)

    @property
    def reply_to(self) -> str:
        """Where its lane reads answers."""
        lanes, place = self.ground.worker.lanes_name, self.ground.place
        return str(ReplyAddress(f"{lanes}.answers", place.answers.partition))


# ---- sleep


@dataclass(frozen=True, slots=True)
class UntilTime:
    """A sleep. Its end is that of the first attempt, whoever waits for it later."""

    duration_ms: int
    why: Why = Why.SLEEP

    async def opening(self, now_ms: int, attempt: int) -> Opening:
        """Say until when."""
        del attempt
        return Opening({"waits": WAITS_FOR_TIME, "until_ms": now_ms + self.duration_ms})

    def closing(self, intent: Entry) -> Closing:
        """It is over, which is what was wanted."""
        del intent
        return Closing()

    def in_memory_until_ms(self, until_ms: int | None, now_ms: int) -> int:
        """A short sleep to its end, a longer one not at all."""
        if until_ms is None or until_ms - now_ms > IN_MEMORY_MS_MAX:
            return now_ms
        return until_ms


def sleep_wait(path: str, idem_key: str, duration: float | timedelta) -> Wait[None]:
    """Give the step that sleeps. Raises StepInvalid."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
    if not 0 <= seconds <= SLEEP_S_MAX:
        raise StepInvalid(
            step=f"sleep({seconds:g})",
            detail="it would end before it begins, or outlast everything that is kept",
            cure=f"give seconds from 0 to {SLEEP_S_MAX:.0f}, or a timedelta",
        )
    asked = Asked(path, "ctx.sleep", digest_of(seconds), f"sleep({seconds:g})", Effect.PURE)
    return Wait(waiting_act(asked, idem_key, _nothing), UntilTime(math.ceil(seconds * 1000)))


def _nothing(_: bytes) -> None:
    return None


# ---- another agent


@dataclass(frozen=True, slots=True)
class UntilReply:
    """A question to another agent; it commits together with the intent of its step."""

    asker: Asker
    asked: Asked
    topic: Topic[Any, Any]
    message: object
    key: str | None
    within_ms: int | None
    why: Why = Why.ANSWER
    lent: int = 0  #: of the budget, to be spent on the answer; in millionths

    async def opening(self, now_ms: int, attempt: int) -> Opening:
        """Give the question. Raises AskCycle, AskInvalid, BrokerUnreachable and topics' own."""
        del attempt
        asker, topic = self.asker, self.topic
        ground, parent = asker.ground, asker.envelope
        question = asker.question_id(self.asked.path)
        key = (self.key or topic.key_of(self.message) or question).encode()
        self._check_no_cycle(key)
        until_ms = None if self.within_ms is None else now_ms + self.within_ms
        deadlines = [ms for ms in (until_ms, parent.deadline_ms) if ms is not None]
        labelled = asker.labels.carried_on(parent)
        envelope = Envelope(
            id=question,
            type=topic.type_of(self.message),
            source=f"handrail/{ground.worker.team.namespace}/{ground.worker.agent.name}",
            time_ms=now_ms,
            task_id=parent.task_id,
            tenant=parent.tenant,
            reference=parent.reference,
            causation_id=asker.invocation.id,
            hop=parent.hop + 1,
            deadline_ms=min(deadlines, default=None),
            budget=None if parent.budget is None else written(self.lent),
            priority=parent.priority,
            reply_to=asker.reply_to,
            chain=asker.chain,
            memory_read=asker.memory.header,
            label=labelled.label,
            plan=labelled.plan,
            asked_by=parent.asked_by,
            trace_parent=parent.trace_parent,
        )
        body = topic.encode(self.message)
        outbound = Outbound(self._inbox, envelope, key, body, WroteKind.QUESTION)
        record = await ground.packer.pack(outbound)
        earlier = ground.lane.steps.known(asker.invocation.id, self.asked.path)
        facts: dict[str, object] = {"waits": WAITS_FOR_AGENT, "until_ms": until_ms}
        answered_from = ground.lane.answers
        if earlier is not None and earlier.intent is not None:
            # What lies there by now answers an earlier asking, and would be read again.
            facts[COUNTS_FROM] = await ground.worker.bus.end_offset(ground.place.answers)
            answered_from = int(str(earlier.intent.facts.get(ANSWERED_FROM, 0)))
            redriven = asker.invocation.redriven
            by = (parent.asked_by or "") if redriven is None else redriven.sent_back_by
            headers = with_asked_anew(record.headers, answered_from, by)
            record = replace(record, headers=headers)
        event = ground.saying.asked(asker.invocation, parent, self.asked, outbound.wrote)
        facts[ANSWERED_FROM] = answered_from
        if parent.budget is not None:
            facts["lent"] = self.lent
        return Opening({**facts, "topic": topic.name}, [record], [event])

    def closing(self, intent: Entry) -> Closing:
        """Nobody has answered."""
        del intent
        within = f"{(self.within_ms or 0) / 1000:g} s"
        return Closing(NoAnswerInTime(step=self.asked.shown, within=within))

    def in_memory_until_ms(self, until_ms: int | None, now_ms: int) -> int:
        """Agents mostly answer soon."""
        del until_ms
        return now_ms + IN_MEMORY_MS_MAX

    @property
    def _inbox(self) -> str:
        """Where it is asked: what is of high priority asks with that priority."""
        priority = self.asker.envelope.priority
        return self.asker.ground.worker.team.inbox_of(self.topic.name, priority)

    def _check_no_cycle(self, key: bytes) -> None:
        chain, link = self.asker.chain, chain_link(self._inbox, key)
        if link in chain:
            raise AskCycle(step=self.asked.shown, chain=" → ".join([*chain, link]))


def ask_wait(
    asker: Asker,
    path: str,
    topic: Topic[Any, R],
    message: object,
    *,
    within_s: float | None,
    key: str | None,
) -> Wait[R]:
    """Give the step that asks another agent. Raises AskInvalid."""
    shown = call_in_words("ask", [getattr(topic, "name", "?"), message])

    def refuse(detail: str, cure: str) -> AskInvalid:
        return AskInvalid(step=shown, detail=detail, cure=cure)

    if not is_topic(topic) or topic.reply is None:
        raise refuse(
            "its topic does not say what an answer is",
            "ask on a Topic with replies=, and read it with the agent that answers",
        )
    if topic.name not in asker.ground.worker.team.leads_to:
        raise refuse(
            f"this team has no topic {topic.name}", "declare it in topics/, so that it is created"
        )
    if key is not None and not 0 < len(key.encode(errors="replace")) <= KEY_BYTES_MAX:
        raise refuse(f"its key is {key!r:.60}", f"give 1 to {KEY_BYTES_MAX} bytes of text, or none")
    reply = topic.reply
    digest = digest_of({"topic": topic.name, "message": message, "key": key})
    asked = Asked(path, "ctx.ask", digest, shown, Effect.ASK)
    until = UntilReply(asker, asked, topic, message, key, _within_ms(within_s, refuse))

    def decode(body: bytes) -> R:
        try:
            return reply.decode(None, body)  # type: ignore[no-any-return]  # of the topic's type
        except WireError as error:
            raise AnswerUnfit(step=shown, detail=error.what) from error

    return Wait(waiting_act(asked, asker.question_id(path), decode), until)


def chain_link(topic: str, key: bytes) -> str:
    """Name one who waits: a key of a topic, of which one after the other is served."""
    text = key.decode(errors="replace")
    if len(text) > CHAIN_KEY_CHARS_MAX:
        text = f"#{hashlib.sha256(key).hexdigest()[:32]}"
    return f"{topic}/{text}"


# ---- a person


@dataclass(frozen=True, slots=True)
class UntilPerson:
    """A question to a person; it commits together with the intent of its step."""

    asker: Asker
    asked: Asked
    text: str
    schema: dict[str, object]
    choices: tuple[object, ...]
    within_ms: int | None
    why: Why = Why.PERSON
    kind: RequestKind = RequestKind.QUESTION

    async def opening(self, now_ms: int, attempt: int) -> Opening:
        """Give the request, and the event by which its task waits for somebody."""
        asker, parent = self.asker, self.asker.envelope
        ground, path = asker.ground, self.asked.path
        until_ms = None if self.within_ms is None else now_ms + self.within_ms
        deadlines = [ms for ms in (until_ms, parent.deadline_ms) if ms is not None]
        request = Request(
            id=request_of(asker.invocation.id, path, attempt),
            task_id=parent.task_id,
            tenant=parent.tenant,
            agent=ground.worker.agent.name,
            text=self.text,
            schema=self.schema,
            choices=self.choices,
            reply_to=asker.reply_to,
            asked_ms=now_ms,
            expires_ms=min(deadlines, default=None),
            kind=self.kind.value,
        )
        event = PersonAsked(
            task_id=parent.task_id,
            tenant=parent.tenant,
            time_ms=now_ms,
            request=request.id,
            kind=self.kind,
            text=whole(f"{self.text} ({form_in_words(self.schema, self.choices)})"),
            invocation=asker.invocation.id,
            agent=request.agent,
            expires_ms=request.expires_ms,
            reply_to=request.reply_to,
        )
        facts: dict[str, object] = {
            "waits": WAITS_FOR_PERSON,
            "until_ms": until_ms,
            "schema": self.schema,
            "choices": list(self.choices),
            "task": parent.task_id,
            "tenant": parent.tenant,
        }
        human = ground.worker.team.full(HUMAN)
        records = [request.outgoing(human)]
        if asker.invocation.redrive_count:
            # It may have been asked and closed before its handoff was sent back to ask it again.
            records.append(Outgoing(human, closed_key(request.id), None))
        return Opening(facts, records, [event])

    def closing(self, intent: Entry) -> Closing:
        """Nobody has answered; nobody is asked any longer."""
        within = f"{(self.within_ms or 0) / 1000:g} s"
        error = NoAnswerInTime(step=self.asked.shown, within=within)
        closed = Closed(request_id(intent), NOBODY, "nobody has answered in time")
        return Closing(error, request_closed(self.asker.ground, intent, closed))

    def in_memory_until_ms(self, until_ms: int | None, now_ms: int) -> int:
        """People take their time."""
        del until_ms
        return now_ms


def ask_person_wait(
    asker: Asker,
    path: str,
    question: str,
    *,
    returns: Any,  # noqa: ANN401 - any type that has a JSON Schema
    choices: Sequence[object],
    within_s: float | None,
    known_as: str | None = None,
    kind: RequestKind = RequestKind.QUESTION,
) -> Wait[Any]:
    """Give the step that asks a person. Raises AskInvalid.

    A run that comes again knows the question by `known_as`, where its words say what was so when
    it was asked.
    """
    shown = call_in_words("ask_person", [question])

    def refuse(detail: str, cure: str) -> AskInvalid:
        return AskInvalid(step=shown, detail=detail, cure=cure)

    if not question.strip() or len(question) > TEXT_CHARS_MAX:
        raise refuse("its text is empty or too long", f"write 1 to {TEXT_CHARS_MAX} characters")
    try:
        answer: TypeAdapter[Any] = TypeAdapter(returns)
        schema: dict[str, object] = answer.json_schema()
        listed = [to_jsonable_python(answer.validate_python(one), by_alias=True) for one in choices]
    except (PydanticUserError, ValidationError) as error:
        raise refuse(
            f"{returns!r} cannot be the type of its answer: {error}",
            "give returns= a pydantic model or a JSON type, and choices= values of it",
        ) from error
    if len(repr(schema)) > FORM_BYTES_MAX or len(repr(listed)) > FORM_BYTES_MAX:
        raise refuse("the form of its answer is too large", "ask for less at once")
    digest = digest_of({"question": known_as or question, "schema": schema, "choices": listed})
    asked = Asked(path, "ctx.ask_person", digest, shown, Effect.ASK)
    within_ms = _within_ms(within_s, refuse)
    until = UntilPerson(asker, asked, question, schema, tuple(listed), within_ms, kind=kind)

    def decode(body: bytes) -> Any:  # noqa: ANN401 - what `returns` says
        try:
            return answer.validate_json(body)
        except ValidationError as error:
            raise AnswerUnfit(step=shown, detail=invalid_in_words(error)) from error

    return Wait(waiting_act(asked, f"{asker.invocation.id}/{path}", decode), until)


def _within_ms(within_s: float | None, refuse: Any) -> int | None:  # noqa: ANN401 - makes the error
    if within_s is None:
        return None
    if not 0 < within_s <= SLEEP_S_MAX:
        raise refuse(
            f"within_s={within_s:g} is out of bounds",
            f"give more than 0 and at most {SLEEP_S_MAX:.0f} seconds, or leave it out",
        )
    return math.ceil(within_s * 1000)
