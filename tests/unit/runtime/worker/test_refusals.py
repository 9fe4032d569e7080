"""What is told of a call that a person has denied, from the intent of its request alone."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from handrail.contract.failure import Refused, State
from handrail.lane.journal import Entry, Kind
from handrail.runtime.worker.refusals import not_approved

FACTS: dict[str, object] = {"name": "approval of pay", "task": "t", "tenant": "acme", "attempt": 2}
CALL = {"run": 1, "attempt": 3, "owner": "payments", "trace": "00-0af7"}
GROUND = SimpleNamespace(
    worker=SimpleNamespace(
        agent=SimpleNamespace(name="clerk"), clock=SimpleNamespace(now_ms=lambda: 7)
    )
)


@pytest.mark.parametrize(("path", "step"), [("3.a0", "3"), ("3.a1", "3.1"), ("3.a12", "3.12")])
@pytest.mark.parametrize(
    ("approval", "told"),
    [({"call": CALL}, (1, 3, "payments", "00-0af7")), ({}, (0, 1, None, "i"))],
    ids=["now", "of an earlier version"],
)
def test_a_denied_call_is_told_as_far_as_the_intent_of_its_request_says(
    path: str, step: str, approval: dict[str, Any], told: tuple[object, ...]
) -> None:
    facts = {**FACTS, "approval": approval}
    intent = Entry(Kind.INTENT, "i", 1, "1", 5, facts=facts, path=path)
    refused = Refused(State.APPROVAL_REJECTED, "fay has not approved pay")

    event = not_approved(cast("Any", GROUND), intent, refused, "fay")

    assert (event.run, event.attempt, event.owner, event.trace) == told
    assert (event.step, event.tool, event.agent) == (step, "pay", "clerk")
    assert (event.task_id, event.tenant, event.time_ms) == ("t", "acme", 7)
    assert (event.by, event.request) == ("fay", f"i/{path}/2")
