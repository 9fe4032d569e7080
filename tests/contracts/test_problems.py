"""What each of the 23 failure states tells an operator and a model: golden words.

`python -m tests.contracts.test_problems` writes the file anew.
"""

from pathlib import Path
from typing import Any

import orjson

from handrail.contract.failure import Refused, State
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


def test_a_model_is_told_title_detail_and_remedy_only() -> None:
    for told in problems().values():
        assert set(told["model"]) == {"title", "detail", "remedy"}


def test_what_a_tool_says_at_length_or_on_many_lines_is_one_short_line() -> None:
    problem = Problem.of(Refused(State.INTERNAL, "Traceback\n  File x\n" * 1_000))

    assert "\n" not in problem.detail
    assert len(problem.detail) <= TEXT_CHARS_MAX


if __name__ == "__main__":
    GOLDEN.write_bytes(orjson.dumps(problems(), option=orjson.OPT_INDENT_2))
