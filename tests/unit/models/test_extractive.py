"""Without a key answers are selected from the sources, and anything else says what it needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from handrail.contract.effect import Effect
from handrail.contract.passage import Passage
from handrail.errors import ModelNeeded
from handrail.models.answer import Excerpt, Selected
from handrail.models.extractive import ExtractiveModel, answer_by_selecting
from handrail.models.loop import converse, model_call
from handrail.models.port import JsonObject, SourcePassage

PUMP = Passage(
    id="pump",
    text="The pump was built in Kiel. The pump runs at a pressure of 40 bar. It is painted blue.",
    heading="Pump P-7",
)
TANK = Passage(id="tank", text="The tank holds 900 litres of oil.", heading="Tank T-1")


class Cited(Selected):
    """An answer with a field more, which nobody has to fill."""

    note: str = ""


class Demanding(Selected):
    """An answer with a field more, which selecting cannot fill."""

    summary: str


class Claim(BaseModel):
    """Something that only a model can write."""

    text: str


async def never(name: str, arguments: JsonObject) -> str:
    raise AssertionError(f"{name} was called with {arguments}")


async def test_a_question_is_answered_word_for_word_from_its_sources() -> None:
    call = model_call("At which pressure does the pump run?", returns=Selected,
                      sources=[TANK, PUMP])  # fmt: skip

    answer = await converse(call, ExtractiveModel().respond, never)

    assert Excerpt(passage="pump", text="The pump runs at a pressure of 40 bar.") in answer.excerpts
    assert answer.refusal is None


async def test_a_question_that_nothing_answers_is_refused_with_a_reason() -> None:
    call = model_call("Who won the chess tournament in Oslo?", returns=Selected,
                      sources=[TANK, PUMP])  # fmt: skip

    answer = await converse(call, ExtractiveModel().respond, never)

    assert answer.excerpts == ()
    assert answer.refusal


async def test_an_answer_that_needs_no_more_than_excerpts_is_filled_too() -> None:
    call = model_call("At which pressure does the pump run?", returns=Cited, sources=[PUMP])

    answer = await converse(call, ExtractiveModel().respond, never)

    assert isinstance(answer, Cited)
    assert answer.excerpts


@pytest.mark.parametrize("returns", [str, Claim, Demanding, list[Excerpt]])
async def test_an_answer_that_must_be_written_needs_a_model(returns: type[object]) -> None:
    call = model_call("At which pressure does the pump run?", returns=returns, sources=[PUMP])

    with pytest.raises(ModelNeeded, match="ANTHROPIC_API_KEY"):
        await converse(call, ExtractiveModel().respond, never)


async def test_a_call_without_sources_needs_a_model() -> None:
    with pytest.raises(ModelNeeded, match="sources="):
        await converse(
            model_call("At which pressure?", returns=Selected), ExtractiveModel().respond, never
        )


@given(st.text(max_size=80), st.lists(st.text(max_size=200), max_size=4))
def test_nothing_is_ever_said_that_no_source_says(question: str, texts: list[str]) -> None:
    sources = [SourcePassage(id=str(at), text=text) for at, text in enumerate(texts)]

    answer = answer_by_selecting(question, sources)

    assert bool(answer.excerpts) != bool(answer.refusal)
    assert all(each.text in texts[int(each.passage)] for each in answer.excerpts)


def test_it_is_free_and_may_be_repeated() -> None:
    assert ExtractiveModel().effect is Effect.PURE
    assert ExtractiveModel().name == "extractive"
