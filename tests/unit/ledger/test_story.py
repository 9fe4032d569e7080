"""What people read of a decision is a sentence, never the record of it."""

import pytest

from handrail.ledger.event import PersonAnswered
from handrail.ledger.rail_event import BudgetWarned, FurtherCall
from handrail.ledger.story import sentence


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ('{"approve":true,"digest":"d"}', "role:finance approved it."),
        (
            '{"approve":true,"digest":"d","arguments":{"order":"42","amount":120}}',
            "role:finance approved it (with order=42, amount=120).",
        ),
        (
            '{"approve":true,"digest":"d","for_task":{"calls":3,"free":["text"]},"reason":"go on"}',
            "role:finance approved it, and up to 3 further calls with any text: go on.",
        ),
        (
            '{"approve":false,"digest":"d","reason":"too much"}',
            "role:finance denied it: too much.",
        ),
        ('{"approve":false,"digest":"d"}', "role:finance denied it."),
        ('{"name":"Ada"}', 'role:finance decided: {"name":"Ada"}.'),
        ("nobody has decided in time", "role:finance decided: nobody has decided in time."),
    ],
)
def test_a_decision_is_told_as_a_sentence(decision: str, said: str) -> None:
    event = PersonAnswered(
        task_id="t",
        tenant="default",
        time_ms=1,
        request="i/1/1",
        by="role:finance",
        decision=decision,
    )

    assert sentence(event) == said


def test_what_is_left_of_a_budget_is_told_as_an_amount() -> None:
    event = BudgetWarned(
        task_id="t",
        tenant="default",
        time_ms=1,
        agent="second",
        invocation="i",
        limit_micros=1_000_000,
        left_micros=200_000,
    )

    assert sentence(event) == (
        "second has used or set aside most of its budget: 0.20 of 1.00 is left."
    )


def test_a_call_that_went_on_by_an_approval_for_the_task_is_told_with_who_gave_it() -> None:
    event = FurtherCall(
        task_id="t",
        tenant="default",
        time_ms=1,
        agent="clerk",
        invocation="i",
        step="2",
        call='pay(to="bob")',
        request="i/1.a0/1",
        by="fay",
        count=2,
        calls=5,
    )

    assert sentence(event) == (
        'fay has approved pay(to="bob") before, for the task: 2 of 5 further calls.'
    )
