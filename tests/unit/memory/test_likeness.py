"""What is an echo, what is nearly the same, and what never is."""

from collections import Counter

import pytest

from handrail.contract.memory import MemoryClass
from handrail.memory.asked import Stored, Unchanged
from handrail.memory.deciding import digest_of
from handrail.memory.likeness import (
    is_echo,
    is_opaque,
    same_digest,
    shared,
    sketch_of,
    text_of,
    told_digests,
    words_of,
)
from handrail.memory.shelf import Place, Shelf
from handrail.wire.memory import StoredRecord
from tests.unit.memory.asking import asked, decided, key_in, space_of
from tests.unit.memory.pairs import echoes, other_pairs, pairs

OTHER = "Nobody has asked for the way in which the parcels of last week were sent to the south"
TEXT = "The customer wants every invoice as a document by post and will pay within the usual time"


def told(*values: object) -> tuple[str, ...]:
    return told_digests(*values)


@pytest.mark.parametrize(
    ("value", "seen", "echo"),
    [
        (TEXT, told(TEXT), True),
        (TEXT.replace(" ", "  "), told(TEXT), True),
        (TEXT.upper(), told(TEXT), False),
        ({"a": [TEXT]}, told(TEXT), True),
        ({"a": TEXT}, told({"a": TEXT, "b": None}), True),
        ({"a": TEXT, "b": None}, told(TEXT), False),
        ({"a": TEXT, "b": ""}, told(TEXT), False),
        ({"a": TEXT, "b": []}, told(TEXT), False),
        ({"a": TEXT, "b": {}}, told(TEXT), False),
        ([TEXT, None], told(TEXT), False),
        ({"a": TEXT, "b": False}, told(TEXT), False),
        ({"a": TEXT, "b": None}, told({"b": None, "a": TEXT}), True),
        ({"a": TEXT, "b": []}, told({"b": [], "a": TEXT}), True),
        ({"a": TEXT, "b": None}, told({"a": TEXT, "b": "customs"}), False),
        ({"a": TEXT, "b": []}, told({"a": TEXT, "b": ["customs"]}), False),
        ({"a": TEXT, "b": []}, told({"a": TEXT, "b": None}), False),
        ({"a": TEXT, "b": 3}, told(TEXT), False),
        ({"a": TEXT, "b": 3}, told({"b": 3, "a": TEXT}), True),
        ({"a": TEXT, "b": 3}, told({"b": 4, "a": TEXT}), False),
        ({"a": TEXT, "b": OTHER}, told({"a": OTHER, "b": TEXT}), False),
        (TEXT, told({"a": [TEXT, OTHER]}), True),
        ({"a": TEXT, "b": 2**70}, told(TEXT), False),
        (list("abcdefg"), told(list("abcdefg")), False),
        (f"Indeed, {TEXT}.", told(TEXT), True),
        (f"Not so: {TEXT}.", told(TEXT), False),
        (f"{TEXT} Indeed, not.", told(f"{TEXT} not."), False),
        (TEXT, told(f"This is not true: {TEXT}"), False),
        ("Is it paid? Yes. Is it sent? No.", told("Is it paid? No. Is it sent? Yes."), False),
        ("all of:\n  one\nthe other one", told("all of:\n  one\n  the other one"), False),
        (f"  {TEXT}\n  and", told(f"{TEXT}\n  and"), False),
        (f"{TEXT}\n  and", told(f"  {TEXT}\n  and"), False),
        (f"Note:\n  {TEXT}\n  and", told(f"{TEXT}\n  and"), False),
        (f"Note:\n  {TEXT}\n  and", told(f"  {TEXT}\n  and"), True),
        (f"Note:\n\n  {TEXT}", told(TEXT), True),
        (f"\n \n  {TEXT}\n", told(TEXT), True),
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
    assert same_digest({"a": "one  text", "b": 1}) == same_digest({"b": 1, "a": "one text"})
    assert same_digest("it\u2019s  so\r\n") == same_digest("it's so")
    assert same_digest(" \n  if a:\n  run\n") == same_digest("  if a:\n  run")
    assert same_digest("  if a:\n  run") != same_digest("if a:\n  run")
    assert same_digest("  one text ") == same_digest("one text")
    for one, other in (("5 mW", "5 MW"), ("10\u00b2 m", "102 m"), ("-5", "5"), ("a\n b", "a\nb")):
        assert same_digest(one) != same_digest(other)
    assert same_digest({"a": "one text"}) != same_digest({"a": "one text."})
    assert same_digest(["a", "b"]) != same_digest(["b", "a"])
    assert same_digest(1) != same_digest("1")


def test_like_texts_share_most_of_their_sketches() -> None:
    assert shared(sketch_of(TEXT), sketch_of(TEXT.replace("usual", "agreed"))) >= 0.7
    assert shared(sketch_of(TEXT), sketch_of(OTHER)) <= 0.1
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


def kept_as_an_update(first: str, second: str, *, linked: bool) -> None:
    """Look at the worst case: a key that tells nothing, and a writer who was just told the old."""
    space = space_of(MemoryClass.FACT)
    keys = [key_in(space, f"claim/{digit * 32}") for digit in "ab"]
    shelf = Shelf({space.name: space.keeps})
    before = decided(space, asked(space, value={"text": first}, expect=0, key=keys[0]))
    assert isinstance(before, Stored)
    shelf.put(before.record, len(before.body), digest_of(before.body))
    alike = shelf.alike(Place(space.name, keys[1]), {"text": second}, space.type_name)
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
        assert linked or decision.record.same_as is None


@pytest.mark.parametrize(("kind", "first", "second"), pairs(500))
def test_no_update_is_dropped_as_a_duplicate(kind: str, first: str, second: str) -> None:
    del kind
    kept_as_an_update(first, second, linked=False)


@pytest.mark.parametrize(("first", "second"), other_pairs(100))
def test_no_update_by_a_word_that_nobody_has_listed_is_dropped(first: str, second: str) -> None:
    kept_as_an_update(first, second, linked=True)


def test_of_ten_forms_of_saying_it_again_the_six_that_are_the_same_word_for_word_are_found() -> (
    None
):
    found = Counter(form for form, old, said in echoes(500) if is_echo(said, told(old)))

    assert found == {
        "the same": 50,
        "in a field": 50,
        "a full stop": 50,
        "introduced": 100,
        "white space": 50,
    }


def test_the_shelf_finds_what_is_the_same_and_what_nearly_is() -> None:
    space = space_of(MemoryClass.FACT)
    shelf = Shelf({space.name: space.keeps})
    first = decided(space, asked(space, value={"text": TEXT}, expect=0))
    assert isinstance(first, Stored)
    shelf.put(first.record, len(first.body), "d")
    place = Place(space.name, key_in(space, "claim/" + "a" * 32))

    same = shelf.alike(place, {"text": TEXT.replace(" ", "  ")}, "note.v1")
    near = shelf.alike(place, {"text": TEXT.replace("usual", "agreed")}, "note.v1")
    far = shelf.alike(
        place, {"text": "Something that nobody has said before in any of the notes"}, "note.v1"
    )
    elsewhere = shelf.alike(
        Place(space.name, key_in(space, tenant="other")), {"text": TEXT}, "note.v1"
    )
    itself = shelf.alike(Place(space.name, first.record.key), {"text": TEXT}, "note.v1")

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

    assert shelf.alike(Place("notes", "acme/-/b"), {"text": TEXT}, "note.v1") is None
    shelf.close()
