"""An error comes back from its record as it was, or is another one from the start."""

import pytest

from handrail.contract.failure import Refused, State
from handrail.errors import ModelTimedOut, StepFailed
from handrail.runtime.worker.recorded_error import as_recorded, decode_error, encode_error


class OwnError(Exception):
    """An error at the top of a module."""


class WithTwo(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def again(error: Exception) -> Exception:
    return decode_error("pay", encode_error(error))


def test_a_refusal_keeps_everything() -> None:
    refusal = Refused(State.RATE_LIMITED, "too fast", title="T", remedy="R", retry_after_s=1.5)

    found = again(refusal)

    assert isinstance(found, Refused)
    assert vars(found) == vars(refusal)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no", 7),
        KeyError("k"),
        OwnError("mine"),
        ModelTimedOut(model="m", timeout_s=5),
        RuntimeError(),
    ],
)
def test_an_error_of_a_known_class_comes_back_as_it_was(error: Exception) -> None:
    found = again(error)

    assert type(found) is type(error)
    assert str(found) == str(error)
    assert as_recorded("pay", error, encode_error(error)) is error


def local_error() -> Exception:
    class Local(Exception):
        pass

    return Local("here only")


@pytest.mark.parametrize("error", [WithTwo("a", "b"), local_error(), ValueError(object())])
def test_any_other_is_a_failed_step_from_the_start_with_its_cause(error: Exception) -> None:
    first = as_recorded("pay", error, encode_error(error))
    later = again(error)

    assert isinstance(first, StepFailed)
    assert isinstance(later, StepFailed)
    assert str(first) == str(later)
    assert first.__cause__ is error


def test_an_endless_text_is_cut() -> None:
    assert len(encode_error(Refused(State.INTERNAL, "x" * 10**6))) < 60_000
