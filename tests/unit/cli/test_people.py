"""What waits for a person is shown with who may decide, and with lines that can be pasted."""

from dataclasses import replace

import pytest

from handrail.cli.output import Shape, show_rows
from handrail.cli.people import COLUMNS, row_of
from handrail.ledger.event import PersonAsked, RequestKind

ASKED = PersonAsked(
    task_id="t",
    tenant="default",
    time_ms=1,
    request="i/1.a0/1",
    kind=RequestKind.APPROVAL,
    text="Refund 150?",
    invocation="i",
    agent="clerk",
    decides="role:finance",
)


@pytest.mark.parametrize(
    ("kind", "command", "otherwise"),
    [
        (
            RequestKind.APPROVAL,
            "handrail approve t --step 1.a0",
            "handrail deny t --step 1.a0",
        ),
        (
            RequestKind.DOUBT,
            "handrail doubt resolve t --step 1.a0 --happened FILE",
            "handrail doubt resolve t --step 1.a0 --did-not-happen",
        ),
        (RequestKind.QUESTION, "handrail answer t VALUE --step 1.a0", None),
        (
            RequestKind.BUDGET,
            "handrail answer t AMOUNT --step 1.a0",
            "handrail answer t 0 --step 1.a0",
        ),
    ],
)
def test_each_way_to_go_on_is_a_line_of_its_own(
    kind: RequestKind, command: str, otherwise: str | None
) -> None:
    row = row_of(replace(ASKED, kind=kind))

    assert (row.command, row.otherwise, row.by) == (command, otherwise, "role:finance")


def test_the_table_shows_the_no_beside_the_yes(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row_of(ASKED), row_of(replace(ASKED, kind=RequestKind.QUESTION))]

    show_rows("requests", rows, COLUMNS, Shape.TABLE, empty="")

    approval, question = capsys.readouterr().out.splitlines()[1:]
    assert "handrail approve t --step 1.a0" in approval
    assert "handrail deny t --step 1.a0" in approval
    assert "handrail answer t VALUE --step 1.a0" in question


def test_the_act_and_the_reason_stand_beside_the_words_of_the_contract() -> None:
    row = row_of(replace(ASKED, call="refund(amount=150)", because="It is asked because so."))

    assert (row.text, row.act, row.reason) == (
        "Refund 150?",
        "refund(amount=150)",
        "It is asked because so.",
    )


@pytest.mark.parametrize(
    ("free", "listed", "words"),
    [
        (("text", "to"), ["text", "to"], "further calls with any text and any to"),
        ((), [], "further calls just like it"),
        (None, None, None),
    ],
)
def test_what_an_approval_for_the_task_leaves_free_is_said_before_it_is_given(
    free: tuple[str, ...] | None, listed: list[str] | None, words: str | None
) -> None:
    row = row_of(replace(ASKED, free=free))

    assert (row.free, row.for_task) == (listed, words)
