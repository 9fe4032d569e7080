"""From what a handler returned to the messages that leave."""

import pytest
from pydantic import BaseModel

from handrail import Handoff, Parts, Topic, agent, results
from handrail.contract.team import TeamDescription
from handrail.errors.contract import NotSendable
from handrail.errors.lane import FanOutRefused
from handrail.ledger.event import WroteKind
from handrail.runtime.worker.outputs import Origin, Outputs, outputs_of
from handrail.runtime.worker.process import team_place
from handrail.wire.envelope import Envelope, FanOutHeader
from handrail.wire.ids import fan_out_id, handoff_id
from handrail.wire.marker import MARKER_TYPE


class Ask(BaseModel):
    text: str


class Found(BaseModel):
    text: str


asks, questions = Topic("asks", carries=Ask), Topic("questions", carries=Ask)
findings, notes = Topic("findings", carries=Found), Topic("notes", carries=str)


@agent(reads=asks, writes=questions)
async def planner(ask: Ask) -> list[Ask]:
    return [ask]


@agent(reads=questions, writes=(findings, notes, results))
async def finder(ask: Ask) -> Found | str | None:
    return Found(text=ask.text)


@agent(reads=findings, writes=results)
async def writer(parts: Parts[Found]) -> str:
    return str(len(parts))


TEAM = TeamDescription([planner, finder, writer])
PLAIN = Envelope("i", "ask.v1", "s", 0, "task", "default", reference="ref", hop=2)
IN_PART = PLAIN.but(fan_outs=(FanOutHeader("findings", "f", 1, 3),))


def leaving(who: object, returned: object, envelope: Envelope = PLAIN) -> Outputs:
    place = team_place("ns", TEAM, who)  # type: ignore[arg-type]
    return outputs_of(who, place, Origin("inv", envelope, 7), returned, 4)  # type: ignore[arg-type]


def test_a_returned_list_opens_a_fan_out_whose_parts_have_their_own_keys() -> None:
    outputs = leaving(planner, [Ask(text="a"), Ask(text="b")])

    fan_out = fan_out_id("inv", 0)
    assert outputs.fan_out == fan_out
    assert [m.key for m in outputs.messages] == [f"{fan_out}/{n}".encode() for n in (0, 1)]
    assert [m.envelope.fan_outs for m in outputs.messages] == [
        (FanOutHeader("findings", fan_out, n, 2),) for n in (0, 1)
    ]
    assert [m.envelope.id for m in outputs.messages] == [
        handoff_id("inv", 0, "return", n) for n in (0, 1)
    ]


def test_the_same_return_value_gives_the_same_messages() -> None:
    assert leaving(planner, [Ask(text="a")]) == leaving(planner, [Ask(text="a")])


def test_an_empty_list_says_to_the_gather_that_there_are_no_parts() -> None:
    (message,) = leaving(planner, []).messages

    assert (message.topic, message.kind) == ("findings", WroteKind.MARKER)
    assert message.envelope.type == MARKER_TYPE
    assert message.envelope.fan_outs[-1].parts == 0
    assert message.key == fan_out_id("inv", 0).encode()


def test_a_message_to_the_gather_carries_its_part_under_the_fan_out_s_key() -> None:
    (message,) = leaving(finder, Found(text="x"), IN_PART).messages

    assert message.key == b"f"
    assert message.envelope.fan_outs == IN_PART.fan_outs
    assert message.envelope.hop == 3
    assert message.envelope.causation_id == "inv"


def test_a_part_that_returns_nothing_tells_its_gather_so() -> None:
    (message,) = leaving(finder, None, IN_PART).messages

    assert (message.topic, message.kind) == ("findings", WroteKind.MARKER)


def test_a_part_whose_message_goes_elsewhere_is_empty_for_its_gather() -> None:
    messages = leaving(finder, "a note", IN_PART).messages

    assert [m.topic for m in messages] == ["notes", "findings"]
    assert messages[0].envelope.fan_outs == ()
    assert messages[0].kind is WroteKind.OUTPUT
    assert messages[1].kind is WroteKind.MARKER


def test_a_result_stands_under_the_reference_of_the_task() -> None:
    (message,) = leaving(finder, Handoff(results, Found(text="x"))).messages

    assert (message.topic, message.key, message.kind) == ("results", b"ref", WroteKind.RESULT)


def test_a_message_of_no_declared_type_is_refused() -> None:
    with pytest.raises(NotSendable):
        leaving(planner, 7)


def test_a_list_wider_than_the_limit_is_refused() -> None:
    with pytest.raises(FanOutRefused, match="at most 4"):
        leaving(planner, [Ask(text="a")] * 5)


def test_a_part_that_would_end_more_than_once_is_refused() -> None:
    with pytest.raises(FanOutRefused, match="itself a part"):
        leaving(finder, [Found(text="a"), Found(text="b")], IN_PART)


splits = Topic("splits", carries=Ask)


@agent(reads=splits, writes=(questions, notes))
async def mixed(ask: Ask) -> list[Ask | str]:
    return [ask, ask.text]


def test_only_messages_that_can_reach_the_gather_are_its_parts() -> None:
    team = TeamDescription([mixed, finder, writer])
    place = team_place("ns", team, mixed)

    outputs = outputs_of(mixed, place, Origin("inv", PLAIN, 0), ["a note", Ask(text="a")], 4)

    note, question = outputs.messages
    assert note.envelope.fan_outs == ()
    assert [(h.part, h.parts) for h in question.envelope.fan_outs] == [(0, 1)]


def test_a_list_of_which_nothing_reaches_the_gather_has_no_parts() -> None:
    team = TeamDescription([mixed, finder, writer])
    place = team_place("ns", team, mixed)

    outputs = outputs_of(mixed, place, Origin("inv", PLAIN, 0), ["a note"], 4)

    assert [m.topic for m in outputs.messages] == ["notes", "findings"]
    assert outputs.messages[1].envelope.fan_outs[-1].parts == 0


def test_a_budget_is_split_among_those_who_get_something_to_do_and_results_get_none_of_it() -> None:
    parts = leaving(planner, [Ask(text="a"), Ask(text="b")], PLAIN.but(budget="1")).messages
    end = leaving(finder, [Handoff(results, "x"), Found(text="x")], PLAIN.but(budget="1")).messages

    assert [(m.kind, m.envelope.budget) for m in parts] == [(WroteKind.HANDOFF, "0.5")] * 2
    assert [(m.kind, m.envelope.budget) for m in end] == [
        (WroteKind.RESULT, "0"),
        (WroteKind.HANDOFF, "1"),
    ]
