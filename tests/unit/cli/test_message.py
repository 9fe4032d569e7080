"""Turning what was typed into a message of a topic."""

import io
import json
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from handrail import Effect, Topic, agent, results, tool
from handrail.cli.message import given_text, given_value, intake_of, message_of
from handrail.contract.team import TeamDescription
from handrail.errors import IntakeUnclear, MessageMisfit, NothingGiven, TooDeep, TooLarge
from handrail.runtime.undo import undoers
from handrail.wire.limits import BODY_BYTES_MAX


class Ask(BaseModel):
    text: str
    collection: str = "library"


class Refund(BaseModel):
    order: str
    amount: int


names = Topic("names", carries=str)
asks = Topic("asks", carries=Ask)
refunds = Topic("refunds", carries=Refund)
either = Topic("either", carries=(Ask, Refund))


class Note(BaseModel):
    text: str


notes = Topic("notes", carries=Note)
numbers = Topic("numbers", carries=int)
prices = Topic("prices", carries=str, replies=Ask)


def test_a_text_is_a_message_where_a_text_is_enough() -> None:
    assert message_of(names, "Ada") == "Ada"
    assert message_of(names, '{"a": 1}') == '{"a": 1}'
    assert message_of(asks, "Who wrote it?") == Ask(text="Who wrote it?")
    assert message_of(asks, "42") == Ask(text="42")
    assert message_of(either, "Who?") == Ask(text="Who?")
    assert message_of(numbers, "42") == 42


def test_json_is_read_as_json_where_the_topic_wants_an_object() -> None:
    assert message_of(asks, '{"text": "x", "collection": "mine"}') == Ask(
        text="x", collection="mine"
    )
    assert message_of(refunds, '{"order": "7", "amount": 3}') == Refund(order="7", amount=3)
    assert message_of(either, '{"order": "7", "amount": 3}') == Refund(order="7", amount=3)


@pytest.mark.parametrize("mistyped", ['{"text": 5}', '{"a": 1}', '["Who?"]', "{}", "[]"])
def test_a_json_object_or_array_that_is_no_message_is_not_taken_for_a_question(
    mistyped: str,
) -> None:
    with pytest.raises(MessageMisfit) as failure:
        message_of(asks, mistyped)

    assert failure.value.exit_code == 2
    assert failure.value.facts["reason"]


@pytest.mark.parametrize("text", ['{"text": 5', "{Who?}", "[1] says so", '"Who?"', "null", "4e3"])
def test_what_only_resembles_json_is_still_a_text(text: str) -> None:
    assert message_of(asks, text) == Ask(text=text)


def test_further_fields_are_set_beside_the_text() -> None:
    assert message_of(asks, "x", {"collection": "mine"}) == Ask(text="x", collection="mine")
    assert message_of(asks, '{"text": "x"}', {"collection": "mine"}).collection == "mine"


@pytest.mark.parametrize(
    ("text", "extra"), [("a text", {}), ('{"order": "7"}', {}), ("[1]", {}), ("", {})]
)
def test_what_does_not_fit_is_refused_before_anything_is_sent(
    text: str, extra: dict[str, str]
) -> None:
    with pytest.raises(MessageMisfit) as failure:
        message_of(refunds, text, extra)

    assert failure.value.topic == "refunds"
    assert failure.value.exit_code == 2


def test_what_begins_like_json_and_is_none_is_told_so() -> None:
    with pytest.raises(MessageMisfit) as failure:
        message_of(refunds, '{"order": "7", "amount"')

    assert failure.value.why == "it begins like JSON and is none, and refund.v1 is written as JSON."


@pytest.mark.parametrize("topic", [names, notes])
def test_a_collection_for_a_topic_that_knows_none_is_refused_and_not_passed_over(
    topic: Topic,
) -> None:
    with pytest.raises(MessageMisfit) as failure:
        message_of(topic, "x", {"collection": "mine"})

    assert "have no field `collection`" in failure.value.why


def test_a_message_that_is_too_large_is_refused_with_its_size_and_not_for_its_fields() -> None:
    with pytest.raises(TooLarge) as failure:
        message_of(refunds, json.dumps({"order": "x" * BODY_BYTES_MAX, "amount": 3}))

    assert f"the limit is {BODY_BYTES_MAX} bytes" in failure.value.what
    assert failure.value.exit_code == 2


@pytest.mark.parametrize("depth", [70, 200, 400])
def test_a_text_is_taken_as_it_is_however_deep_the_json_goes_that_it_also_is(depth: int) -> None:
    text = '{"a":' * depth + "1" + "}" * depth

    assert message_of(names, text) == text


