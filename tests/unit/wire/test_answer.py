"""What answers a question is read as it was written, and nothing else is taken for it."""

import pytest

from handrail.errors.wire import EnvelopeInvalid, WireError
from handrail.wire.answer import (
    ASKED_ANEW,
    SENT_BACK_BY,
    FailedAnswer,
    ReplyAddress,
    asked_anew_from,
    sent_back_by,
    with_asked_anew,
)
from handrail.wire.human import Closed, PersonsAnswer, Request
from handrail.wire.record import Outgoing, Record
from tests.contracts import kinds


def read(outgoing: Outgoing) -> Record:
    return Record("t", 3, 0, 0, outgoing.key, outgoing.value, outgoing.headers)


def test_an_address_is_the_answers_of_an_agent_and_nothing_else() -> None:
    assert ReplyAddress.of("clerk.answers/11") == ReplyAddress("clerk.answers", 11)
    assert str(ReplyAddress("clerk.answers", 0)) == "clerk.answers/0"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "clerk",
        "clerk.answers",
        "clerk.journal/3",
        "ledger/3",
        "clerk.answers/-1",
        "clerk.answers/x",
        "clerk.answers/01",
        "../clerk.answers/3",
        "x" * 300 + ".answers/3",
    ],
)
def test_another_text_is_no_address(text: str) -> None:
    with pytest.raises(EnvelopeInvalid, match="ce_replyto"):
        ReplyAddress.of(text)


def test_a_failed_answer_is_read_as_it_was_written() -> None:
    whole = FailedAnswer("pricer", "deadline", "It took too long.", "ns.prices/3/7")
    short = FailedAnswer("pricer", "canceled", "")

    assert FailedAnswer.decode(whole.encode()) == whole
    assert FailedAnswer.decode(short.encode()) == short


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"agent":1,"reason":"a","sentence":"b"}'])
def test_what_is_no_failed_answer_is_not_taken_for_one(body: bytes) -> None:
    with pytest.raises(WireError):
        FailedAnswer.decode(body)


def test_a_request_its_answer_and_its_end_are_read_as_they_were_written() -> None:
    request = Request.from_record(read(kinds.request()))
    answer = PersonsAnswer.from_record(read(kinds.persons_answer()))
    closed = Closed.from_record(read(kinds.closed_request()))

    assert request.outgoing("handrail.human") == kinds.request()
    assert answer.outgoing("handrail.clerk.answers", 3, 1_767_225_601_000) == kinds.persons_answer()
    assert (answer.request, closed.request) == (request.id, request.id)
    assert (closed.by, closed.answer) == ("Zoë", answer.id)


def test_closing_a_request_removes_it_and_the_note_of_the_answer() -> None:
    closed = Closed("i/4/1", "Zoë", '"Ada"', "an-id")

    records = {record.key: record.value for record in closed.outgoing("ns.human", 0)}

    assert records[b"i/4/1/request"] is None
    assert records[b"i/4/1/decision"] is None
    assert records[b"i/4/1/closed"] is not None


@pytest.mark.parametrize("kind", ["request", "persons_answer", "closed_request"])
def test_a_stray_record_is_refused_in_each_form(kind: str) -> None:
    whole = read(kinds.KINDS[kind]())
    reader = {"request": Request, "persons_answer": PersonsAnswer, "closed_request": Closed}[kind]

    for value, headers in ((b"{}", whole.headers), (whole.value, ()), (b"\xff", whole.headers)):
        with pytest.raises(WireError):
            reader.from_record(Record("t", 0, 0, 0, b"k", value, headers))


@pytest.mark.parametrize("said", [b"", b"-1", b"1.5", b"9" * 20, b"\xb2"])
def test_a_mark_that_is_no_offset_leaves_nothing_out_of_the_search(said: bytes) -> None:
    assert asked_anew_from(((ASKED_ANEW, said),)) == 0


def test_a_question_that_is_asked_anew_says_who_has_sent_its_asker_back() -> None:
    marked = with_asked_anew(with_asked_anew((("own", b"1"),), 7, "eve"), 9, "änn")

    assert sent_back_by(marked) == "änn"
    assert not sent_back_by(with_asked_anew(marked, 9))
    assert with_asked_anew(marked, None) == (("own", b"1"),)
    assert sent_back_by(((SENT_BACK_BY, b"\xff"),)) == "\ufffd"


def test_a_question_carries_one_mark_or_none() -> None:
    marked = with_asked_anew(with_asked_anew((("own", b"1"),), 7), 9)

    assert asked_anew_from(marked) == 9
    assert with_asked_anew(marked, None) == (("own", b"1"),)
    assert asked_anew_from((("own", b"1"),)) is None
