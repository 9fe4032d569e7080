"""An undo gives back what was there before, until when it was to be, by the keeper's judgement."""

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.memory.undoing import plan_undo
from handrail.wire.memory import Op
from tests.unit.memory.kept import DAY_MS, Kept


def undo(kept: Kept, task: str) -> None:
    kept.carry_out(plan_undo(task, kept.versions, kept.planner()))


def test_what_is_given_back_expires_when_it_was_to_expire() -> None:
    kept = Kept()
    kept.write("counts/a", Op.PUT, 1, task="one")
    kept.now_ms = 9 * DAY_MS
    kept.write("counts/a", Op.PUT, 2, task="two")
    kept.now_ms += DAY_MS // 2

    undo(kept, "two")

    assert [one.expires_ms for one in kept.versions] == [10 * DAY_MS, 19 * DAY_MS, 10 * DAY_MS]


def test_what_a_task_wrote_and_has_expired_since_needs_no_undo() -> None:
    kept = Kept()
    kept.write("counts/a", Op.PUT, 1, task="one")
    kept.now_ms = 11 * DAY_MS
    kept.expire()

    plan = plan_undo("one", kept.versions, kept.planner())
    kept.write("counts/a", Op.PUT, 2, task="two")
    later = plan_undo("one", kept.versions, kept.planner())

    assert (plan.changes, plan.left) == ((), ())
    assert (later.changes, later.left) == ((), ())


def test_what_was_removed_since_is_said_to_be_removed() -> None:
    kept = Kept()
    kept.write("texts/a", Op.PUT, "paid", task="one")
    kept.write("texts/a", Op.REMOVE, by="person:bob")

    plan = plan_undo("one", kept.versions, kept.planner())

    assert [one.why for one in plan.left] == ["person:bob has removed it since, as version 2"]


def test_what_an_undo_of_another_task_gave_back_is_still_what_the_first_task_wrote() -> None:
    kept = Kept()
    kept.write("texts/a", Op.PUT, "open", task="one")
    kept.write("texts/a", Op.PUT, "paid", task="two")
    kept.write("texts/a", Op.PUT, "paid twice", task="three")
    undo(kept, "three")
    assert kept.read() == {"texts/a": "paid"}

    undo(kept, "two")

    assert kept.read() == {"texts/a": "open"}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["texts/a", "lists/a", "counts/a", "counts/b"]),
        st.sampled_from(["write", "write", "write", "remove", "endorse", "undo", "wait"]),
        st.sampled_from(["one", "two"]),
    ),
    max_size=15,
)


def take(kept: Kept, number: int, step: tuple[str, str, str]) -> None:
    where, what, task = step
    if what == "wait":
        kept.now_ms += 4 * DAY_MS
        kept.expire()
    elif what == "undo":
        undo(kept, task)
    elif what in {"remove", "endorse"}:
        kept.write(where, Op(what), by="person:bob", task=task)
    elif where == "texts/a":
        kept.write(where, Op.PUT, f"text {number}", task=task)
    else:
        kept.write(where, Op.APPEND if where == "lists/a" else Op.INCREMENT, number, task=task)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.lists(st.sampled_from(["texts/a", "lists/a", "counts/a"]), max_size=4))
def test_undo_gives_back_values_and_ends_whatever_was_undone_or_had_expired_before(
    before: list[tuple[str, str, str]], by_the_task: list[str]
) -> None:
    kept = Kept()
    for number, step in enumerate(before):
        take(kept, number, step)
    was = {place: (one.value, one.expires_ms) for place, one in kept.there().items()}
    for number, where in enumerate(by_the_task, 100):
        take(kept, number, (where, "write", "undone"))
        kept.now_ms += 1000

    undo(kept, "undone")
    again = plan_undo("undone", kept.versions, kept.planner())

    assert {place: (one.value, one.expires_ms) for place, one in kept.there().items()} == was
    assert (again.changes, again.left) == ((), ())
