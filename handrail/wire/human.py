"""What a person is asked, what the person answers, and how the question was closed.

Requests stand on the compacted topic `human`, each under its own key, and go when they are closed.
An answer goes to the lane that waits for it and is noted on `human` in the same transaction; only
what the lane has journaled counts, and the lane says on `human` what that was, or why an answer
does not count.
"""

from dataclasses import dataclass
from typing import Final, cast

import orjson

from handrail.errors.wire import MessageInvalid, TooLarge
from handrail.wire.codec import JSON_TYPE, decode_object, encode_body, encode_time
from handrail.wire.limits import CLAIM_OVER_BYTES
from handrail.wire.record import Headers, Outgoing, Record

HUMAN: Final = "human"  #: name of the topic, without the namespace
REQUEST_TYPE: Final = "handrail_request.v1"
ANSWER_TYPE: Final = "handrail_answer.v1"
CLOSED_TYPE: Final = "handrail_closed.v1"
NOT_TAKEN_TYPE: Final = "handrail_not_taken.v1"


@dataclass(frozen=True, slots=True)
class Request:
    """A question to a person, complete: whoever has it can ask, check and answer."""

    id: str  #: invocation / path of the step / attempt
    task_id: str
    tenant: str
    agent: str
    text: str
    schema: dict[str, object]  #: JSON Schema of the answer
    choices: tuple[object, ...] = ()  #: JSON values of which the answer is one; empty: any
    reply_to: str = ""  #: topic/partition of the answers, without the namespace
    asked_ms: int = 0
    expires_ms: int | None = None
    kind: str = "question"
    act: dict[str, object] | None = None  #: of an approval: what exactly it is bound to

    @property
    def key(self) -> bytes:
        """The key under which it stands on `human` while it is open."""
        return request_key(self.id)

    def outgoing(self, topic: str) -> Outgoing:
        """Give its record."""
        body: dict[str, object] = {
            "kind": self.kind,
            "task": self.task_id,
            "tenant": self.tenant,
            "agent": self.agent,
            "text": self.text,
            "schema": self.schema,
            "choices": list(self.choices),
            "reply_to": self.reply_to,
            "asked_ms": self.asked_ms,
            "expires_ms": self.expires_ms,
        }
        if self.act is not None:
            body["act"] = self.act
        headers = _headers(REQUEST_TYPE, self.id, self.asked_ms)
        return Outgoing(topic, self.key, encode_body(body), headers)

    @classmethod
    def from_record(cls, record: Record) -> "Request":
        """Read a request; raises a WireError when the record is none."""
        fields = decode_object(record.value)
        names = ("kind", "task", "tenant", "agent", "text", "reply_to")
        texts = {name: fields.get(name) for name in names}
        schema, choices = fields.get("schema"), fields.get("choices")
        act = fields.get("act")
        asked_ms, expires_ms = fields.get("asked_ms"), fields.get("expires_ms")
        request = (record.header("ce_for") or b"").decode(errors="replace")
        if (
            record.header("ce_type") != REQUEST_TYPE.encode()
            or request.count("/") < _SLASHES_MIN
            or not all(isinstance(text, str) for text in texts.values())
            or not isinstance(schema, dict)
            or not isinstance(choices, list)
            or not isinstance(asked_ms, int)
            or not isinstance(expires_ms, int | None)
            or not isinstance(act, dict | None)
        ):
            raise MessageInvalid(topic=HUMAN, type=REQUEST_TYPE, detail="it is no request")
        return cls(
            id=request,
            task_id=str(texts["task"]),
            tenant=str(texts["tenant"]),
            agent=str(texts["agent"]),
            text=str(texts["text"]),
            schema=cast("dict[str, object]", schema),
            choices=tuple(cast("list[object]", choices)),
            reply_to=str(texts["reply_to"]),
            asked_ms=asked_ms,
            expires_ms=expires_ms,
            kind=str(texts["kind"]),
            act=cast("dict[str, object] | None", act),
        )


