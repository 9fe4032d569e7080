"""What a person has decided about a step in doubt, on its way to the lane that waits for it.

It names its request, attempt included, so that a decision about an earlier attempt says nothing
about a later one, however often it is read.
"""

from dataclasses import dataclass
from typing import Final

import orjson

from handrail.errors.wire import MessageInvalid, TooLarge
from handrail.wire.codec import JSON_TYPE, decode_object, encode_body, encode_time
from handrail.wire.limits import CLAIM_OVER_BYTES
from handrail.wire.record import Outgoing, Record

DECISION_TYPE: Final = "handrail_decision.v1"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a step happened, and what came of it if it did."""

    request: str  #: invocation / path / attempt
    happened: bool
    result: bytes  #: JSON; `null` when it did not happen
    by: str

    def outgoing(self, topic: str, partition: int, now_ms: int) -> Outgoing:
        """Give the record for the answers of the lane. Raises TooLarge."""
        if len(self.result) > CLAIM_OVER_BYTES:
            size = len(self.result)
            raise TooLarge(what_is_large="result", size=size, limit=CLAIM_OVER_BYTES)
        body = {"happened": self.happened, "result": orjson.loads(self.result), "by": self.by}
        headers = (
            ("ce_specversion", b"1.0"),
            ("ce_type", DECISION_TYPE.encode()),
            ("ce_for", self.request.encode()),
            ("ce_time", encode_time(now_ms).encode()),
            ("content-type", JSON_TYPE.encode()),
        )
        key = self.request.rsplit("/", 2)[0].encode()
        return Outgoing(topic, key, encode_body(body), headers, partition)

    @classmethod
    def from_record(cls, record: Record) -> "Decision":
        """Read a decision; raises a WireError when the record is none."""
        fields = decode_object(record.value)
        request, happened, by = record.header("ce_for"), fields.get("happened"), fields.get("by")
        named = request is not None and request.count(b"/") > 1 and request.isascii()
        if (
            record.header("ce_type") != DECISION_TYPE.encode()
            or request is None
            or not named
            or not isinstance(happened, bool)
            or not isinstance(by, str)
        ):
            raise MessageInvalid(topic="answers", type=DECISION_TYPE, detail="it is no decision")
        return cls(request.decode(), happened, orjson.dumps(fields.get("result")), by)
