"""From what a program submits to the bytes of a message: checked before anything is written.

Pure. A message may come as an instance of what the topic carries, as the same model loaded from
another copy of its file, or as plain JSON values; what leaves is what the topic's readers accept.
"""

from typing import Any

from handrail.contract.team import AnyTopic
from handrail.contract.topic import results
from handrail.errors import (
    BodyNotJson,
    MessageInvalid,
    MessageMisfit,
    NotSendable,
    SubmissionInvalid,
    TypeUnknown,
)
from handrail.wire.codec import encode_body
from handrail.wire.limits import ASKED_BY_CHARS_MAX, KEY_BYTES_MAX, REFERENCE_CHARS_MAX

_PLAIN: tuple[type, ...] = (dict, list, str, int, float)


def message_in_bytes(topic: AnyTopic, message: object) -> tuple[str, bytes]:
    """Give type name and body. Raises MessageMisfit, TooLarge or TooDeep."""
    try:
        fitting = _fitting(topic, message)
        return topic.type_of(fitting), topic.encode(fitting)
    except (BodyNotJson, MessageInvalid, NotSendable, TypeUnknown) as error:
        detail = error.facts.get("detail")
        reason = str(detail) if detail else error.what
        carries = ", ".join(topic.models) or "anything"
        raise MessageMisfit(topic=topic.name, carries=carries, reason=reason) from error


def _fitting(topic: AnyTopic, message: object) -> Any:  # noqa: ANN401  # whatever the topic carries
    try:
        topic.model_of(message)
    except NotSendable:
        if isinstance(message, _PLAIN):
            return topic.decode(None, encode_body(message))
        # A model of the same name, loaded twice: once by the program, once with the team.
        type_name = results.model_of(message).type_name
        if type_name not in topic.models:
            raise
        return topic.decode(type_name, results.encode(message))
    return message


def check_asked(reference: str | None, deadline_s: float | None, asked_by: str) -> None:
    """Raise SubmissionInvalid for what no task can have."""
    if reference is not None:
        size = len(reference.encode(errors="replace"))
        readable = reference.isprintable() and not _has_half_characters(reference)
        if not (0 < len(reference) <= REFERENCE_CHARS_MAX and size <= KEY_BYTES_MAX and readable):
            raise SubmissionInvalid(
                detail=f"the reference {reference!r:.80} cannot be used",
                cure=f"give 1 to {REFERENCE_CHARS_MAX} printable characters, or none at all",
            )
    if deadline_s is not None and not 0 < deadline_s < float("inf"):
        raise SubmissionInvalid(
            detail=f"a deadline of {deadline_s} s has passed already or never comes",
            cure="give seconds from now, more than 0; without one the team's own limit counts",
        )
    if not (0 < len(asked_by) <= ASKED_BY_CHARS_MAX and asked_by.isprintable()):
        raise SubmissionInvalid(
            detail=f"{asked_by!r:.80} names nobody on whose behalf it could be asked for",
            cure=f"give 1 to {ASKED_BY_CHARS_MAX} printable characters, or no name for your own",
        )


def _has_half_characters(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
