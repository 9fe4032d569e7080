"""What an approval is worth in a handoff that is sent back."""

import pytest

from handrail.contract.for_task import FOR_TASK
from handrail.lane.journal import Entry, Kind
from handrail.lane.recorded_anew import recorded_anew


@pytest.mark.parametrize("from_step", [None, 2])
def test_an_approval_for_the_task_is_for_its_own_call_once_its_handoff_is_sent_back(
    from_step: int | None,
) -> None:
    known: dict[str, object] = {"name": "approval of pay", "digest": "d", "shown": "pay()"}
    asked = {**known, "effect": "ask", "attempt": 1, "waits": "person"}
    said = {**known, "ok": True, "by": "fay", "attempt": 1}
    given = {**said, FOR_TASK: {"calls": 3, "free": []}}

    intent = Entry(Kind.INTENT, "inv", 1, "v", 5, facts=asked, path="1.a0")
    outcome = Entry(Kind.OUTCOME, "inv", 1, "v", 6, facts=given, path="1.a0", body=b"{}")
    left = recorded_anew([intent, outcome], from_step)

    assert [entry.facts for entry in left] == [asked, said]
