"""What `handrail show` says of the money of a task."""

import pytest

from handrail.cli.show import money_in_words
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