def test_json_that_is_too_deep_for_its_topic_is_refused_as_that() -> None:
    for depth in (70, 400):
        with pytest.raises(TooDeep):
            message_of(refunds, '{"a":' * depth + "1" + "}" * depth)


def test_text_comes_from_the_command_line_a_file_or_standard_input(tmp_path: Path) -> None:
    file = tmp_path / "task.txt"
    file.write_bytes(b"\xef\xbb\xbfWho?")
    incoming = io.TextIOWrapper(io.BytesIO("Grüße".encode()))

    assert given_text("typed", None, "submit") == "typed"
    assert given_text(None, str(file), "submit") == "Who?"
    assert given_text("-", None, "submit", incoming) == "Grüße"
    with pytest.raises(click.UsageError):
        given_text("typed", str(file), "submit")
    with pytest.raises(click.UsageError):
        given_text(None, str(tmp_path / "absent"), "submit")


def test_a_pipe_that_is_no_utf_8_is_refused_as_a_file_is_and_no_letter_of_it_replaced() -> None:
    incoming = io.TextIOWrapper(io.BytesIO("Grüße".encode("latin-1")))

    with pytest.raises(click.UsageError, match="standard input cannot be read as text"):
        given_text(None, None, "submit", incoming)


def test_a_value_is_read_from_a_pipe_by_a_dash_and_refused_where_it_is_no_utf_8() -> None:
    assert given_value("yes") == "yes"
    assert given_value("-", io.TextIOWrapper(io.BytesIO("Grüße".encode()))) == "Grüße"
    with pytest.raises(click.UsageError, match="standard input cannot be read as text"):
        given_value("-", io.TextIOWrapper(io.BytesIO("Grüße".encode("latin-1"))))


def test_nothing_at_all_is_named_instead_of_waiting_for_a_person() -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    with pytest.raises(NothingGiven):
        given_text(None, None, "submit", Terminal(io.BytesIO()))


@pytest.mark.parametrize("content", [b"", b" \n", b"\xef\xbb\xbf"])
def test_an_empty_pipe_or_file_is_named_and_begins_no_task(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "task.txt"
    file.write_bytes(content)

    with pytest.raises(NothingGiven) as piped:
        given_text(None, None, "send names", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(NothingGiven) as read:
        given_text(None, str(file), "submit")

    assert piped.value.why == "standard input is empty."
    assert read.value.why == f"{file} is empty."
    assert piped.value.what == "There is nothing to send."
    assert piped.value.do[0].startswith('handrail send names "TEXT"  ')


def test_an_empty_message_in_the_place_of_a_dead_one_is_told_with_a_command_that_there_is(
    tmp_path: Path,
) -> None:
    file = tmp_path / "message.json"
    file.touch()

    with pytest.raises(NothingGiven) as read:
        given_text(None, str(file), "edit", cure="handrail dead show ID > message.json")

    assert read.value.do == ("handrail dead show ID > message.json",)


@agent(reads=names, writes=asks)
async def asker(name: str) -> Ask:
    return Ask(text=name)


@agent(reads=asks, writes=results)
async def answerer(ask: Ask) -> str:
    return ask.text


@agent(reads=refunds, writes=results)
async def clerk(refund: Refund) -> str:
    return refund.order


def test_the_intake_is_the_one_that_is_set_else_the_one_that_nobody_writes_to() -> None:
    assert intake_of(TeamDescription([asker, answerer])) is names
    assert intake_of(TeamDescription([asker, answerer], intake="asks")) is asks
    with pytest.raises(IntakeUnclear, match="names, refunds could be meant") as unclear:
        intake_of(TeamDescription([asker, answerer, clerk]))
    assert 'intake = "names"' in unclear.value.do[0]


@agent(reads=prices)
async def pricer(name: str) -> Ask:
    return Ask(text=name)


def test_a_topic_that_is_asked_on_is_no_second_intake_and_is_one_where_there_is_no_other() -> None:
    assert intake_of(TeamDescription([asker, answerer, pricer])) is names
    assert intake_of(TeamDescription([pricer])) is prices


def test_the_topic_for_undoing_is_no_second_intake() -> None:
    @tool(effect=Effect.UNSAFE, undo="take_back")
    async def give(text: str) -> str:
        """Give."""
        return text

    @tool(effect=Effect.UNSAFE)
    async def take_back(text: str) -> str:
        """Take back."""
        return text

    team = TeamDescription([asker, answerer, *undoers([give, take_back])], tools=[give, take_back])

    assert [one.name for one in team.agents][-1] == "undoer"
    assert intake_of(team) is names
