"""The closed tables of how a call to a remote tool ends: every row of each."""

import pytest

from handrail.contract.effect import Effect
from handrail.contract.failure import State
from handrail.rails.mcp.answer import FIND_OUT, told
from handrail.rails.mcp.ending import Body, Ending, HttpAnswer, ending_of, state_of

INVALID, UNFIT = State.INVALID_INPUT, State.PRECONDITION_FAILED
AWAY, UNKNOWN = State.DEPENDENCY_UNAVAILABLE, State.OUTCOME_UNKNOWN
LOCKED, OUTPUT = State.UNAUTHENTICATED, State.OUTPUT_INVALID

#: What only looks, what only costs, what acts.
STATES = {
    Ending.ARGUMENTS_UNFIT: (INVALID, INVALID, INVALID),
    Ending.QUARANTINED: (State.DENIED_BY_POLICY,) * 3,
    Ending.AWAY: (AWAY, AWAY, AWAY),
    Ending.SESSION_GONE: (AWAY, AWAY, AWAY),
    Ending.LOCKED_OUT: (LOCKED, LOCKED, LOCKED),
    Ending.FORBIDDEN: (LOCKED, LOCKED, UNKNOWN),
    Ending.THROTTLED: (State.RATE_LIMITED, State.RATE_LIMITED, UNKNOWN),
    Ending.STATUS_REFUSED: (INVALID, UNFIT, UNKNOWN),
    Ending.STATUS_FAILED: (AWAY, UNKNOWN, UNKNOWN),
    Ending.SERVER_REFUSED: (INVALID, UNFIT, UNKNOWN),
    Ending.SERVER_FAILED: (AWAY, UNKNOWN, UNKNOWN),
    Ending.TOOL_FAILED: (UNFIT, UNFIT, UNKNOWN),
    Ending.HUNG: (State.TIMEOUT_NO_EFFECT, UNKNOWN, UNKNOWN),
    Ending.DIED: (AWAY, UNKNOWN, UNKNOWN),
    Ending.NO_ANSWER: (OUTPUT, OUTPUT, UNKNOWN),
    Ending.MALFORMED: (OUTPUT, OUTPUT, OUTPUT),
    Ending.TOO_LARGE: (OUTPUT, OUTPUT, OUTPUT),
}
COLUMN = {Effect.PURE: 0, Effect.READ: 0, Effect.PAID: 1}


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("ending", [one for one in Ending if one is not Ending.DONE])
def test_an_ending_is_told_by_what_its_tool_leaves_behind(ending: Ending, effect: Effect) -> None:
    assert state_of(ending, effect) is STATES[ending][COLUMN.get(effect, 2)]


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("ending", [one for one in Ending if one is not Ending.DONE])
def test_an_ending_of_any_tool_has_words_and_a_cure(ending: Ending, effect: Effect) -> None:
    answer = told(ending, "sky_look", "so it is", effect)

    assert "sky_look" in answer.detail
    assert "so it is" in answer.detail
    assert answer.remedy
    assert (answer.remedy == FIND_OUT) == (answer.state is UNKNOWN)


def web(status: int, body: Body = Body.OTHER, *, in_session: bool = False) -> HttpAnswer:
    return HttpAnswer(status, body, in_session=in_session)


@pytest.mark.parametrize(
    ("code", "said", "ending"),
    [
        (-32700, "what?", Ending.NO_ANSWER),
        (-32600, "no request", Ending.SERVER_REFUSED),
        (-32601, "no such method", Ending.SERVER_REFUSED),
        (-32602, "no such tool", Ending.SERVER_REFUSED),
        (-32603, "a defect", Ending.SERVER_FAILED),
        (-32000, "Connection closed", Ending.DIED),
        (-32000, "SSE stream ended without a response", Ending.DIED),
        (-32000, "the database is away", Ending.SERVER_FAILED),
        (-32001, "Request timed out", Ending.SERVER_FAILED),
        (-32020, "the headers are others", Ending.SERVER_FAILED),
        (-32042, "ask somebody", Ending.SERVER_FAILED),
        (0, "a defect", Ending.SERVER_FAILED),
        (4711, "", Ending.SERVER_FAILED),
    ],
)
@pytest.mark.parametrize("http", [None, web(200, Body.JSON), web(200, Body.EVENTS)])
def test_an_error_of_the_protocol_is_an_ending_by_its_code(
    code: int, said: str, ending: Ending, http: HttpAnswer | None
) -> None:
    assert ending_of(code, said, http) is ending


@pytest.mark.parametrize("code", [-32603, -32601, -32600, -32700])
@pytest.mark.parametrize(
    ("http", "ending"),
    [
        (web(200), Ending.NO_ANSWER),
        (web(204), Ending.NO_ANSWER),
        (web(202, Body.JSON), Ending.NO_ANSWER),
        (web(302), Ending.STATUS_FAILED),
        (web(307, Body.JSON), Ending.STATUS_FAILED),
        (web(400), Ending.STATUS_REFUSED),
        (web(401), Ending.LOCKED_OUT),
        (web(401, Body.JSON, in_session=True), Ending.LOCKED_OUT),
        (web(403), Ending.FORBIDDEN),
        (web(403, Body.JSON), Ending.FORBIDDEN),
        (web(404), Ending.STATUS_FAILED),
        (web(404, in_session=True), Ending.SESSION_GONE),
        (web(404, Body.JSON, in_session=True), Ending.SESSION_GONE),
        (web(405), Ending.STATUS_FAILED),
        (web(408), Ending.STATUS_FAILED),
        (web(413), Ending.STATUS_REFUSED),
        (web(422), Ending.STATUS_REFUSED),
        (web(425), Ending.STATUS_FAILED),
        (web(429), Ending.THROTTLED),
        (web(429, Body.JSON, in_session=True), Ending.THROTTLED),
        (web(500), Ending.STATUS_FAILED),
        (web(502), Ending.STATUS_FAILED),
        (web(503, in_session=True), Ending.STATUS_FAILED),
        (web(504, Body.EVENTS), Ending.STATUS_FAILED),
    ],
)
def test_a_status_without_a_message_is_an_ending_whatever_code_the_sdk_puts_in_its_place(
    code: int, http: HttpAnswer, ending: Ending
) -> None:
    assert ending_of(code, "words of the SDK", http) is ending


@pytest.mark.parametrize(
    ("code", "status", "ending"),
    [
        (-32602, 400, Ending.SERVER_REFUSED),
        (-32600, 400, Ending.SERVER_REFUSED),
        (-32700, 400, Ending.NO_ANSWER),
        (-32000, 400, Ending.SERVER_FAILED),
        (-32000, 503, Ending.SERVER_FAILED),
        # These two codes the SDK also puts in place of a body that is no message.
        (-32601, 404, Ending.STATUS_FAILED),
        (-32603, 400, Ending.STATUS_REFUSED),
        (-32603, 500, Ending.STATUS_FAILED),
    ],
)
def test_a_message_in_the_body_of_a_status_is_an_ending_by_its_code(
    code: int, status: int, ending: Ending
) -> None:
    assert ending_of(code, "no", web(status, Body.JSON)) is ending
