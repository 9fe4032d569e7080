"""The records that clients write who know nothing of Handrail, and what becomes of each."""

from dataclasses import dataclass

from handrail.wire.dead_letter import Reason

KIB = 1024
BODY_BYTES = 950 * KIB  #: more than a message may have, less than the broker takes


@dataclass(frozen=True)
class Case:
    """A record, and why it is refused; None means that it is served."""

    name: str
    key: bytes | None
    body: bytes | None
    reason: Reason | None


CASES = (
    Case("no key", None, b'"hello"', None),
    Case("plain", b"plain", b'"hello"', None),
    Case("key that is not UTF-8", b"\xff\xfe", b'"hello"', None),
    Case("empty body", b"empty", b"", Reason.DECODE),
    Case("null body", b"null", None, Reason.DECODE),
    Case("neither key nor body", None, None, Reason.DECODE),
    Case("array", b"array", b"[1, 2]", Reason.VALIDATION),
    Case("object", b"object", b'{"text": 5}', Reason.VALIDATION),
    Case("not UTF-8", b"latin", b'"\xff\xfe"', Reason.DECODE),
    Case("not JSON", b"prose", b"please do this", Reason.DECODE),
    Case("too large", b"large", b'"' + b"x" * BODY_BYTES + b'"', Reason.SIZE),
    Case("too deep", b"deep", b"[" * 100 + b"]" * 100, Reason.SIZE),
)
