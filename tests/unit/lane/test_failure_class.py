"""What trying again can do about an exception."""

import email.message
import io
import urllib.error
from types import SimpleNamespace

import pytest
from pydantic import BaseModel, ValidationError

from handrail import Refused, State
from handrail.contract.retry_after import WAIT_S_MAX
from handrail.errors import (
    FailureClass,
    HandrailError,
    HopLimitReached,
    ModelFailed,
    ModelKeyRefused,
    ModelOverloaded,
    ModelUnreachable,
)
from handrail.errors.lane import HandlerCancelled
from handrail.lane.failure_class import Failure, classify

FATAL, TRANSIENT = FailureClass.FATAL, FailureClass.TRANSIENT
THROTTLED, OUTAGE = FailureClass.THROTTLED, FailureClass.OUTAGE

STATES = {
    State.RATE_LIMITED: Failure(THROTTLED),
    State.QUOTA_EXCEEDED: Failure(THROTTLED),
    State.DEPENDENCY_UNAVAILABLE: Failure(TRANSIENT),
    State.TIMEOUT_NO_EFFECT: Failure(TRANSIENT),
    State.OUTPUT_INVALID: Failure(TRANSIENT, quick_only=True),
}


class Answer(BaseModel):
    number: int


class WebError(Exception):
    """An error as httpx makes it: the answer hangs on it."""

    def __init__(self, status: int, retry_after: str | None = None) -> None:
        super().__init__(f"status {status}")
        headers = {} if retry_after is None else {"retry-after": retry_after}
        self.response = SimpleNamespace(status_code=status, headers=headers)


class Evil(Exception):
    @property
    def status_code(self) -> int:
        raise RuntimeError("looking at it does harm")


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as raised:
        Answer.model_validate({"number": "many"})
    return raised.value


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ModelKeyRefused(), Failure(FATAL)),
        (HopLimitReached(), Failure(FATAL)),
        (ModelFailed(retry_after_s=0.0), Failure(TRANSIENT)),
        (ModelOverloaded(retry_after_s=7.5), Failure(THROTTLED, retry_after_ms=7_500)),
        (ModelUnreachable(), Failure(OUTAGE)),
        (invalid(), Failure(FATAL)),
        (ConnectionRefusedError(), Failure(TRANSIENT)),
        (TimeoutError(), Failure(TRANSIENT)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_known_errors_have_the_class_that_they_name(error: Exception, failure: Failure) -> None:
    assert classify(error) == failure


@pytest.mark.parametrize("error", [KeyError("x"), Evil(), SystemExit(404), HandrailError()])
def test_an_unknown_exception_is_tried_a_few_times_and_never_for_an_hour(
    error: BaseException,
) -> None:
    assert classify(error) == Failure(TRANSIENT, quick_only=True)


def test_an_error_of_a_team_that_names_no_class_is_as_unknown_as_any() -> None:
    assert classify(HandlerCancelled(agent="a")) == Failure(TRANSIENT, quick_only=True)


@pytest.mark.parametrize("state", list(State))
def test_every_state_of_a_refusal_has_a_class(state: State) -> None:
    assert classify(Refused(state)) == STATES.get(state, Failure(FATAL))


def test_a_refusal_says_how_long_to_wait() -> None:
    refusal = Refused(State.RATE_LIMITED, retry_after_s=3)

    assert classify(refusal) == Failure(THROTTLED, retry_after_ms=3_000)


@pytest.mark.parametrize(
    ("status", "retry_after", "failure"),
    [
        (400, None, Failure(FATAL)),
        (401, "5", Failure(FATAL)),
        (404, None, Failure(FATAL)),
        (409, None, Failure(FATAL)),
        (408, None, Failure(TRANSIENT)),
        (429, None, Failure(THROTTLED)),
        (429, "5", Failure(THROTTLED, retry_after_ms=5_000)),
        (429, "Wed, 21 Oct 2026 07:28:00 GMT", Failure(THROTTLED)),
        (429, "-5", Failure(THROTTLED)),
        (429, "inf", Failure(THROTTLED)),
        (429, "nan", Failure(THROTTLED)),
        (429, "1e308", Failure(THROTTLED, retry_after_ms=round(WAIT_S_MAX * 1_000))),
        (503, "9" * 20, Failure(THROTTLED, retry_after_ms=round(WAIT_S_MAX * 1_000))),
        (500, None, Failure(TRANSIENT)),
        (503, None, Failure(TRANSIENT)),
        (503, "2", Failure(THROTTLED, retry_after_ms=2_000)),
        (529, None, Failure(THROTTLED)),
    ],
)
def test_an_answer_of_a_web_service_is_known_by_its_status(
    status: int, retry_after: str | None, failure: Failure
) -> None:
    assert classify(WebError(status, retry_after)) == failure


def test_a_refusal_of_urllib_is_known_by_its_status() -> None:
    headers = email.message.Message()
    headers["Retry-After"] = "2"
    error = urllib.error.HTTPError("http://x.example", 429, "slow down", headers, io.BytesIO())

    assert classify(error) == Failure(THROTTLED, retry_after_ms=2_000)
    error.close()


def test_a_date_is_understood_by_the_time_at_which_the_answer_was_made() -> None:
    error = WebError(429, "Wed, 21 Oct 2026 07:28:00 GMT")
    error.response.headers["date"] = "Wed, 21 Oct 2026 07:27:48 GMT"

    assert classify(error) == Failure(THROTTLED, retry_after_ms=12_000)


def test_a_web_error_without_an_answer_is_unknown() -> None:
    error = WebError(500)
    error.response = None  # type: ignore[assignment]  # as requests has it when nothing came

    assert classify(error) == Failure(TRANSIENT, quick_only=True)


def test_headers_that_cannot_be_asked_say_nothing() -> None:
    class Headers:
        def get(self, name: str) -> str:
            raise LookupError(name)

    error = WebError(429)
    error.response.headers = Headers()  # type: ignore[assignment]  # of a stranger's own class

    assert classify(error) == Failure(THROTTLED)


def test_what_another_process_says_of_a_wait_is_bounded() -> None:
    said = Failure.of({"class": "throttled", "retry_after_ms": 2**70})

    assert said == Failure(THROTTLED, retry_after_ms=round(WAIT_S_MAX * 1_000))
