"""What each of the 23 failure states tells an operator and a model: golden words.

`python -m tests.contracts.test_problems` writes the file anew.
"""

from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail.contract.acted import LOOK_FIRST, after_act
from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, RetryClass, State
from handrail.contract.problem import TEXT_CHARS_MAX, Problem

GOLDEN = Path(__file__).with_name("problems.json")


def problems() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for state in State:
        refused = Refused(state, "refund: what happened this time", retry_after_s=2.5)
        problem = Problem.of(refused, owner="team-billing", trace="t-1")
        found[state.value] = {"operator": problem.for_operator(), "model": problem.for_model()}
    return found


def test_what_each_state_tells_is_what_was_published() -> None:
    published: object = orjson.loads(GOLDEN.read_bytes())

    assert orjson.loads(orjson.dumps(problems())) == published
    assert len(problems()) == 23


ACTS = (Effect.UNSAFE, Effect.IDEMPOTENT, Effect.QUERYABLE)


@pytest.mark.parametrize("effect", [*ACTS, Effect.PURE, Effect.READ, Effect.PAID])
@pytest.mark.parametrize("own", ["", "Let its owner correct it."])
def test_whoever_is_told_of_an_invalid_answer_asks_again_only_for_what_leaves_no_trace(
    effect: Effect, own: str
) -> None:
    refused = Refused(State.OUTPUT_INVALID, "pay: nothing", remedy=own or None)
    told = Problem.of(after_act(after_act(refused, effect), effect))

    if effect in ACTS:
        assert told.for_model()["remedy"] == f"{LOOK_FIRST} {own}".strip()
        assert told.retry is RetryClass.AFTER_PROBE
    else:
        assert told == Problem.of(refused)
        assert told.retry is RetryClass.SAME_REQUEST


@pytest.mark.parametrize("state", [one for one in State if one is not State.OUTPUT_INVALID])
def test_every_other_state_is_told_as_it_is_whatever_the_effect(state: State) -> None:
    refused = Refused(state, "pay: nothing", remedy="Do this.")

    assert all(after_act(refused, effect) is refused for effect in Effect)


def test_a_model_is_told_title_detail_and_remedy_only() -> None:
    for told in problems().values():
        assert set(told["model"]) == {"title", "detail", "remedy"}


def test_what_a_tool_says_at_length_or_on_many_lines_is_one_short_line() -> None:
    problem = Problem.of(Refused(State.INTERNAL, "Traceback\n  File x\n" * 1_000))

    assert "\n" not in problem.detail
    assert len(problem.detail) <= TEXT_CHARS_MAX


if __name__ == "__main__":
    GOLDEN.write_bytes(orjson.dumps(problems(), option=orjson.OPT_INDENT_2))
