"""What `handrail show` says of the money of a task."""

import pytest

from handrail.cli.show import money_in_words
from handrail.ledger.event import PersonAnswered, PersonAsked, RequestKind
from handrail.ledger.rail_event import BudgetWarned
from handrail.ledger.task_state import TaskFacts


def warned(agent: str, left_micros: int) -> BudgetWarned:
    return BudgetWarned(
        task_id="t",
        tenant="default",
        time_ms=1,
        agent=agent,
        invocation="i",
        limit_micros=500_000,
        left_micros=left_micros,
    )


def asked(request: str, kind: RequestKind = RequestKind.BUDGET) -> PersonAsked:
    return PersonAsked(
        task_id="t",
        tenant="default",
        time_ms=1,
        request=request,
        kind=kind,
        text="Nothing is left of the budget. By how much is it raised?",
        invocation="i",
        agent="writer",
    )


def answered(request: str, by: str, decision: str) -> PersonAnswered:
    return PersonAnswered(
        task_id="t", tenant="default", time_ms=2, request=request, by=by, decision=decision
    )


def facts(cost_micros: int, *, unknown: bool = False) -> TaskFacts:
    return TaskFacts("t", "default", cost_micros=cost_micros, cost_unknown=unknown)


@pytest.mark.parametrize(
    ("known", "events", "said"),
    [
        (facts(0), [], ""),
        (facts(320_000), [], "It has cost 0.32."),
        (facts(1_234), [], "It has cost 0.001234."),
        (facts(0, unknown=True), [], "It has cost 0.00, and calls whose price nobody knows."),
        (
            facts(400_000),
            [warned("planner", 100_000), warned("writer", 50_000)],
            "It has cost 0.40. Of a budget of 0.50, writer has told that 0.05 is left.",
        ),
    ],
)
def test_what_a_task_has_cost_and_what_was_left_is_said_as_money(
    known: TaskFacts, events: list[BudgetWarned], said: str
) -> None:
    assert money_in_words(known, events) == said


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([asked("a")], ""),
        (
            [asked("a"), answered("a", "ann", "0.2")],
            "People have raised its budget by 0.20: ann by 0.20.",
        ),
        (
            [
                asked("a"),
                asked("b"),
                answered("b", "ben", "1"),
                answered("a", "ann", "0.25"),
                asked("c"),
                answered("c", "ann", "0.25"),
                asked("d"),
                answered("d", "eve", "0.0"),
            ],
            (
                "People have raised its budget by 1.50: ben by 1.00, ann by 0.50."
                " eve has not raised its budget."
            ),
        ),
        ([asked("a"), answered("a", "handrail", "its task was canceled")], ""),
        ([asked("a", RequestKind.QUESTION), answered("a", "ann", "42")], ""),
    ],
)
def test_what_people_have_given_a_task_to_spend_is_said_with_their_names(
    events: list[object], said: str
) -> None:
    assert money_in_words(facts(0), events) == said
