"""Whoever is forgotten is forgotten wherever something was made from what was known of them."""

from handrail.memory.derivation import reference
from handrail.memory.erasing import not_about_the_same, plan_forget
from handrail.wire.memory import Command, Op, full_key
from tests.unit.memory.book import Book, planner


def test_a_persons_own_records_are_counted_by_space_with_all_their_versions() -> None:
    book = Book()
    book.put("tastes/drink", "x", subject="d1")
    book.put("tastes/drink", "y", subject="d1")
    book.put("facts/address", "z", subject="d1")
    book.put("tastes/drink", "x", subject="d2")

    found = plan_forget("d1", book.versions, planner())

    assert (found.own, found.versions) == ({"tastes": 1, "facts": 1}, 3)
    assert found.elsewhere.is_empty


def test_what_was_made_from_them_elsewhere_is_removed_or_marked() -> None:
    book = Book()
    own = book.put("tastes/drink", "x", subject="d1")
    made = book.put("facts/summary", "likes tea", derived_from=[reference(own)])
    book.put("decisions/why", "since tea", derived_from=[reference(made)])
    book.put("facts/other", "unrelated")

    found = plan_forget("d1", book.versions, planner())

    assert [(one.space, one.does) for one in found.elsewhere.changes] == [
        ("decisions", "marks it as not to be trusted"),
        ("facts", "removes it"),
    ]


def test_of_somebody_who_was_forgotten_before_nothing_is_left_to_be_forgotten() -> None:
    book = Book()
    own = book.put("tastes/drink", "x", subject="d1")
    book.put("decisions/why", "since tea", derived_from=[reference(own)])
    for change in plan_forget("d1", book.versions, planner()).elsewhere.changes:
        book.take(change.command)
    book.take(Command(op=Op.REMOVE, space="tastes", key=own.key, by="person:ada"))
    book.versions.remove(own)  # as a view does with what nobody can read any more

    found = plan_forget("d1", book.versions, planner())

    assert (found.own, found.versions, found.removals, found.is_empty) == ({}, 0, 1, True)


def test_a_record_that_was_removed_and_whose_values_are_kept_is_still_to_be_forgotten() -> None:
    book = Book()
    own = book.put("tastes/drink", "x", subject="d1")
    book.take(Command(op=Op.REMOVE, space="tastes", key=own.key, by="person:ada"))

    found = plan_forget("d1", book.versions, planner())

    assert (found.own, found.versions, found.is_empty) == ({}, 1, False)


def test_somebody_of_whom_nothing_is_known_is_said_to_be_unknown() -> None:
    book = Book()
    book.put("tastes/drink", "x", subject="d2")

    assert plan_forget("d1", book.versions, planner()).is_empty


def test_what_is_known_of_a_person_may_only_be_copied_under_the_same_person() -> None:
    source = f"tastes/{full_key('acme', 'drink', subject='d1')}@3"

    assert not_about_the_same(full_key("acme", "sum", subject="d1"), [source, "m1"]) is None
    assert not_about_the_same(full_key("acme", "sum", subject="d2"), [source]) == "tastes/drink@3"
    assert not_about_the_same(full_key("acme", "sum"), [source]) == "tastes/drink@3"
    assert not_about_the_same(full_key("acme", "sum"), ["facts/a@1", "m1"]) is None
    assert not_about_the_same(full_key("acme", "sum"), ["tastes/a@1"], {"tastes"}) == "tastes/a@1"
    assert not_about_the_same(full_key("acme", "sum"), ["facts/a@1"], {"tastes"}) is None