@dataclass(frozen=True, slots=True)
class PersonsAnswer:
    """What a person has answered to one request."""

    request: str
    id: str  #: of this answer, so that its sender sees whether it is the one that counts
    value: bytes  #: JSON
    by: str

    def outgoing(self, topic: str, partition: int, now_ms: int) -> Outgoing:
        """Give the record for the answers of the lane. Raises TooLarge."""
        key = self.request.rsplit("/", 2)[0].encode()
        return Outgoing(topic, key, self._body(), self._headers(now_ms), partition)

    def noted(self, topic: str, now_ms: int) -> Outgoing:
        """Give the record for `human`, which licenses nothing."""
        key = decision_key(self.request)
        return Outgoing(topic, key, self._body(), self._headers(now_ms))

    def _body(self) -> bytes:
        if len(self.value) > CLAIM_OVER_BYTES:
            size = len(self.value)
            raise TooLarge(what_is_large="answer", size=size, limit=CLAIM_OVER_BYTES)
        return encode_body({"value": orjson.loads(self.value), "by": self.by, "id": self.id})

    def _headers(self, now_ms: int) -> Headers:
        return _headers(ANSWER_TYPE, self.request, now_ms)

    @classmethod
    def from_record(cls, record: Record) -> "PersonsAnswer":
        """Read an answer; raises a WireError when the record is none."""
        fields = decode_object(record.value)
        request, by, own_id = record.header("ce_for"), fields.get("by"), fields.get("id")
        if (
            record.header("ce_type") != ANSWER_TYPE.encode()
            or request is None
            or request.count(b"/") < _SLASHES_MIN
            or not request.isascii()
            or "value" not in fields
            or not isinstance(by, str)
            or not isinstance(own_id, str)
        ):
            raise MessageInvalid(topic="answers", type=ANSWER_TYPE, detail="it is no answer")
        return cls(request.decode(), own_id, orjson.dumps(fields["value"]), by)


@dataclass(frozen=True, slots=True)
class Closed:
    """How a request was closed: by the answer that counts, or without one."""

    request: str
    by: str
    decision: str  #: the answer as JSON, or in words why there is none
    answer: str | None = None  #: id of the answer that counts

    def outgoing(self, topic: str, now_ms: int) -> list[Outgoing]:
        """Give the records that close it: what was open goes, what became of it stays."""
        body = {"by": self.by, "decision": self.decision, "answer": self.answer}
        headers = _headers(CLOSED_TYPE, self.request, now_ms)
        return [
            Outgoing(topic, request_key(self.request), None),
            Outgoing(topic, decision_key(self.request), None),
            Outgoing(topic, closed_key(self.request), encode_body(body), headers),
        ]

    @classmethod
    def from_record(cls, record: Record) -> "Closed":
        """Read it; raises a WireError when the record is none."""
        fields = decode_object(record.value)
        by, decision, answer = (fields.get(name) for name in ("by", "decision", "answer"))
        if (
            record.header("ce_type") != CLOSED_TYPE.encode()
            or not isinstance(by, str)
            or not isinstance(decision, str)
            or not isinstance(answer, str | None)
        ):
            raise MessageInvalid(topic=HUMAN, type=CLOSED_TYPE, detail="it closes nothing")
        return cls((record.header("ce_for") or b"").decode(errors="replace"), by, decision, answer)


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Why an answer does not count; what it was given to stays open."""

    request: str
    answer: str  #: id of the answer
    task_id: str
    why: str

    def outgoing(self, topic: str, now_ms: int) -> Outgoing:
        """Give the record: it takes the place of the note of the answer, and goes as that would."""
        body = {"id": self.answer, "task": self.task_id, "why": self.why}
        headers = _headers(NOT_TAKEN_TYPE, self.request, now_ms)
        return Outgoing(topic, decision_key(self.request), encode_body(body), headers)

    @classmethod
    def from_record(cls, record: Record) -> "NotTaken | None":
        """Read it; None for a record that says something else. Raises a WireError for a bad one."""
        if record.header("ce_type") != NOT_TAKEN_TYPE.encode():
            return None
        fields = decode_object(record.value)
        answer, task, why = (fields.get(name) for name in ("id", "task", "why"))
        if not isinstance(answer, str) or not isinstance(task, str) or not isinstance(why, str):
            detail = "it does not say which answer is not taken, and why"
            raise MessageInvalid(topic=HUMAN, type=NOT_TAKEN_TYPE, detail=detail)
        return cls((record.header("ce_for") or b"").decode(errors="replace"), answer, task, why)


_SLASHES_MIN: Final = 2


def request_key(request: str) -> bytes:
    """Give the key of a request on `human`."""
    return f"{request}/request".encode()


def decision_key(request: str) -> bytes:
    """Give the key of what was answered to it."""
    return f"{request}/decision".encode()


def closed_key(request: str) -> bytes:
    """Give the key of how it was closed."""
    return f"{request}/closed".encode()


def _headers(type_name: str, request: str, now_ms: int) -> Headers:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", type_name.encode()),
        ("ce_for", request.encode()),
        ("ce_time", encode_time(now_ms).encode()),
        ("content-type", JSON_TYPE.encode()),
    )
