"""Says of any exception what trying again can do about it.

Errors of the engine say it of themselves, refusals by their state. Of foreign exceptions three
kinds are known: what pydantic finds invalid, connections and time limits of the standard library,
and answers with an HTTP status. Everything else is unknown: tried three times, then a dead letter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import ValidationError

from handrail.contract.failure import Refused, State
from handrail.contract.retry_after import WAIT_S_MAX, bounded_s, wait_asked_s
from handrail.errors import (
    FailureClass,
    HandrailError,
    ModelContextFull,
    ModelFailed,
    ModelKeyRefused,
    ModelNeeded,
    ModelNotInstalled,
    ModelOverloaded,
    ModelRequestRefused,
    ModelUnreachable,
)
from handrail.errors.lane import HandlerCancelled

HTTP_ERROR_MIN, HTTP_SERVER_MIN, HTTP_END = 400, 500, 600
_THROTTLED_STATUS = frozenset({429, 529})
_UNAVAILABLE_STATUS = 503
IN_A_STREAM = "in a stream"  #: what the status of an error says that came after a turn had begun
_UNBILLED = (
    ModelContextFull,
    ModelFailed,
    ModelKeyRefused,
    ModelNeeded,
    ModelNotInstalled,
    ModelOverloaded,
    ModelRequestRefused,
    ModelUnreachable,
)
_WAIT_MS_MAX = round(WAIT_S_MAX * 1_000)
_PASSING_STATUS = frozenset({408, 425})  #: too slow, too early: they blame no one for good


@dataclass(frozen=True, slots=True)
class Failure:
    """What an exception means for the next try."""

    failure_class: FailureClass
    quick_only: bool = False  #: never rests between tries: after the quick ones it is over
    retry_after_ms: int | None = None  #: how long the other side asks to be left alone

    def facts(self) -> dict[str, object]:
        """Give it as plain values, for another process."""
        return {
            "class": str(self.failure_class),
            "quick_only": self.quick_only,
            "retry_after_ms": self.retry_after_ms,
        }

    @classmethod
    def of(cls, facts: Mapping[str, object]) -> "Failure":
        """Read `facts` of a process that may say anything; nonsense is an unknown error."""
        after_ms = facts.get("retry_after_ms")
        try:
            return cls(
                FailureClass(str(facts.get("class"))),
                facts.get("quick_only") is True,
                min(after_ms, _WAIT_MS_MAX) if type(after_ms) is int and after_ms > 0 else None,
            )
        except ValueError:
            return cls(FailureClass.TRANSIENT, quick_only=True)


class ToolBroke(Refused):
    """A tool has raised what is no refusal: told without its words, and judged by what it was."""

    def __init__(self, state: State, detail: str, judged: Failure) -> None:
        """Tell it in this state."""
        super().__init__(state, detail)
        self.judged = judged


class RaisedElsewhere(Exception):
    """A tool has raised in another process what is no refusal: its class, judged there."""

    def __init__(self, kind: str, judged: Failure) -> None:
        """Know the error by the name of its class alone."""
        super().__init__(kind)
        self.kind = kind
        self.judged = judged


#: A state in which the same request may help, and how patiently. The others are final: they want
#: other arguments or a person, or nobody knows what happened, and then nothing is sent blindly.
_PASSING_STATES: Mapping[State, Failure] = {
    State.RATE_LIMITED: Failure(FailureClass.THROTTLED),
    State.QUOTA_EXCEEDED: Failure(FailureClass.THROTTLED),
    State.DEPENDENCY_UNAVAILABLE: Failure(FailureClass.TRANSIENT),
    State.TIMEOUT_NO_EFFECT: Failure(FailureClass.TRANSIENT),
    # Asked again within its call already: an hour of further answers would only cost money.
    State.OUTPUT_INVALID: Failure(FailureClass.TRANSIENT, quick_only=True),
}


def classify(error: BaseException) -> Failure:
    """Give what trying again can do about an exception. Never raises.

    Not for cancellation, which is the lane's matter, nor for what the lane's own producer raises.
    """
    match error:
        case ToolBroke(judged=judged) | RaisedElsewhere(judged=judged):
            return judged
        case Refused():
            known = _PASSING_STATES.get(error.state, Failure(FailureClass.FATAL))
            return _with_wait(known, error.retry_after_s)
        case HandrailError():
            failure = Failure(error.failure_class, quick_only=_is_unnamed(error))
            return _with_wait(failure, error.facts.get("retry_after_s"))
        case ValidationError():
            # The recorded outcomes are the same in another run, and so is what is invalid in them.
            return Failure(FailureClass.FATAL)
        case _:
            status, wait_s = _http(error)
            if status is not None:
                return _of_status(status, wait_s)
            return Failure(
                FailureClass.TRANSIENT,
                quick_only=not isinstance(error, ConnectionError | TimeoutError),
            )


def is_unbilled(error: BaseException) -> bool:
    """Say whether a provider of a model has charged nothing: it refused before it began."""
    if not isinstance(error, _UNBILLED):
        return False
    return IN_A_STREAM not in str(error.facts.get("status", ""))


def _is_unnamed(error: HandrailError) -> bool:
    """Whether the error says no more than any foreign exception would."""
    if isinstance(error, HandlerCancelled):
        return True
    mro = type(error).__mro__
    return not any("failure_class" in vars(cls) for cls in mro[: mro.index(HandrailError)])


def _with_wait(failure: Failure, wait_s: object) -> Failure:
    seconds = bounded_s(wait_s)
    if not seconds or failure.failure_class is FailureClass.FATAL:
        return failure
    return Failure(failure.failure_class, failure.quick_only, round(seconds * 1_000))


def _of_status(status: int, wait_s: float | None) -> Failure:
    wants_fewer = status in _THROTTLED_STATUS or (status == _UNAVAILABLE_STATUS and wait_s)
    if wants_fewer:
        return _with_wait(Failure(FailureClass.THROTTLED), wait_s)
    if status >= HTTP_SERVER_MIN or status in _PASSING_STATUS:
        return _with_wait(Failure(FailureClass.TRANSIENT), wait_s)
    return Failure(FailureClass.FATAL)


def _http(error: BaseException) -> tuple[int | None, float | None]:
    """Give status and Retry-After of an exception about an HTTP answer; None for any other.

    Read from what the exception holds, never through its properties, which may raise. Checked
    with httpx 0.28 (`response.status_code`) and urllib of Python 3.11 (`code`); aiohttp 3.12 says
    `status`, anthropic 2.12 `status_code`.
    """
    held = _held(error)
    answer = _held(held.get("response"))
    names = ("status_code", "status", *(("code",) if isinstance(error, OSError) else ()))
    for facts in (answer, held):
        for name in names:
            status = facts.get(name)
            if isinstance(status, int) and HTTP_ERROR_MIN <= status < HTTP_END:
                return status, _retry_after_s(facts) or _retry_after_s(answer)
    return None, None


def _held(thing: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", getattr(thing, "__dict__", {}))


def _retry_after_s(facts: Mapping[str, object]) -> float | None:
    headers = facts.get("headers", facts.get("hdrs"))
    try:
        get = getattr(headers, "get", None)
        return wait_asked_s(get) if callable(get) else None
    except Exception:  # noqa: BLE001 - headers of a stranger's class may raise what they like
        return None
