"""An excerpt stands in its passage word for word, or it is not accepted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from handrail.models.answer import Excerpt, Selected, stretch, word_for_word
from handrail.models.port import SourcePassage

TEXT = "The pump runs\n  at 40 bar. It must\tnot run dry."


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("runs\n  at 40 bar.", "runs\n  at 40 bar."),
        ("runs at 40 bar.", "runs\n  at 40 bar."),
        ("  must not run dry. ", "must\tnot run dry."),
        ("runs at 41 bar.", None),
        ("The pump ... must not run dry.", None),
        ("the pump", None),
        ("   ", None),
        ("40 bar. It must not run dry. Ever.", None),
    ],
)
def test_only_white_space_is_mended(wanted: str, found: str | None) -> None:
    assert stretch(wanted, TEXT) == found


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_found_stands_in_the_text(wanted: str, text: str) -> None:
    found = stretch(wanted, text)

    assert found is None or (found in text and found.split() == wanted.split())


@given(st.text(min_size=1, max_size=60), st.data())
def test_every_stretch_of_a_text_is_found_in_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    wanted = text[start:end]

    assert (stretch(wanted, text) is None) == (not wanted.split())


def test_an_excerpt_of_another_passage_is_not_accepted() -> None:
    passages = [SourcePassage(id="a", text=TEXT), SourcePassage(id="b", text="Nothing here.")]
    answer = Selected(excerpts=(Excerpt(passage="b", text="at 40 bar"),))

    said = word_for_word(answer, passages)

    assert isinstance(said, str)
    assert "passage 'b' does not contain 'at 40 bar'" in said


@pytest.mark.parametrize(
    "fields",
    [{}, {"refusal": ""}, {"refusal": "no", "excerpts": [{"passage": "a", "text": "x"}]}],
)
def test_an_answer_has_excerpts_or_a_refusal_and_never_both(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="either at least one excerpt"):
        Selected.model_validate(fields)
