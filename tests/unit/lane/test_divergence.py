"""What is said of a handler that has left the way that is recorded."""

import pytest

from handrail.contract.effect import Effect
from handrail.lane.divergence import SHOWN_CHARS_MAX, diverged, is_now, shortened
from handrail.lane.journal import Entry, Kind

LONG = "write to " + "x" * SHOWN_CHARS_MAX


def recorded(shown: str, *, path: str = "1", name: str = "rent", version: str = "1.2") -> Entry:
    """Give the record of a step as it was shown."""
    facts = {"name": name, "shown": shortened(shown), "effect": Effect.PAID.value}
    return Entry(Kind.INTENT, "i", 1, version, 0, facts=facts, path=path)


def said(known: Entry, name: str, shown: str) -> str:
    """Give what stands first in the error."""
    return diverged(known, is_now(known, name, shortened(shown)), "clerk", "1.3").what


def test_two_calls_that_look_different_are_both_shown() -> None:
    assert "step 1 was `rent(a)` and is now `rent(b)`." in said(
        recorded("rent(a)"), "rent", "rent(b)"
    )


def test_two_calls_that_differ_only_where_they_are_cut_are_not_shown_as_the_same_twice() -> None:
    what = said(recorded(f"rent({LONG}, to Ada)"), "rent", f"rent({LONG}, to Bob)")

    assert what.count("write to") == 1
    assert "is now called with other arguments, alike as far as they are shown here" in what


def test_a_model_that_is_offered_other_tools_is_not_said_to_be_asked_the_same_as_before() -> None:
    known = recorded('model("Say please")', path="1.m2", name="model")

    what = said(known, "model", 'model("Say please")')

    assert "step 1.m2 (turn 2 of its model) was `model" in what
    assert "another prompt further on, or other tools, sources or returns" in what


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("3", "step 3 was"),
        ("3.m1", "step 3.m1 (turn 1 of its model) was"),
        ("3.2", "step 3.2 (call 2 of its model) was"),
        ("3.a0", "step 3.a0 was"),
    ],
)
def test_a_step_below_another_is_named_by_what_it_is(path: str, words: str) -> None:
    assert words in said(recorded("pay(x)", path=path), "pay", "pay(y)")


def test_another_version_is_blamed_and_in_the_same_version_the_surroundings() -> None:
    known = recorded("pay(x)")

    assert "the code changed between 1.2 and 1.3" in diverged(known, "", "clerk", "1.3").why
    assert "in the same version 1.2" in diverged(known, "", "clerk", "1.2").why
