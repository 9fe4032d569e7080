"""Which versions of an agent may carry on what another has begun."""

import pytest

from handrail.lane.journal import Entry, Kind
from handrail.lane.steps import ANEW, StepRecord
from handrail.lane.version import is_compatible, version_needed


@pytest.mark.parametrize(
    ("ours", "theirs", "compatible"),
    [
        ("1", "1", True),
        ("1.5", "1.4", True),
        ("1", "1.4-blue", True),
        ("2", "1.4", False),
        ("10", "1", False),
        ("blue", "green", False),
    ],
)
def test_the_first_part_of_a_version_says_whether_it_can_go_on(
    ours: str, theirs: str, *, compatible: bool
) -> None:
    assert is_compatible(ours, theirs) is compatible


def test_the_version_that_is_needed_is_the_one_that_recorded_a_step() -> None:
    intent = Entry(Kind.INTENT, "i", 1, "1.4", 0, path="1")
    outcome = Entry(Kind.OUTCOME, "i", 1, "1.9", 0, path="1")
    records = [StepRecord(intent, outcome), StepRecord()]

    assert version_needed(records, "1") is None
    assert version_needed(records, "2") == "1.4"
    assert version_needed([], "2") is None


def test_an_answer_is_carried_on_by_the_version_that_asked_whichever_took_it() -> None:
    asked = Entry(Kind.INTENT, "i", 1, "1", 0, path="1")
    answered = Entry(Kind.OUTCOME, "i", 2, "2", 0, path="1")

    assert version_needed([StepRecord(asked, answered)], "1.1") is None
    assert version_needed([StepRecord(asked, answered)], "2") == "1"
    assert version_needed([StepRecord(None, answered)], "1") == "2"


def test_what_is_decided_anew_needs_no_version() -> None:
    voided = Entry(Kind.INTENT, "i", 1, "1", 0, facts={"void": ANEW}, path="1")
    repeated = Entry(Kind.INTENT, "i", 1, "1", 0, facts={"void": "another try"}, path="1")
    outcome = Entry(Kind.OUTCOME, "i", 2, "2", 0, path="1")

    assert version_needed([StepRecord(voided)], "2") is None
    assert version_needed([StepRecord(voided, outcome)], "2") is None
    assert version_needed([StepRecord(repeated)], "2") == "1"
