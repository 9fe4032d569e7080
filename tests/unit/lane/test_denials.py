"""Of which tools a person has said no to a call."""

import pytest

from handrail.contract.for_task import FOR_TASK
from handrail.lane.denials import APPROVAL_OF, is_denied
from handrail.lane.journal import Entry, Kind
from handrail.lane.steps import StepLog


def decision(tool: str, body: bytes | None = None, **facts: object) -> tuple[Entry, Entry]:
    name = f"{APPROVAL_OF}{tool}"
    known: dict[str, object] = {"name": name, "digest": "d", "shown": f"{tool}()", "attempt": 1}
    asked = {**known, "effect": "ask", "waits": "person", "approval": {"digest": "d"}}
    said = {**known, "ok": True, "by": "fay", **facts}
    return (
        Entry(Kind.INTENT, "inv", 1, "v", 1, facts=asked, path="3.a0"),
        Entry(Kind.OUTCOME, "inv", 1, "v", 2, facts=said, path="3.a0", body=body),
    )


def denied(tool: str, *entries: Entry) -> bool:
    log = StepLog()
    for entry in entries:
        log.put(entry)
    return is_denied(tool, log)


def test_a_recorded_no_is_one_for_its_own_tool_and_for_no_other() -> None:
    no = decision("pay", denied=True)

    assert denied("pay", *no)
    assert not denied("write", *no)
    assert not denied("pay", *decision("pay", denied=False))


def test_what_nobody_has_decided_yet_or_in_time_is_no_denial() -> None:
    asked, _ = decision("pay")

    assert not denied("pay", asked)
    assert not denied("pay", *decision("pay", ok=False))


@pytest.mark.parametrize(
    ("body", "facts", "is_no"),
    [
        (b'{"approve":false,"by":"fay"}', {}, True),
        (b'{"approve":true,"by":"fay"}', {}, False),
        (None, {FOR_TASK: {"calls": 3, "free": []}}, False),
        (None, {}, True),  # its words stay in the journal: nobody knows here what they are
        (b"no JSON", {}, True),
    ],
)
def test_a_decision_of_an_older_version_is_known_by_its_words_or_counts_as_a_no(
    body: bytes | None, facts: dict[str, object], is_no: bool
) -> None:
    assert denied("pay", *decision("pay", body, **facts)) is is_no
