"""What people read of a decision is a sentence, never the record of it."""

from typing import Any

import pytest

from handrail.ledger.event import Finished, PersonAnswered
from handrail.ledger.memory_event import MemoryWritten
from handrail.ledger.rail_event import ActRefused, BudgetWarned, FurtherCall
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
        (
            '{"approve":false,"digest":"d","reason":"Too much. Ask again. "}',
            "role:finance denied it: Too much. Ask again.",
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


def refused(**more: Any) -> ActRefused:
    said: dict[str, Any] = {
        "detail": "pay is called more than 10 times in an hour",
        "remedy": "Wait, then call again.",
        "trace": "00-0af7",
        "state": "rate_limited",
    }
    return ActRefused(
        task_id="t",
        tenant="default",
        time_ms=1,
        agent="clerk",
        invocation="i",
        step="3.1",
        tool="pay",
        title="Too many calls",
        retry="after_delay",
        **said | more,
    )


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            refused(owner="payments", retry_after_s=7.5),
            (
                "clerk called pay in step 3.1: rate_limited. Too many calls. pay is called more"
                " than 10 times in an hour. Wait, then call again. It may be asked again after"
                " 7.5 s. The tool's owner is payments. The log has it under 00-0af7."
            ),
        ),
        (
            refused(detail="Too many calls", trace="i"),
            (
                "clerk called pay in step 3.1: rate_limited. Too many calls. Wait, then call"
                " again. The log has it under i."
            ),
        ),
        (
            refused(request="i/3.a1/1", by="fay", state="approval_rejected", owner="payments"),
            (
                "clerk called pay in step 3.1: approval_rejected. Wait, then call again."
                " The tool's owner is payments."
            ),
        ),
    ],
)
def test_a_refused_call_is_told_with_its_cure_its_owner_and_where_to_look(
    event: ActRefused, said: str
) -> None:
    assert sentence(event) == said


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


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"op": "put"}, "person:ada wrote version 3 of memory rules/refund (case 7)."),
        (
            {"op": "remove", "removed": True},
            "person:ada removed memory rules/refund, as version 3 (case 7).",
        ),
        ({"op": "hold"}, "person:ada put a hold on a person (case 7)."),
        ({"op": "release"}, "person:ada ended the hold on a person (case 7)."),
        ({"op": "put", "reason": ""}, "person:ada wrote version 3 of memory rules/refund."),
    ],
)
def test_what_a_person_did_to_memory_is_told_with_their_reason(
    facts: dict[str, Any], said: str
) -> None:
    whole: dict[str, Any] = {"reason": "case 7", **facts}
    event = MemoryWritten(
        task_id="memory",
        tenant="acme",
        time_ms=1,
        space="rules",
        key="acme/-/refund",
        by="person:ada",
        partition=0,
        offset=1,
        version=3,
        **whole,
    )

    assert sentence(event) == said


@pytest.mark.parametrize(("missing", "said"), [(1, "1 part missing"), (2, "2 parts missing")])
def test_what_is_missing_is_counted_in_words(missing: int, said: str) -> None:
    event = Finished(
        task_id="t",
        tenant="default",
        time_ms=1_000,
        started_ms=1,
        agent="counter",
        invocation="i",
        topic="verdicts",
        partition=0,
        offset=1,
        missing=missing,
    )

    assert f", {said} and handed nothing on." in sentence(event)
