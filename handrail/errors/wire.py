"""What can be wrong with a message: each error ends the message as a dead letter, never the agent.

Every error names its `reason`, one word of the closed set that the header `dlq.reason` may hold.
"""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class WireError(HandrailError):
    """A message cannot be used.

    Why: {detail}
    Do: handrail dead show ID    the original bytes and where they came from
    """

    code: ClassVar[str] = "HR-WIRE-001"
    reason: ClassVar[str] = "decode"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class BodyNotJson(WireError):
    """The body of a message is not JSON.

    Why: {detail}
    Do: handrail dead show ID    the original bytes; send the message again as UTF-8 JSON
    """

    code: ClassVar[str] = "HR-WIRE-002"


class EnvelopeInvalid(WireError):
    """The header {header} of a message is missing or cannot be read.

    Why: {detail}
    Do: handrail dead show ID    all headers; docs/guide/wire.md lists what each must hold
    """

    code: ClassVar[str] = "HR-WIRE-003"


class TooLarge(WireError):
    """A message is too large: {what_is_large} of {size} bytes, the limit is {limit} bytes.

    Why: larger records do not fit through Kafka together with their headers.
    Do: send a reference to the data instead of the data
    """

    code: ClassVar[str] = "HR-WIRE-004"
    exit_code: ClassVar[int] = 2
    reason: ClassVar[str] = "size"


class TooDeep(TooLarge):
    """A message holds arrays or objects more than {limit} deep inside one another.

    Why: parsers of other languages fail on deeper ones, so the depth is bounded for everybody.
    Do: flatten the message, or carry the nested part as text
    """

    code: ClassVar[str] = "HR-WIRE-005"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TypeUnknown(WireError):
    """Topic {topic} does not carry messages of type {type}.

    Why: it carries {known}.
    Do: handrail topics inspect {topic}    what it carries; deploy the reader of a new version first
    """

    code: ClassVar[str] = "HR-WIRE-006"
    reason: ClassVar[str] = "schema"


class MessageInvalid(WireError):
    """A message on topic {topic} is not a valid {type}: {detail}.

    Do: handrail dead show ID    the original bytes; correct the message and send it again
    """

    code: ClassVar[str] = "HR-WIRE-007"
    reason: ClassVar[str] = "validation"


class FanOutInvalid(WireError):
    """The fan-out headers of a message contradict one another.

    Why: {detail}
    Do: handrail dead show ID    all headers; only an engine may write ce_fanout and its companions
    """

    code: ClassVar[str] = "HR-WIRE-008"
    reason: ClassVar[str] = "fanout"


class HopLimitReached(WireError):
    """A message has travelled {hop} hops; at most {limit} are allowed.

    Why: agents hand it round in a loop that does not end.
    Do: handrail show TASK    the loop, hop by hop; end it in the agent that sends back
    """

    code: ClassVar[str] = "HR-WIRE-009"
    reason: ClassVar[str] = "hop_limit"


class ClaimBroken(WireError):
    """The stored body that a message refers to cannot be had back whole.

    Why: {detail}
    Do: handrail doctor    checks the retention of the blobs topic
    """

    code: ClassVar[str] = "HR-WIRE-010"
