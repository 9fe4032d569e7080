"""A decision on its way to the lane that waits for it."""

import pytest

from handrail.errors.wire import TooLarge, WireError
from handrail.wire.decision import Decision
from handrail.wire.record import Outgoing, Record


def read(outgoing: Outgoing) -> Record:
    return Record("t", 3, 0, 0, outgoing.key, outgoing.value, outgoing.headers)


@pytest.mark.parametrize(
    "decision",
    [
        Decision("i-1/3/1", happened=True, result=b'{"id":"r1"}', by="Ada"),
        Decision("a/b/3.m1/12", happened=False, result=b"null", by="Zoë"),
    ],
)
def test_a_decision_is_read_as_it_was_written(decision: Decision) -> None:
    outgoing = decision.outgoing("ns.clerk.answers", 3, 0)

    assert Decision.from_record(read(outgoing)) == decision
    assert (outgoing.topic, outgoing.partition) == ("ns.clerk.answers", 3)


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"", ()),
        (b"{}", (("ce_type", b"handrail_decision.v1"), ("ce_for", b"i/1/1"))),
        (b'{"happened": 1, "by": "x"}', (("ce_type", b"handrail_decision.v1"),)),
        (
            b'{"happened": true, "by": "x"}',
            (("ce_type", b"handrail_decision.v1"), ("ce_for", b"no-path")),
        ),
        (b'{"happened": true, "by": "x"}', (("ce_type", b"str.v1"), ("ce_for", b"i/1/1"))),
    ],
)
def test_anything_else_is_none(value: bytes, headers: tuple[tuple[str, bytes], ...]) -> None:
    with pytest.raises(WireError):
        Decision.from_record(Record("t", 0, 0, 0, b"k", value, headers))


def test_a_result_that_would_not_fit_into_the_journal_is_refused() -> None:
    large = b'"' + b"x" * 70_000 + b'"'

    with pytest.raises(TooLarge):
        Decision("i/1/1", happened=True, result=large, by="x").outgoing("t", 0, 0)
