"""How a call to a tool of an MCP server can end, and what that says of the act. Pure.

Two closed tables: from what came back to an ending, and from an ending and the declared effect to a
state. Guarantee: of a tool that leaves something behind, a call that was sent and did not give a
result is never told as one that did not act, unless a protocol promises exactly that: HTTP with
status 401 (RFC 9110: it "has not been applied"), MCP with status 404 within a session.

No other word of a server is proof. Servers of the official SDKs answer with an error of the
protocol after the body of a tool has run: mcp 2.3 hands on every MCPError that it raises, whatever
its code, and makes -32602 of a pydantic ValidationError; the SDK for TypeScript says -32602 of a
result that is not what the tool promises. A proxy gives 403, 429 and 5xx before and after.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from handrail.contract.acted import LEAVES_NO_TRACE
from handrail.contract.effect import Effect
from handrail.contract.failure import State

PARSE_ERROR: Final = -32700
INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32600, -32601, -32602
INTERNAL_ERROR: Final = -32603
CONNECTION_CLOSED: Final = -32000  #: of the SDK; servers use it for whatever they like
#: How the SDK's own words begin that have this code. Checked against mcp 2.3.
_CLOSED_WORDS: Final = ("Connection closed", "SSE stream ")

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_MANY, UNAVAILABLE = 401, 403, 404, 429, 503
REDIRECT_MIN, CLIENT_ERROR_MIN, SERVER_ERROR_MIN = 300, 400, 500
ACCEPTED: Final = 202
#: The server is not where it should be, or not ready: another time may help as it is.
_PASSING: Final = frozenset({404, 405, 408, 410, 421, 425})


class Ending(StrEnum):
    """How it ended."""

    DONE = "done"
    ARGUMENTS_UNFIT = "arguments_unfit"  #: not sent: they are not what was approved
    QUARANTINED = "quarantined"  #: not sent: the tool is not what was approved
    AWAY = "away"  #: not sent: the server cannot be reached
    SESSION_GONE = "session_gone"  #: not carried out: the server no longer knows the session
    LOCKED_OUT = "locked_out"  #: not carried out: our credentials are not accepted
    FORBIDDEN = "forbidden"  #: HTTP: somebody on the way refused it
    THROTTLED = "throttled"  #: HTTP: too many requests
    STATUS_REFUSED = "status_refused"  #: HTTP: another status that blames the request
    STATUS_FAILED = "status_failed"  #: HTTP: a status that blames the server or the way to it
    SERVER_REFUSED = "server_refused"  #: an error of the protocol that blames the request
    SERVER_FAILED = "server_failed"  #: any other error of the protocol
    TOOL_FAILED = "tool_failed"  #: a result that says that the tool has failed
    HUNG = "hung"  #: sent, and no answer in time
    DIED = "died"  #: sent, and the server or the connection went away before it answered
    NO_ANSWER = "no_answer"  #: what came is no message of the protocol
    MALFORMED = "malformed"  #: a result that is none, or not the promised one
    TOO_LARGE = "too_large"  #: a result that is longer than it may be

    @property
    def not_carried_out(self) -> bool:
        """Whether it is certain that the request did nothing, and another connection may help."""
        return self in {Ending.AWAY, Ending.SESSION_GONE}


class Body(StrEnum):
    """What the answer to an HTTP request says it holds."""

    JSON = "json"
    EVENTS = "events"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """How an HTTP request was answered."""

    status: int
    body: Body = Body.JSON
    in_session: bool = False  #: the request named a session
    retry_after_s: float | None = None  #: seconds for which it asks to be left alone


def ending_of(code: int, said: str, http: HttpAnswer | None = None) -> Ending:
    """Say how a call ended that the SDK ends with an error: its code and words.

    `http` is the answer to its request, where it was one request over HTTP: the SDK puts codes and
    words of its own in place of statuses and of bodies that it cannot read.
    """
    by_status = None if http is None else _of_status(http, code)
    if by_status is not None:
        return by_status
    match code:
        case _ if code == CONNECTION_CLOSED and said.startswith(_CLOSED_WORDS):
            return Ending.DIED
        case _ if code == PARSE_ERROR:
            return Ending.NO_ANSWER
        case _ if code in {INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS}:
            return Ending.SERVER_REFUSED
        case _:
            return Ending.SERVER_FAILED


def _of_status(http: HttpAnswer, code: int) -> Ending | None:
    """Give what a status says; None where the message in the body says more."""
    status = http.status
    match status:
        case _ if status == NOT_FOUND and http.in_session:
            return Ending.SESSION_GONE
        case _ if status == UNAUTHORIZED:
            return Ending.LOCKED_OUT
        case _ if status == FORBIDDEN:
            return Ending.FORBIDDEN
        case _ if status == TOO_MANY:
            return Ending.THROTTLED
        case _ if status < REDIRECT_MIN:
            read = http.body is not Body.OTHER and status != ACCEPTED
            return None if read else Ending.NO_ANSWER
        # A body that the SDK has read as a message has a code of its own; these two it also makes.
        case _ if http.body is Body.JSON and code not in {INTERNAL_ERROR, METHOD_NOT_FOUND}:
            return None if status >= CLIENT_ERROR_MIN else Ending.STATUS_FAILED
        case _ if CLIENT_ERROR_MIN <= status < SERVER_ERROR_MIN and status not in _PASSING:
            return Ending.STATUS_REFUSED
        case _:
            return Ending.STATUS_FAILED


@dataclass(frozen=True, slots=True)
class _Told:
    """The state of an ending, by what a tool leaves behind."""

    looks: State  #: nothing
    costs: State  #: money at most
    acts: State  #: more


def _always(state: State) -> _Told:
    return _Told(state, state, state)


#: What may have acted is not told as what has not; what may have cost, not in a state that is free.
_STATES: Final[dict[Ending, _Told]] = {
    Ending.ARGUMENTS_UNFIT: _always(State.INVALID_INPUT),
    Ending.QUARANTINED: _always(State.DENIED_BY_POLICY),
    Ending.AWAY: _always(State.DEPENDENCY_UNAVAILABLE),
    Ending.SESSION_GONE: _always(State.DEPENDENCY_UNAVAILABLE),
    Ending.LOCKED_OUT: _always(State.UNAUTHENTICATED),
    Ending.FORBIDDEN: _Told(State.UNAUTHENTICATED, State.UNAUTHENTICATED, State.OUTCOME_UNKNOWN),
    Ending.THROTTLED: _Told(State.RATE_LIMITED, State.RATE_LIMITED, State.OUTCOME_UNKNOWN),
    Ending.STATUS_REFUSED: _Told(
        State.INVALID_INPUT, State.PRECONDITION_FAILED, State.OUTCOME_UNKNOWN
    ),
    Ending.STATUS_FAILED: _Told(
        State.DEPENDENCY_UNAVAILABLE, State.OUTCOME_UNKNOWN, State.OUTCOME_UNKNOWN
    ),
    Ending.SERVER_REFUSED: _Told(
        State.INVALID_INPUT, State.PRECONDITION_FAILED, State.OUTCOME_UNKNOWN
    ),
    Ending.SERVER_FAILED: _Told(
        State.DEPENDENCY_UNAVAILABLE, State.OUTCOME_UNKNOWN, State.OUTCOME_UNKNOWN
    ),
    Ending.TOOL_FAILED: _Told(
        State.PRECONDITION_FAILED, State.PRECONDITION_FAILED, State.OUTCOME_UNKNOWN
    ),
    Ending.HUNG: _Told(State.TIMEOUT_NO_EFFECT, State.OUTCOME_UNKNOWN, State.OUTCOME_UNKNOWN),
    Ending.DIED: _Told(State.DEPENDENCY_UNAVAILABLE, State.OUTCOME_UNKNOWN, State.OUTCOME_UNKNOWN),
    Ending.NO_ANSWER: _Told(State.OUTPUT_INVALID, State.OUTPUT_INVALID, State.OUTCOME_UNKNOWN),
    Ending.MALFORMED: _always(State.OUTPUT_INVALID),
    Ending.TOO_LARGE: _always(State.OUTPUT_INVALID),
}


def state_of(ending: Ending, effect: Effect) -> State:
    """Give the state in which an ending, other than a result, is told of a tool of this effect."""
    told = _STATES[ending]
    if effect not in LEAVES_NO_TRACE:
        return told.acts
    return told.costs if effect is Effect.PAID else told.looks
