"""Which dead letters a command is about, and what it says became of them."""

import dataclasses

import click
import pytest

from handrail import Topic
from handrail.cli.dead import carried, groups_of
from handrail.cli.dead_choosing import Choice, edited_message
from handrail.cli.dead_settling import _exit_code, _row, summary
from handrail.errors import DeadLetterUnknown
from handrail.lane.wave import Halted
from handrail.ledger.event import RequestKind
from handrail.runtime.dead_letters import DeadId, Fate, FoundLetter
from handrail.runtime.dead_wave import Sent
from handrail.wire.dead_letter import DeadLetter, Failure, Reason
from handrail.wire.record import Record


def letter(offset: int, step: str = "2 book", at_ms: int = 1_000) -> FoundLetter:
    failure = Failure(
        reason=Reason.ATTEMPTS,
        agent="clerk",
        agent_version="1",
        failed_ms=at_ms,
        exception_type="Refused",
        exception_message=f"no {offset}",
        step=step,
    )
    record = Record("ns.jobs", 0, offset, at_ms, b"k", b'"x"', (("ce_taskid", b"t1"),))
    return FoundLetter(DeadId("clerk", 0, offset), DeadLetter.of(record, failure))


def test_those_that_died_alike_are_one_group_and_the_largest_stands_first() -> None:
    letters = [letter(0, "1 look"), letter(1), letter(2, at_ms=2_000)]
    first, second = groups_of(letters)

    assert (first.count, first.step, first.example) == (2, "2 book", "clerk/0/2")
    assert (first.error, first.first < first.last) == ("no 2", True)
    assert (second.count, second.step) == (1, "1 look")
    assert first.group == letters[1].group != second.group


def test_a_group_does_not_hang_on_the_bytes_or_the_words_of_a_letter() -> None:
    assert letter(1).without_body().group == letter(2).group


@pytest.mark.parametrize(
    "choice",
    [
        Choice(),
        Choice(ids=("clerk/0/1",), group="b449e344"),
        Choice(everything=True, agent="clerk"),
        Choice(reason="bad luck"),
    ],
)
def test_a_choice_that_says_nothing_or_two_things_is_refused(choice: Choice) -> None:
    with pytest.raises(click.UsageError):
        choice.check()


@pytest.mark.parametrize("text", ["clerk", "clerk/0", "clerk/x/1", "/0/1", "clerk/0/-1"])
def test_what_is_no_id_is_told_how_one_is_written(text: str) -> None:
    with pytest.raises(DeadLetterUnknown, match="AGENT/PARTITION/OFFSET"):
        DeadId.read(text)


@pytest.mark.parametrize("halted", [*Halted])
def test_a_wave_that_stopped_says_why_and_that_the_others_stay(halted: Halted) -> None:
    sent = [Sent(letter(1), Fate.ENDED), Sent(letter(2), Fate.DIED), Sent(letter(3), Fate.ENDED)]
    words = summary(sent, 4, halted)

    assert words.startswith("Of 3 asked for: 2 ended well, 1 died again.")
    assert ("The other 4 stay as they are" in words) is (halted is not Halted.DONE)


def test_every_fate_has_its_word() -> None:
    for fate in Fate:
        sent = dataclasses.replace(Sent(letter(1), words="question"), fate=fate)
        assert summary([sent], 0, Halted.DONE)


@pytest.mark.parametrize("kind", [*RequestKind])
def test_what_waits_for_a_person_is_said_with_the_command_that_shows_it(kind: RequestKind) -> None:
    row = _row(Sent(letter(1), Fate.WAITING, str(kind)))

    assert row.outcome == "waits for a person"
    assert row.sentence.startswith("waits for ")
    assert "handrail people" in row.sentence
    assert _exit_code([Sent(letter(1), Fate.WAITING, str(kind))], Halted.DONE, unsent=0) == 6


def test_where_none_is_open_what_was_looked_for_is_said() -> None:
    chosen = Choice(agent="clark", reason="attempts")

    assert Choice(everything=True).none_in_words == "No dead letter is open."
    assert chosen.none_in_words == "No dead letter of agent clark with reason attempts is open."


TEXTS = Topic("texts", carries=str)
PARAGRAPHS = "first\tline\nsecond line\x1b[1m\n"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_line_break_at_the_end_of_an_edited_file_is_no_part_of_a_text(end: str) -> None:
    assert edited_message(TEXTS, TEXTS.type_of(""), f"good words{end}") == "good words"
    assert edited_message(TEXTS, TEXTS.type_of(""), f'"good words\\n"{end}') == "good words\n"


def test_a_text_that_is_kept_in_a_file_and_sent_back_is_the_text_that_it_was() -> None:
    kept = carried(PARAGRAPHS, to_file=True) + "\n"

    assert edited_message(TEXTS, TEXTS.type_of(""), kept) == PARAGRAPHS
    assert carried(PARAGRAPHS, to_file=False).isprintable()
