"""What is an echo, what is nearly the same, and what never is."""

import pytest

from handrail.contract.memory import MemoryClass
from handrail.memory.asked import Stored, Unchanged
from handrail.memory.deciding import digest_of
from handrail.memory.likeness import (
    is_echo,
    is_opaque,
    same_digest,
    shared,
    shingle_digests,
    sketch_of,
    text_of,
    words_of,
)
from handrail.memory.shelf import Place, Shelf
from handrail.wire.memory import StoredRecord
from tests.unit.memory.asking import asked, decided, key_in, space_of
from tests.unit.memory.pairs import pairs

TEXT = "The customer wants every invoice as a document by post and will pay within the usual time"


def told(*texts: str) -> tuple[str, ...]:
    return shingle_digests(*texts)


@pytest.mark.parametrize(
    ("value", "seen", "echo"),
    [
        (TEXT, told(TEXT), True),
        (TEXT.upper().replace(" ", "  "), told(TEXT), True),
        ({"a": TEXT, "b": None}, told(TEXT), True),
        (f"Indeed, {TEXT}.", told(TEXT), True),
        (TEXT, told("Something else", TEXT), True),
        (TEXT, (), False),
        (TEXT, told("Another text that shares no five words with it at all"), False),
        (f"{TEXT} and the head of accounts has agreed to all of it now", told(TEXT), False),
        ("too short", told("too short"), False),
        (TEXT.replace("within", "not within"), told(TEXT), False),
        (TEXT, told(TEXT.replace("and will", "and will never")), False),
        (TEXT.replace("every invoice", "every 2nd invoice"), told(TEXT), False),
    ],
)  # fmt: skip
def test_an_echo_says_nothing_new(value: object, seen: tuple[str, ...], *, echo: bool) -> None:
    assert is_echo(value, seen) is echo


def test_the_same_is_told_from_what_differs_in_more_than_spelling() -> None:
    assert same_digest({"a": "One  Text", "b": 1}) == same_digest({"b": 1, "a": "one text"})
    assert same_digest({"a": "one text"}) != same_digest({"a": "one text."})
    assert same_digest(["a", "b"]) != same_digest(["b", "a"])
    assert same_digest(1) != same_digest("1")


def test_like_texts_share_most_of_their_sketches() -> None:
    other = "Nobody has asked for the way in which the parcels of last week were sent to the south"

    assert shared(sketch_of(TEXT), sketch_of(TEXT.replace("usual", "agreed"))) >= 0.7
    assert shared(sketch_of(TEXT), sketch_of(other)) <= 0.1
    assert shared((), ()) == 0.0


def test_words_have_one_spelling() -> None:
    assert words_of("Don\u2019t pay 1,000.50 on 2026-05-03!") == [
        "do",
        "not",
        "pay",
        "1,000.50",
        "on",
        "2026-05-03",
    ]
    assert text_of({"b": [1, "x"], "a": {"c": None}}) == "1 x"


@pytest.mark.parametrize(
    ("key", "opaque"),
    [
        ("acme/-/claim/0123456789abcdef0123456789abcdef", True),
        ("acme/-/6f1c8f5a-1f0e-5c57-9a43-3c9a7b0e6d11", True),
        ("acme/-/order/42", False),
        ("acme/-/customer/ada", False),
        ("acme/-/deadbeef", False),
    ],
)
def test_only_a_digest_or_a_uuid_tells_nothing(key: str, *, opaque: bool) -> None:
    assert is_opaque(key) is opaque


@pytest.mark.parametrize(("kind", "first", "second"), pairs(500))
def test_no_update_is_dropped_as_a_duplicate(kind: str, first: str, second: str) -> None:
    """The worst case for each: a key that tells nothing, and a writer who was just told the old."""
    del kind
    space = space_of(MemoryClass.FACT)
    keys = [key_in(space, f"claim/{digit * 32}") for digit in "ab"]
    shelf = Shelf({space.name: space.keeps})
    before = decided(space, asked(space, value={"text": first}, expect=0, key=keys[0]))
    assert isinstance(before, Stored)
    shelf.put(before.record, len(before.body), digest_of(before.body))
    alike = shelf.alike(Place(space.name, keys[1]), {"text": second})
    shelf.close()

    change = decided(
        space,
        asked(space, value={"text": second}, expect=1, key=keys[0], seen=told(first)),
        before.record,
    )
    other = decided(
        space,
        asked(space, value={"text": second}, expect=0, key=keys[1], seen=told(first)),
        alike=alike,
    )

    for decision in (change, other):
        assert isinstance(decision, Stored)
        assert decision.record.value == {"text": second}
        assert decision.record.same_as is None


def test_the_shelf_finds_what_is_the_same_and_what_nearly_is() -> None:
    space = space_of(MemoryClass.FACT)
    shelf = Shelf({space.name: space.keeps})
    first = decided(space, asked(space, value={"text": TEXT}, expect=0))
    assert isinstance(first, Stored)
    shelf.put(first.record, len(first.body), "d")
    place = Place(space.name, key_in(space, "claim/" + "a" * 32))

    same = shelf.alike(place, {"text": TEXT.lower()})
    near = shelf.alike(place, {"text": TEXT.replace("usual", "agreed")})
    far = shelf.alike(place, {"text": "Something that nobody has said before in any of the notes"})
    elsewhere = shelf.alike(Place(space.name, key_in(space, tenant="other")), {"text": TEXT})
    itself = shelf.alike(Place(space.name, first.record.key), {"text": TEXT})

    assert same is not None
    assert (same.key, same.exactly) == (first.record.key, True)
    assert near is not None
    assert (near.key, near.exactly) == (first.record.key, False)
    assert (far, elsewhere, itself) == (None, None, None)
    again = decided(space, asked(space, expect=0, key=place.key), alike=same)
    assert again == Unchanged(first.record.key, 1)
    shelf.close()


@pytest.mark.parametrize(
    "facts", [{"quarantined": True}, {"flagged": "m-1"}, {"expires_ms": 9}, {"sealed": True}]
)
def test_what_nobody_can_rely_on_stands_for_nothing_else(facts: dict[str, object]) -> None:
    shelf = Shelf({"notes": MemoryClass.FACT})
    record = StoredRecord(
        space="notes", key="acme/-/a", version=1, type_name="note.v1", value={"text": TEXT},
        applied=0, written_ms=0, agent="clerk", **facts,  # type: ignore[arg-type]
    )  # fmt: skip
    shelf.put(record, 10, "d")

    assert shelf.alike(Place("notes", "acme/-/b"), {"text": TEXT}) is None
    shelf.close()
