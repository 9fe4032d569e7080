"""What was made from a message goes with it, whichever agent made it; nothing else does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.memory.derivation import derived, reference
from handrail.memory.retracting import plan_retract
from tests.unit.memory.book import Book, planner


def carry_out(book: Book, *messages: str) -> None:
    for change in plan_retract(messages, book.versions, planner()).changes:
        book.take(change.command, task="retraction")


def test_what_was_written_in_carrying_out_the_message_is_removed() -> None:
    book = Book()
    book.put("facts/a", 1, message="bad")
    book.put("facts/b", 2, message="good")

    carry_out(book, "bad")

    assert list(book.read()) == [("facts", "acme/-/b")]


def test_what_others_made_from_it_is_found_through_any_number_of_hands() -> None:
    book = Book()
    first = book.put("facts/a", 1, message="bad", by="reader")
    second = book.put("facts/b", 2, message="m2", by="writer", derived_from=[reference(first)])
    book.put("tastes/c", 3, message="m3", by="clerk", derived_from=[reference(second)])
    book.put("facts/d", 4, message="m4", by="clerk", derived_from=["facts/b@1"])
    book.put("facts/e", 5, message="m5", by="clerk", derived_from=["facts/b@2"])

    carry_out(book, "bad")

    assert list(book.read().values()) == [5]


def test_what_names_the_message_is_derived_from_it() -> None:
    book = Book()
    book.put("facts/a", 1, message="m1", derived_from=["bad"])

    carry_out(book, "bad")

    assert book.read() == {}


def test_a_record_goes_back_to_the_version_that_was_not_derived_from_it() -> None:
    book = Book()
    book.put("facts/a", "sound", message="m1")
    book.put("facts/a", "poisoned", message="bad")

    carry_out(book, "bad")

    assert list(book.read().values()) == ["sound"]


def test_what_can_never_be_removed_is_marked() -> None:
    book = Book()
    book.put("decisions/why", "because of it", message="bad")

    carry_out(book, "bad")

    (left,) = book.now.values()
    assert (left.value, left.flagged) == ("because of it", "a test")
    assert plan_retract(["bad"], book.versions, planner()).is_empty


def test_what_was_written_anew_from_something_else_is_listed_and_stays() -> None:
    book = Book()
    book.put("facts/a", "poisoned", message="bad")
    book.put("facts/a", "corrected", message="m2", by="editor")

    plan = plan_retract(["bad"], book.versions, planner())

    assert plan.is_empty
    assert "editor has written it since" in plan.left[0].why


def test_another_tenants_record_of_the_same_name_is_another_record() -> None:
    book = Book()
    book.put("facts/a", 1, message="bad")
    other = book.put("facts/b", 2, message="m2", derived_from=["facts/a@1"])
    book.versions[-1] = type(other)(**{**vars_of(other), "key": "zeta/-/b"})

    made = derived(book.versions, messages=["bad"])

    assert [one.key for one in book.versions if made.includes(one)] == ["acme/-/a"]


def vars_of(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}  # type: ignore[attr-defined]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.lists(st.integers(0, 30), max_size=3), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
def test_whatever_is_retracted_nothing_derived_is_read_and_nothing_else_is_lost(
    writes: list,
) -> None:
    book = Book()
    tainted: set[int] = set()
    for number, (key, parents, is_bad) in enumerate(writes):
        known = [parent for parent in parents if parent < number]
        sources = [reference(book.versions[parent]) for parent in known]
        book.put(f"facts/{key}", number, message="bad" if is_bad else "m", derived_from=sources)
        if is_bad or any(parent in tainted for parent in known):
            tainted.add(number)
    was = dict(book.read())

    carry_out(book, "bad")

    left = book.read()
    assert not tainted & set(left.values())
    clean = {place: value for place, value in was.items() if value not in tainted}
    assert {place: left.get(place) for place in clean} == clean
