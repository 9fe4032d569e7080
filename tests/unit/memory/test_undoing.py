"""An undone task leaves memory as it was before it wrote; what others wrote since stays."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.contract.memory import RULES, MemoryClass
from handrail.memory.undoing import plan_undo
from handrail.wire.memory import Command, Op, full_key
from tests.unit.memory.book import SPACES, Book, planner


def carry_out(book: Book, task: str, **more: object) -> None:
    for change in plan_undo(task, book.versions, planner(**more)).changes:
        book.take(change.command, task="undo")


def test_a_record_that_the_task_changed_reads_as_before() -> None:
    book = Book()
    book.put("facts/order", "open", task="one")
    book.put("facts/order", "paid", task="two")
    book.put("facts/order", "paid twice", task="two")

    carry_out(book, "two")

    assert book.read() == {("facts", "acme/-/order"): "open"}
    assert (book.versions[-1].version, book.versions[-1].rollback_of) == (4, 3)


def test_a_record_that_the_task_made_is_gone_and_its_history_stays() -> None:
    book = Book()
    book.put("facts/order", "open", task="one")

    carry_out(book, "one")

    assert book.read() == {}
    assert [one.value for one in book.versions] == ["open", None]


def test_what_somebody_has_written_since_is_left_and_listed() -> None:
    book = Book()
    book.put("facts/order", "open", task="one")
    book.put("facts/order", "paid", task="two", by="cashier")

    plan = plan_undo("one", book.versions, planner())

    assert plan.is_empty
    assert [one.why for one in plan.left] == ["cashier has written it since, as version 2"]


def test_undoing_twice_changes_nothing_the_second_time() -> None:
    book = Book()
    book.put("facts/order", "open", task="one")
    book.put("facts/order", "paid", task="two")
    book.put("facts/bill", "sent", task="two")
    carry_out(book, "two")

    again = plan_undo("two", book.versions, planner())

    assert (again.changes, again.left) == ((), ())


def test_what_was_written_between_plan_and_deed_is_a_conflict_and_stays() -> None:
    book = Book()
    book.put("facts/order", "open", task="one")
    plan = plan_undo("one", book.versions, planner())
    book.put("facts/order", "paid", task="two")

    for change in plan.changes:
        book.take(change.command, task="undo")

    assert book.conflicts == 1
    assert book.read() == {("facts", "acme/-/order"): "paid"}


def test_a_removal_is_taken_back_too() -> None:
    book = Book()
    key = full_key("acme", "order")
    book.put("facts/order", "open", task="one")
    book.take(Command(op=Op.REMOVE, space="facts", key=key, by="person:bob"), task="two")

    carry_out(book, "two")

    assert book.read() == {("facts", key): "open"}


def test_what_can_never_change_is_left_and_says_so() -> None:
    book = Book()
    book.put("decisions/why", "it was late", task="one")

    plan = plan_undo("one", book.versions, planner())

    assert plan.is_empty
    assert "can never be changed" in plan.left[0].why


def test_what_had_expired_before_is_not_brought_back_to_life() -> None:
    book = Book()
    book.put("facts/order", "open", task="one", expires_ms=5_000)
    book.put("facts/order", "paid", task="two")

    carry_out(book, "two", now_ms=6_000)

    assert book.read() == {}


def test_what_was_about_somebody_forgotten_is_not_written_again() -> None:
    book = Book()
    book.put("tastes/drink", "sealed tea", sealed=True, subject="d1", task="one")
    book.put("tastes/drink", "sealed milk", sealed=True, subject="d1", task="two")

    plan = plan_undo("two", book.versions, planner(forgotten=frozenset({"sealed tea"})))

    assert plan.is_empty
    assert "forgotten" in plan.left[0].why


def test_a_history_that_begins_too_late_is_said_instead_of_guessed() -> None:
    book = Book()
    book.put("facts/order", "open", task="one")
    book.put("facts/order", "paid", task="two")

    plan = plan_undo("two", book.versions[1:], planner())

    assert plan.is_empty
    assert "older than the history" in plan.left[0].why


def test_a_space_that_is_declared_no_more_is_left() -> None:
    book = Book()
    book.put("facts/order", "open", task="one")

    plan = plan_undo("one", book.versions, planner(rules={}))

    assert "declared" in plan.left[0].why


WRITES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["put", "put", "put", "remove"]),
        st.integers(0, 99),
        st.sampled_from(["one", "two", "three"]),
    ),
    max_size=12,
)


@settings(max_examples=500, deadline=None)
@given(before=WRITES, by_the_task=WRITES)
def test_undo_restores_the_state_before_whatever_was_written(
    before: list, by_the_task: list
) -> None:
    book = Book()
    writes = [(*write[:3], write[3]) for write in before]
    for key, what, value, task in writes:
        write(book, key, what, value, task)
    was = dict(book.read())
    for key, what, value, _ in by_the_task:
        write(book, key, what, value, "undone")

    carry_out(book, "undone")

    assert book.read() == was
    assert book.conflicts == 0


@settings(max_examples=500, deadline=None)
@given(by_the_task=WRITES, since=WRITES)
def test_undo_never_touches_what_others_have_written_since(by_the_task: list, since: list) -> None:
    book = Book()
    for key, what, value, _ in by_the_task:
        write(book, key, what, value, "undone")
    for key, what, value, task in since:
        write(book, key, what, value, task)
    theirs = {one.key for one in book.versions if one.task_id != "undone"}
    was = {place: value for place, value in book.read().items() if place[1] in theirs}

    carry_out(book, "undone")

    assert {place: value for place, value in book.read().items() if place[1] in theirs} == was


def write(book: Book, key: str, what: str, value: int, task: str) -> None:
    full = full_key("acme", key)
    if what == "put":
        book.put(f"facts/{key}", value, task=task)
    elif ("facts", full) in book.now:
        book.take(Command(op=Op.REMOVE, space="facts", key=full, by="clerk"), task=task)


def test_an_artifact_that_the_task_made_is_removed_though_it_never_changes() -> None:
    book = Book()
    book.put("blobs/a", "sha", task="one")
    rules = {**SPACES, "blobs": RULES[MemoryClass.ARTIFACT]}

    for change in plan_undo("one", book.versions, replace(planner(), rules=rules)).changes:
        book.take(change.command, task="undo")

    assert book.read() == {}
