"""What answers a question of one agent to another, on its way to the lane that waits for it.

A question names in `ce_replyto` the partition on which its answer is awaited. An answer names in
`ce_for` the id of its question, which follows from the asking invocation, its run and its step, so
that it can be taken for the answer to no other. Its key is the asking invocation.
"""

import re
from dataclasses import dataclass
from typing import Final

from handrail.errors.wire import EnvelopeInvalid, MessageInvalid
from handrail.wire.codec import decode_object, encode_body
from handrail.wire.limits import TOPIC_CHARS_MAX
from handrail.wire.record import Headers

REPLY_TYPE: Final = "handrail_reply.v1"  #: its body is the answer itself
FAILURE_TYPE: Final = "handrail_failure.v1"  #: its body says why there is none

#: On a question that is asked anew: the offset below which no answer to it lies.
ASKED_ANEW: Final = "ce_askedanew"
#: On the same: who has sent its asker back, and so what has died of the question.
SENT_BACK_BY: Final = "ce_sentbackby"
_DIGITS_MAX: Final = 19  #: of a Kafka offset

_ADDRESS = re.compile(r"([a-z][a-z0-9_-]*(?:\.high)?\.answers)/(0|[1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """The partition on which an answer is awaited."""

    topic: str  #: without the namespace; always the answers of an agent
    partition: int

    def __str__(self) -> str:
        """Give it as it stands in `ce_replyto`."""
        return f"{self.topic}/{self.partition}"

    @classmethod
    def of(cls, text: str) -> "ReplyAddress":
        """Read what stands in `ce_replyto`; raises EnvelopeInvalid."""
        match = _ADDRESS.fullmatch(text) if len(text) <= 2 * TOPIC_CHARS_MAX else None
        if match is None:
            detail = f"{text[:40]!r} is not the answers of an agent, as in clerk.answers/3"
            raise EnvelopeInvalid(header="ce_replyto", detail=detail)
        return cls(match[1], int(match[2]))


def asked_anew_from(headers: Headers) -> int | None:
    """Read from where on a question that is asked anew may be answered; None when it is not.

    What is no offset says that nobody knows: from the first one that is kept.
    """
    said = next((value for name, value in headers if name == ASKED_ANEW), None)
    if said is None:
        return None
    return int(said) if said.isdigit() and len(said) <= _DIGITS_MAX else 0


def sent_back_by(headers: Headers) -> str:
    """Read who has sent the asker of a question back; empty where it does not say so."""
    return next((v.decode(errors="replace") for name, v in headers if name == SENT_BACK_BY), "")


def with_asked_anew(headers: Headers, answered_from: int | None, by: str = "") -> Headers:
    """Give the headers of a question that is asked anew; with None, as if it were not.

    `by` has sent its asker back.
    """
    others = tuple(pair for pair in headers if pair[0] not in (ASKED_ANEW, SENT_BACK_BY))
    if answered_from is None:
        return others
    person = ((SENT_BACK_BY, by.encode()),) if by else ()
    return (*others, (ASKED_ANEW, str(answered_from).encode()), *person)


@dataclass(frozen=True, slots=True)
class FailedAnswer:
    """Why a question has no answer."""

    agent: str  #: that was asked
    reason: str  #: a word of `dlq.reason`, or `canceled`
    sentence: str
    dead_letter: str | None = None  #: topic/partition/offset where the question lay

    def encode(self) -> bytes:
        """Give the body of its record."""
        fields = {
            "agent": self.agent,
            "reason": self.reason,
            "sentence": self.sentence,
            "dead_letter": self.dead_letter,
        }
        return encode_body({name: value for name, value in fields.items() if value is not None})

    @classmethod
    def decode(cls, body: bytes | None) -> "FailedAnswer":
        """Read a failed answer; raises a WireError when the body is none."""
        fields = decode_object(body)
        agent, reason, sentence, letter = (
            fields.get(name) for name in ("agent", "reason", "sentence", "dead_letter")
        )
        if (
            not isinstance(agent, str)
            or not isinstance(reason, str)
            or not isinstance(sentence, str)
            or not isinstance(letter, str | None)
        ):
            raise MessageInvalid(topic="answers", type=FAILURE_TYPE, detail="it is no failure")
        return cls(agent, reason, sentence, letter)
