"""The state of a task is decided by its events alone, and the first that matches is the one."""

import pytest

from handrail.ledger.event import DropReason, Event, RequestKind
from handrail.ledger.explanation import waiting_for, why
from handrail.ledger.task_state import TaskState, fold
from tests.unit.ledger.told import Story, folded

t = Story()
APPROVAL, QUESTION = RequestKind.APPROVAL, RequestKind.QUESTION
CANCELED, COPY = DropReason.CANCELED, DropReason.COPY

STATES: dict[str, tuple[TaskState, int, list[Event]]] = {
    "only announced": (TaskState.SUBMITTED, 0, [t.submitted()]),
    "accepted": (TaskState.WORKING, 1, [t.submitted(), t.accepted()]),
    "accepted without an announcement": (TaskState.WORKING, 1, [t.accepted()]),
    "accepted twice": (TaskState.WORKING, 1, [t.accepted(), t.accepted()]),
    "announced after it was accepted": (TaskState.WORKING, 1, [t.accepted(), t.submitted()]),
    "handed on": (
        TaskState.WORKING,
        2,
        [t.accepted(), t.finished("s1", "h1@questions", "h2@questions")],
    ),
    "all ended": (
        TaskState.COMPLETED,
        0,
        [t.accepted(), t.finished("s1", "h1@q"), t.finished("h1", "r@results/result", topic="q")],
    ),
    "written where nobody reads": (
        TaskState.COMPLETED,
        0,
        [t.accepted(), t.finished("s1", "h1@greetings/output")],
    ),
    "announced after it had ended": (
        TaskState.COMPLETED,
        0,
        [t.accepted(), t.finished(), t.submitted()],
    ),
    "refused": (TaskState.REJECTED, 0, [t.submitted(), t.rejected()]),
    "refused although accepted before": (TaskState.FAILED, 0, [t.accepted(), t.rejected()]),
    "accepted unread, then refused": (
        TaskState.REJECTED,
        0,
        [t.submitted(), t.accepted(), t.rejected(unread=True)],
    ),
    "accepted unread, then refused, of a time before": (
        TaskState.FAILED,
        1,
        [t.accepted("s1"), t.accepted("s2"), t.rejected("s1", unread=True)],
    ),
    "failed and is tried again": (TaskState.WORKING, 1, [t.accepted(), t.rested()]),
    "died": (TaskState.FAILED, 0, [t.accepted(), t.dead()]),
    "one of two died": (
        TaskState.FAILED,
        1,
        [t.accepted(), t.finished("s1", "h1@q", "h2@q"), t.dead("h1", topic="q")],
    ),
    "died and its gather was told": (
        TaskState.WORKING,
        1,
        [
            t.accepted(),
            t.finished("s1", "h1@q"),
            t.dead("h1", "m1@findings/marker", topic="q", absorbed=True),
        ],
    ),
    "a part came too late": (
        TaskState.COMPLETED,
        0,
        [
            t.accepted(),
            t.finished("s1", "h1@q"),
            t.dead("h1", topic="q", reason="late_part"),
        ],
    ),
    "refused and put onto its inbox again": (
        TaskState.SUBMITTED,
        0,
        [t.rejected(), t.redriven("s1", resubmitted=True)],
    ),
    "refused, put onto its inbox again and taken": (
        TaskState.WORKING,
        1,
        [t.rejected(), t.redriven("s1", resubmitted=True), t.accepted()],
    ),
    "redriven": (TaskState.WORKING, 1, [t.accepted(), t.dead(), t.redriven("s1")]),
    "redriven and ended": (
        TaskState.COMPLETED,
        0,
        [t.accepted(), t.dead(), t.redriven("s1"), t.finished()],
    ),
    "canceled": (TaskState.CANCELED, 1, [t.accepted(), t.cancel()]),
    "canceled and wound up": (
        TaskState.CANCELED,
        0,
        [t.accepted(), t.cancel(), t.dropped("s1", CANCELED, intake=True)],
    ),
    "canceled before anybody took it": (
        TaskState.CANCELED,
        0,
        [t.submitted(), t.cancel(), t.dropped("s1", CANCELED, intake=True)],
    ),
    "canceled after it had failed with work left": (
        TaskState.CANCELED,
        1,
        [t.accepted(), t.finished("s1", "h1@q", "h2@q"), t.dead("h1", topic="q"), t.cancel()],
    ),
    "canceled too late": (TaskState.COMPLETED, 0, [t.accepted(), t.finished(), t.cancel()]),
    "an approval is open": (TaskState.AUTH_REQUIRED, 1, [t.accepted(), t.asks("a", APPROVAL)]),
    "a question is open": (TaskState.INPUT_REQUIRED, 1, [t.accepted(), t.asks("q", QUESTION)]),
    "both are open": (
        TaskState.AUTH_REQUIRED,
        1,
        [t.accepted(), t.asks("q", QUESTION), t.asks("a", APPROVAL)],
    ),
    "the approval was given": (
        TaskState.WORKING,
        1,
        [t.accepted(), t.asks("a", APPROVAL), t.answered("a")],
    ),
    "failed while an approval is open": (
        TaskState.FAILED,
        1,
        [
            t.accepted(),
            t.finished("s1", "h1@q", "h2@q"),
            t.asks("a", APPROVAL),
            t.dead("h1", topic="q"),
        ],
    ),
    "a repeat was dropped": (
        TaskState.WORKING,
        1,
        [t.accepted(), t.submitted("s2"), t.dropped("s2", COPY, intake=True)],
    ),
    "the very same record was repeated": (
        TaskState.WORKING,
        1,
        [t.accepted(), t.dropped("s1", COPY, intake=True)],
    ),
    "the reference was taken anew": (
        TaskState.WORKING,
        1,
        [t.accepted(), t.dead(), t.submitted("s2"), t.accepted("s2")],
    ),
    "refused and taken at the second try": (
        TaskState.WORKING,
        1,
        [t.rejected(), t.accepted("s2")],
    ),
    "ended and its second submission refused": (
        TaskState.REJECTED,
        0,
        [t.accepted(), t.finished(), t.rejected("s2")],
    ),
    "a marker went through": (
        TaskState.WORKING,
        1,
        [t.accepted(), t.finished("s1", "m1@q/marker"), t.passed("m1", "m2@r/marker", topic="q")],
    ),
    "a fan-out without parts": (
        TaskState.WORKING,
        1,
        [
            t.accepted(),
            t.finished("s1", "m1@findings/marker"),
            t.part("m1", 0, 0),
        ],
    ),
    "gathering": (
        TaskState.WORKING,
        2,
        [
            t.accepted(),
            t.finished("s1", "p0@findings", "p1@findings"),
            t.part("p0", 0, 2),
        ],
    ),
    "gathered": (
        TaskState.COMPLETED,
        0,
        [
            t.accepted(),
            t.finished("s1", "p0@findings", "p1@findings"),
            t.part("p0", 0, 2),
            t.part("p1", 1, 2),
            t.finished("g1", topic="findings", gathered="f1"),
        ],
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_each_story_ends_in_its_state_with_its_count_of_open_records(name: str) -> None:
    state, count, events = STATES[name]

    facts = folded(*events)

    assert (facts.state, facts.open) == (state, count)
    assert sum(facts.open_at.values()) == count


def test_every_state_has_a_story() -> None:
    assert {state for state, _, _ in STATES.values()} == set(TaskState)


@pytest.mark.parametrize("name", STATES)
def test_each_state_has_a_sentence_and_says_what_it_waits_for(name: str) -> None:
    facts = folded(*STATES[name][2])

    assert why(facts)
    assert (waiting_for(facts) == ()) == facts.ended


def test_an_ended_task_keeps_the_time_of_its_end_and_a_reopened_one_has_none() -> None:
    story = Story()
    ended = folded(story.accepted(), story.finished())
    later = fold(ended, story.submitted())
    reopened = fold(later, story.accepted("s2"))

    assert (ended.ended_ms, later.ended_ms, reopened.ended_ms) == (2000, 2000, None)
    assert (reopened.state, reopened.results, reopened.started_over) == (TaskState.WORKING, 0, 1)


def test_a_new_opening_takes_over_what_is_still_open_of_the_one_before() -> None:
    story = Story()
    facts = folded(
        story.accepted(), story.finished("s1", "h1@q", "h2@q"), story.dead("h1", topic="q")
    )

    facts = fold(facts, story.accepted("s2"))
    facts = fold(facts, story.finished("s2"))
    assert (facts.state, facts.open) == (TaskState.WORKING, 1)
    facts = fold(facts, story.finished("h2", topic="q"))

    assert (facts.state, facts.open) == (TaskState.COMPLETED, 0)


def test_a_foreign_task_keeps_text_and_reference_of_its_acceptance() -> None:
    story = Story()

    facts = folded(story.accepted(text="What is it?", reference="invoice-7", deadline_ms=9))

    assert (facts.text, facts.reference, facts.deadline_ms) == ("What is it?", "invoice-7", 9)


def test_a_task_whose_beginning_is_gone_is_shown_as_such_and_never_counts_below_zero() -> None:
    story = Story()

    facts = folded(story.finished("h1", topic="q"), story.finished("h2", topic="q"))

    assert (facts.start_unknown, facts.open, facts.state) == (True, 0, TaskState.COMPLETED)


def test_costs_add_up_and_an_unpriced_model_makes_them_unknown() -> None:
    story = Story()

    facts = folded(
        story.accepted(),
        story.finished("s1", "h1@q", model_calls=1, cost_micros=1500),
        story.finished("h1", "h2@r", topic="q", model_calls=2, cost_micros=None),
    )

    assert (facts.cost_micros, facts.cost_unknown, facts.invocations) == (1500, True, 2)


def test_waiting_for_names_people_first_and_then_places() -> None:
    story = Story()

    facts = folded(
        story.accepted(),
        story.finished("s1", "h1@q", "h2@q"),
        story.asks("a", RequestKind.APPROVAL),
    )

    assert waiting_for(facts) == ("an approval: Refund 150?", "2 at q")
    assert why(facts) == "Waiting for a person: an approval: Refund 150?"
