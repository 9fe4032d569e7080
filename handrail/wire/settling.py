"""How a dead letter is sent back or given up: the record that asks its lane for it.

It lies on the answers of the agent whose dead letter it is, on the partition of the letter, and
names the letter by its offset. Asking twice changes nothing: a lane settles each letter once.
"""

from dataclasses import dataclass
from typing import Final

import orjson

from handrail.errors.wire import MessageInvalid
from handrail.wire.claim import Claim
from handrail.wire.codec import JSON_TYPE, decode_object, encode_body, encode_time
from handrail.wire.limits import CLAIM_OVER_BYTES
from handrail.wire.record import Outgoing, Record

REDRIVE_TYPE: Final = "handrail_redrive.v1"
DISCARD_TYPE: Final = "handrail_discard.v1"
WHY_CHARS_MAX: Final = 500
DEAD_HEADER: Final = "ce_redriveof"
_DIGITS_MAX: Final = 19  #: of a Kafka offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The message that takes the place of the original one."""

    type: str  #: one that the agent's topic carries
    message: bytes = b""  #: JSON
    claim: Claim | None = None  #: where it lies when it is large


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """What is to become of a dead letter."""

    dead: int  #: its offset
    by: str
    task: str  #: its task and tenant, so that a refusal can be told even if the letter is gone
    tenant: str
    discard: bool = False
    why: str = ""
    from_step: int | None = None  #: the handler's step from which on everything is done anew
    edited: Edited | None = None

    def outgoing(self, topic: str, partition: int, now_ms: int) -> Outgoing:
        """Give the record for the answers of the lane."""
        body: dict[str, object] = {"by": self.by, "task": self.task, "tenant": self.tenant}
        if self.why:
            body["why"] = self.why[:WHY_CHARS_MAX]
        if self.from_step is not None:
            body["from_step"] = self.from_step
        if self.edited is not None:
            body["edited"] = _edited_fields(self.edited)
        kind = DISCARD_TYPE if self.discard else REDRIVE_TYPE
        headers = (
            ("ce_specversion", b"1.0"),
            ("ce_type", kind.encode()),
            (DEAD_HEADER, str(self.dead).encode()),
            ("ce_time", encode_time(now_ms).encode()),
            ("content-type", JSON_TYPE.encode()),
        )
        return Outgoing(topic, str(self.dead).encode(), encode_body(body), headers, partition)

    @classmethod
    def from_record(cls, record: Record) -> "Settle":
        """Read what `outgoing` gave; raises a WireError when the record is none."""
        kind = record.header("ce_type") or b""
        fields = decode_object(record.value)
        dead = record.header(DEAD_HEADER) or b""
        texts = [fields.get(name) for name in ("by", "task", "tenant")]
        from_step, why = fields.get("from_step"), fields.get("why", "")
        if (
            kind not in (REDRIVE_TYPE.encode(), DISCARD_TYPE.encode())
            or not (dead.isdigit() and len(dead) <= _DIGITS_MAX)
            or not all(isinstance(text, str) for text in texts)
            or not isinstance(why, str)
            or not (from_step is None or (type(from_step) is int and from_step > 0))
        ):
            detail = "it does not say what is to become of which dead letter"
            raise MessageInvalid(topic="answers", type=kind.decode(errors="replace"), detail=detail)
        by, task, tenant = (str(text) for text in texts)
        return cls(
            dead=int(dead),
            by=by,
            task=task,
            tenant=tenant,
            discard=kind == DISCARD_TYPE.encode(),
            why=why,
            from_step=from_step,
            edited=_edited_of(fields.get("edited")),
        )


def _edited_fields(edited: Edited) -> dict[str, object]:
    if edited.claim is not None:
        return {"type": edited.type, "claim": orjson.loads(edited.claim.encode())}
    assert len(edited.message) <= CLAIM_OVER_BYTES, "a larger one travels as a claim"
    return {"type": edited.type, "message": edited.message.decode()}


def _edited_of(fields: object) -> Edited | None:
    if fields is None:
        return None
    found: dict[str, object] = fields if isinstance(fields, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # JSON
    named, message, claim = found.get("type"), found.get("message"), found.get("claim")
    if not isinstance(named, str) or not (isinstance(message, str) or claim is not None):
        detail = "it does not say what the edited message is"
        raise MessageInvalid(topic="answers", type=REDRIVE_TYPE, detail=detail)
    if isinstance(message, str):
        return Edited(type=named, message=message.encode())
    return Edited(type=named, claim=Claim.decode(encode_body(claim)))
