"""The loop of turns and calls: what it decides, whatever a model does."""

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.contract.failure import Refused, State
from handrail.contract.passage import Passage
from handrail.errors import ModelDeclined
from handrail.models.loop import (
    CALLS_PER_TURN_MAX,
    CORRECTIONS_COUNT_MAX,
    ENDING_STATES,
    RESULT_CHARS_MAX,
    Answered,
    AskModel,
    CallTools,
    Conversation,
    GivenUp,
    ModelCall,
    bare_json,
    converse,
    model_call,
    parse_arguments,
    readable,
)
from handrail.models.port import (
    JsonObject,
    ModelReply,
    ModelRequest,
    ModelTurn,
    Stop,
    ToolCall,
    ToolResult,
    ToolSpec,
    ToolTurn,
)

LOOK = ToolSpec(name="look", description="Look.", arguments={"type": "object", "properties": {}})


def scripted(*replies: ModelReply) -> Callable[[ModelRequest], Awaitable[ModelReply]]:
    left = list(replies)

    async def do_turn(request: ModelRequest) -> ModelReply:
        return left.pop(0)

    return do_turn


def wish(number: int = 0, name: str = "look") -> ToolCall:
    return ToolCall(id=f"call-{number}", name=name, arguments={"n": number})


def wishes(*calls: ToolCall) -> ModelReply:
    return ModelReply(model="m", stop=Stop.TOOLS, tool_calls=calls)


def text(words: str) -> ModelReply:
    return ModelReply(model="m", text=words)


async def look(name: str, arguments: JsonObject) -> str:
    return f"{name} {arguments}"


REPLIES = st.sampled_from(
    [
        text("3"),
        text("three"),
        text(""),
        wishes(wish()),
        wishes(wish(1, "unknown"), wish(2)),
        ModelReply(model="m", stop=Stop.CUT, text="thr"),
        ModelReply(model="m", value=3),
        ModelReply(model="m", value={"no": "number"}),
    ]
)


@given(st.integers(1, 4), st.lists(REPLIES, min_size=8, max_size=8))
def test_every_conversation_ends_within_its_bounds(
    turns_max: int, replies: list[ModelReply]
) -> None:
    conversation = Conversation(
        ModelCall(prompt="?", returns=int, tools=(LOOK,), turns_max=turns_max)
    )
    asked = 0

    while not isinstance(conversation.next, Answered | GivenUp):
        match conversation.next:
            case AskModel(request):
                assert len(request.turns) <= 2 * asked
                conversation.replied(replies[asked])
                asked += 1
            case CallTools(calls):
                results = [ToolResult(call_id=call.id, text="seen") for call in calls]
                conversation.answered(results)

    assert asked <= turns_max + CORRECTIONS_COUNT_MAX
    assert conversation.next == Answered(3) or isinstance(conversation.next, GivenUp)


async def test_a_conversation_played_back_from_its_records_asks_the_same() -> None:
    call = ModelCall(prompt="?", returns=int, tools=(LOOK,))
    replies = [wishes(wish(1), wish(2)), text("three"), text("3")]
    seen: list[str] = []

    async def recording(request: ModelRequest) -> ModelReply:
        seen.append(request.model_dump_json())
        return replies[(len(seen) - 1) % len(replies)]

    first = await converse(call, recording, look)
    recorded = [ModelReply.model_validate_json(reply.model_dump_json()) for reply in replies]
    assert recorded == replies
    again = await converse(call, recording, look)

    assert first == again == 3
    assert seen[:3] == seen[3:]
    assert ModelRequest.model_validate_json(seen[2]).model_dump_json() == seen[2]


async def test_calls_run_one_after_the_other_in_the_order_of_the_model() -> None:
    order: list[int] = []
    running = 0

    async def do_tool(name: str, arguments: JsonObject) -> str:
        nonlocal running
        running += 1
        assert running == 1
        order.append(int(str(arguments["n"])))
        running -= 1
        return "seen"

    call = ModelCall(prompt="?", returns=str, tools=(LOOK,))
    await converse(call, scripted(wishes(wish(3), wish(1), wish(2)), text("done")), do_tool)

    assert order == [3, 1, 2]


async def test_more_calls_than_one_turn_may_have_are_refused_in_words() -> None:
    told: list[ToolResult] = []

    async def do_turn(request: ModelRequest) -> ModelReply:
        if request.turns and isinstance(request.turns[-1], ToolTurn):
            told.extend(request.turns[-1].results)
            return text("done")
        return wishes(*(wish(number) for number in range(CALLS_PER_TURN_MAX + 1)))

    await converse(ModelCall(prompt="?", returns=str, tools=(LOOK,)), do_turn, look)

    assert [result.failed for result in told] == [False] * CALLS_PER_TURN_MAX + [True]


