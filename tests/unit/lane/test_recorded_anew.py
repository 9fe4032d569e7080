"""What an approval is worth in a handoff that is sent back."""

import pytest

from handrail.contract.for_task import FOR_TASK
from handrail.lane.journal import Entry, Kind
from handrail.lane.recorded_anew import recorded_anew
from handrail.lane.steps import ANEW, COLLECTED


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


@pytest.mark.parametrize("from_step", [None, 2])
def test_of_what_was_said_of_writes_a_no_stays_and_a_yes_is_forgotten(
    from_step: int | None,
) -> None:
    known: dict[str, object] = {"digest": "d", "shown": "", "ok": True}
    no = {**known, "name": COLLECTED, "ok": False, "number": "not for eve"}
    yes = {**known, "name": COLLECTED, "number": ""}
    now = {**known, "name": "now", "number": 5}
    records = [
        ("collect.a", no),
        ("collect.b", yes),
        ("now.1", now),
        ("1", known | {"name": "get"}),
    ]
    entries = [
        Entry(Kind.OUTCOME, "inv", 1, "v", 6, facts=facts, path=path) for path, facts in records
    ]

    left = recorded_anew(entries, from_step)

    assert [entry.path for entry in left] == ["collect.a", "now.1", "1"]


def test_what_an_update_no_longer_needs_stays_unneeded_once_its_handoff_is_sent_back() -> None:
    facts = {"name": "memory.put", "digest": "d", "shown": "update(a)", "effect": "ask"}
    waits = {"attempt": 1, "waits": "agent", "idem_key": "k", "void": ANEW}
    intent = Entry(Kind.INTENT, "i", 1, "1", 0, facts=facts | waits, path="1.6")

    assert recorded_anew([intent]) == [intent]
