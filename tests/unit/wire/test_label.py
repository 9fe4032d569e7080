"""Labels are a lattice, and reading one is total."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.wire.label import (
    NOTHING_READ,
    OF_USER,
    STRICTEST,
    Confidentiality,
    Integrity,
    Label,
    joined,
    label_of,
    misread,
)

LABELS = [Label(i, c) for i in Integrity for c in Confidentiality]


@pytest.mark.parametrize("one", LABELS)
def test_joining_is_the_least_upper_bound_of_twelve_labels(one: Label) -> None:
    assert one.join(one) == one
    assert (one.join(NOTHING_READ), one.join(STRICTEST)) == (one, STRICTEST)
    for two in LABELS:
        both = one.join(two)
        assert both == two.join(one)
        assert both.covers(one)
        assert both.covers(two)
        uppers = [three for three in LABELS if three.covers(one) and three.covers(two)]
        assert all(upper.covers(both) for upper in uppers)
        for three in LABELS:
            assert both.join(three) == one.join(two.join(three)) == joined([three, one, two])


@pytest.mark.parametrize("label", LABELS)
def test_what_is_written_is_read_again(label: Label) -> None:
    assert label_of(str(label)) == label
    assert misread(str(label)) is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("user", "user tenant"),
        ("user;public", "user public"),
        ("internal, restricted", "internal restricted"),
        ("untrusted user", "untrusted tenant"),
        ("public restricted user", "user restricted"),
        ("", "untrusted restricted"),
        ("tenant", "untrusted restricted"),
        ("user tenant!", "untrusted restricted"),
        ("USER", "untrusted restricted"),
        ("system " * 20, "untrusted restricted"),
    ],
)
def test_the_most_restrictive_reading_counts(text: str, read: str) -> None:
    assert str(label_of(text)) == read


def test_a_label_that_nobody_knows_is_explained() -> None:
    told = misread("trust me" * 20)

    assert told is not None
    assert told.startswith(f"{('trust me' * 20)[:40] + '…'!r} is no label that Handrail knows")
    assert told.endswith("one of public, tenant, restricted")


def test_a_missing_label_is_what_its_reader_says() -> None:
    assert label_of(None) == STRICTEST
    assert label_of(None, absent=OF_USER) == OF_USER


@given(st.text())
def test_whatever_stands_there_is_read_and_never_as_better_than_it_says(text: str) -> None:
    read = label_of(text)

    assert read == STRICTEST or misread(text) is None
    assert all(word not in text.split() or read.integrity.rank >= word.rank for word in Integrity)
