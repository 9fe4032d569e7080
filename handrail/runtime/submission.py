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
    TypeUnknown,
)
from handrail.wire.codec import encode_body

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
