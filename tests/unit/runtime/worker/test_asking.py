"""A question is known again by what it is about, also when its words say how things stood."""

from types import SimpleNamespace
from typing import Any, cast

from handrail.runtime.worker.asking import Asker, ask_person_wait


def digest(question: str, known_as: str | None = None) -> str:
    """Give the digest by which a run that comes again knows the question."""
    asker = cast("Asker", SimpleNamespace(invocation=SimpleNamespace(id="i")))
    wait: Any = ask_person_wait(
        asker, "1.b", question, returns=float, choices=(), within_s=None, known_as=known_as
    )
    return wait.act.asked.digest


def test_a_question_is_another_one_with_other_words_unless_it_is_known_by_others() -> None:
    assert digest("0.10 is left") != digest("0.50 is left")
    assert digest("0.10 is left", "more budget?") == digest("0.50 is left", "more budget?")
    assert digest("0.10 is left", "more budget?") == digest("more budget?")
