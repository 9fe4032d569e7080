"""What a message wrote goes also where others have added to it, looked at it or gone back to it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.memory.derivation import derived
from handrail.memory.retracting import plan_retract
from handrail.memory.undoing import plan_undo
from handrail.wire.memory import Op, full_key
from tests.unit.memory.kept import DAY_MS, Kept


def retract(kept: Kept, *messages: str) -> None:
    kept.carry_out(plan_retract(messages, kept.versions, kept.planner()))


def test_what_was_added_to_goes_back_to_before_the_message_with_what_was_added_since() -> None:
    kept = Kept()
    kept.write("lists/a", Op.APPEND, "sound", message="m1")
    kept.write("lists/a", Op.APPEND, "poison", message="bad")
    kept.write("lists/a", Op.APPEND, "fine", message="m2")

    retract(kept, "bad")

    assert kept.read() == {"lists/a": ["sound"]}


def test_what_a_person_has_endorsed_as_it_stood_goes_with_its_message() -> None:
    kept = Kept()
    kept.write("texts/a", Op.PUT, "poison", message="bad")
    kept.write("texts/a", Op.ENDORSE, by="person:bob")

    retract(kept, "bad")

    assert kept.read() == {}


def test_what_a_person_has_put_once_more_since_a_look_was_due_goes_with_its_message() -> None:
    kept = Kept()
    kept.write("texts/a", Op.PUT, "poison", message="bad", derived_from=("document:x",))
    kept.now_ms += 181 * DAY_MS
    kept.write("texts/a", Op.PUT, "poison", by="person:bob")
    assert len(kept.versions) == 2

    retract(kept, "bad")

    assert kept.read() == {}


def test_what_an_undo_has_given_back_goes_with_its_message() -> None:
    kept = Kept()
    kept.write("texts/a", Op.PUT, "poison", message="bad")
    kept.write("texts/a", Op.PUT, "other", message="m2", task="undone")
    kept.carry_out(plan_undo("undone", kept.versions, kept.planner()))
    assert kept.read() == {"texts/a": "poison"}

    retract(kept, "bad")

    assert kept.read() == {}


def test_what_was_marked_by_a_retraction_is_not_said_to_be_another_one() -> None:
    kept = Kept()
    kept.write("reasons/a", Op.PUT, "because of it", message="bad")
    retract(kept, "bad")

    again = plan_retract(["bad"], kept.versions, kept.planner())

    assert kept.versions[-1].flagged == "a test"
    assert (again.changes, again.left) == ((), ())


def test_a_key_that_was_begun_anew_builds_on_nothing_of_its_earlier_life() -> None:
    kept = Kept()
    kept.write("lists/a", Op.APPEND, "poison", message="bad")
    kept.write("lists/a", Op.REMOVE, by="person:bob")
    kept.write("lists/a", Op.APPEND, "fine", message="m2")
    kept.write("lists/a", Op.APPEND, "too", message="m3")

    retract(kept, "bad")

    assert kept.read() == {"lists/a": ["fine", "too"]}


def test_whoever_only_added_to_a_record_has_heard_nothing_of_what_it_holds() -> None:
    kept = Kept()
    kept.write("lists/a", Op.APPEND, "poison", message="bad")
    kept.write("lists/a", Op.APPEND, "fine", message="m2")
    source = f"lists/{full_key('acme', 'a')}@2"
    kept.write("texts/b", Op.PUT, "made of it", message="m3", derived_from=(source,))

    found = derived(kept.versions, messages=["bad"])

    assert all(map(found.includes, kept.versions))
    assert [one.message_id for one in kept.versions if found.heard(one)] == ["bad", "m3"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["append", "append", "add", "put", "endorse", "remove", "undo"]),
        st.sampled_from(["bad", "m1", "m2"]),
        st.sampled_from(["t1", "t2"]),
    ),
    max_size=25,
)


@settings(max_examples=500, deadline=None)
@given(STEPS)
def test_whatever_was_written_on_top_nothing_of_the_message_is_read_and_nothing_else_is_lost(
    steps: list[tuple[str, str, str, str]],
) -> None:
    kept, bad, others = Kept(), set[int](), set[int]()
    for number, (key, what, message, task) in enumerate(steps):
        where = f"lists/{key}"
        if what == "undo":
            kept.carry_out(plan_undo(task, kept.versions, kept.planner()))
        elif what in {"endorse", "remove"}:
            kept.write(where, Op(what), by="person:bob")
        else:
            value = [number] if what == "put" else number
            kept.write(where, Op(what), value, message=message, task=task)
            bad |= {number} if message == "bad" else set()
            others |= {number} if message == "m1" else set()
    was = kept.read()

    retract(kept, "bad")

    now = kept.read()
    assert not any(bad & numbers(value) for value in now.values())
    clean = {where: value for where, value in was.items() if not bad & numbers(value)}
    assert {where: now.get(where) for where in clean} == clean

    retract(kept, "bad", "m1")

    assert not any((bad | others) & numbers(value) for value in kept.read().values())


def numbers(value: object) -> set[int]:
    assert isinstance(value, list)
    return set(value)


def test_what_was_taken_back_is_not_gone_back_to_when_something_else_is_retracted() -> None:
    kept = Kept()
    kept.write("texts/a", Op.PUT, "first", message="m1")
    kept.write("texts/a", Op.PUT, "poison", message="bad")
    retract(kept, "bad")
    assert kept.read() == {"texts/a": "first"}

    retract(kept, "m1")

    assert kept.read() == {}


def test_a_second_retraction_finds_nothing_to_do_where_the_first_has_given_a_version_back() -> None:
    kept = Kept()
    kept.write("texts/a", Op.PUT, "sound", message="m1")
    kept.write("texts/a", Op.PUT, "poison", message="bad")
    retract(kept, "bad")

    once_more = plan_retract(["bad"], kept.versions, kept.planner())
    kept.write("texts/a", Op.PUT, "something else", message="m2")
    later = plan_retract(["bad"], kept.versions, kept.planner())

    assert (once_more.changes, once_more.left) == ((), ())
    assert (later.changes, later.left) == ((), ())


def test_what_has_expired_since_is_nothing_that_a_retraction_leaves() -> None:
    kept = Kept()
    kept.write("counts/a", Op.INCREMENT, 7, message="bad")
    kept.now_ms += 11 * DAY_MS
    kept.expire()
    kept.write("counts/a", Op.INCREMENT, 1, message="m2")

    plan = plan_retract(["bad"], kept.versions, kept.planner())

    assert (plan.changes, plan.left) == ((), ())