@pytest.mark.parametrize("state", list(State))
async def test_a_refusal_of_a_tool_is_told_to_the_model_unless_it_ends_the_call(
    state: State,
) -> None:
    async def do_tool(name: str, arguments: JsonObject) -> str:
        raise Refused(state, "the detail", remedy="the remedy")

    told: list[str] = []

    async def do_turn(request: ModelRequest) -> ModelReply:
        if not request.turns:
            return wishes(wish())
        assert isinstance(request.turns[-1], ToolTurn)
        told.append(request.turns[-1].results[0].text)
        return text("done")

    call = ModelCall(prompt="?", returns=str, tools=(LOOK,))
    if state in ENDING_STATES:
        with pytest.raises(Refused) as refused:
            await converse(call, do_turn, do_tool)
        assert refused.value.state is state
    else:
        assert await converse(call, do_turn, do_tool) == "done"
        assert told == [f"{Refused(state).title}\nthe detail\nthe remedy"]


async def test_an_error_of_a_tool_that_is_no_refusal_ends_the_call() -> None:
    async def do_tool(name: str, arguments: JsonObject) -> str:
        message = "a defect"
        raise KeyError(message)

    with pytest.raises(KeyError, match="a defect"):
        await converse(
            ModelCall(prompt="?", returns=str, tools=(LOOK,)), scripted(wishes(wish())), do_tool
        )


async def test_a_model_that_never_stops_calling_is_given_up() -> None:
    async def do_turn(request: ModelRequest) -> ModelReply:
        return wishes(wish(len(request.turns)))

    with pytest.raises(Refused, match="in turn 3, the last one") as refused:
        await converse(
            ModelCall(prompt="?", returns=str, tools=(LOOK,), turns_max=3), do_turn, look
        )

    assert refused.value.state is State.OUTPUT_INVALID


async def test_a_model_that_declines_ends_the_call() -> None:
    declined = ModelReply(model="m", stop=Stop.DECLINED, text="no")

    with pytest.raises(ModelDeclined):
        await converse(ModelCall(prompt="?", returns=str), scripted(declined), look)


async def test_an_answer_may_be_any_type_that_has_a_schema() -> None:
    numbers = await converse(
        model_call("?", returns=list[int]), scripted(text("```json\n[1, 2]\n```")), look
    )

    assert numbers == [1, 2]


async def test_what_was_said_before_is_part_of_every_later_request() -> None:
    requests: list[ModelRequest] = []
    replies = [wishes(wish()), text("")]

    async def do_turn(request: ModelRequest) -> ModelReply:
        requests.append(request)
        return replies[len(requests) - 1] if len(requests) <= len(replies) else text("done")

    await converse(ModelCall(prompt="?", returns=str, tools=(LOOK,)), do_turn, look)

    kinds = [[turn.kind for turn in request.turns] for request in requests]
    assert kinds == [[], ["model", "tools"], ["model", "tools", "model", "correction"]]
    assert requests[1].turns[0] == ModelTurn(reply=replies[0])


def test_a_long_result_is_cut_and_says_so() -> None:
    shown = readable(b"x" * (RESULT_CHARS_MAX + 5))

    assert shown.endswith("x\n[cut: 5 more characters]")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("```json\n{}\n```", "{}"),
        ("```\n[1]\n```\n", "[1]"),
        (' {"a": "```"} ', '{"a": "```"}'),
        ("``````", "``````"),
    ],
)
def test_a_fence_around_json_is_taken_off(written: str, read: str) -> None:
    assert bare_json(written) == read


@pytest.mark.parametrize(
    "fields",
    [
        {"turns_max": 0},
        {"sources": [Passage(id="a", text="x"), Passage(id="a", text="y")]},
    ],
)
def test_a_call_that_could_not_be_carried_out_is_refused_at_once(
    fields: dict[str, object],
) -> None:
    with pytest.raises(ValueError, match=r"turns_max|same name"):
        model_call("?", returns=str, **fields)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    "written",
    [
        '{"amount": NaN}',
        '{"amount": -Infinity}',
        '{"amount": 1e999}',
        '{"name": "\\ud800"}',
        '{"\\udfff": 1}',
        '{"deep": ' + "[" * 100 + "]" * 100 + "}",
        '{"deep": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "[1]",
        '{"open": 1',
    ],
)
def test_arguments_that_no_record_holds_as_they_are_are_none(written: str) -> None:
    assert parse_arguments(written) is None


def test_arguments_are_read_as_they_are_written_to_the_last_digit() -> None:
    found = parse_arguments(
        '{"a": 123456789012345678901234567890, "b": "\\ud83d\\ude00", "c": 0.1}'
    )

    assert found == {"a": 123456789012345678901234567890, "b": "\U0001f600", "c": 0.1}
    assert parse_arguments("") == {}
