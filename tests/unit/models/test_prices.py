"""What a turn costs: by a versioned list, rounded up, and never nothing for want of a price."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.contract.effect import Effect
from handrail.models.claude import MODEL_DEFAULT, ClaudeModel, ClaudeSettings
from handrail.models.extractive import ExtractiveModel
from handrail.models.port import ModelReply, ModelRequest, Usage
from handrail.models.prices import ListedPrices, ModelCost, at_most, priced

MILLION = 1_000_000
TOKENS = st.integers(0, 200_000)


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(input_tokens=MILLION), 3),
        (Usage(output_tokens=MILLION), 15),
        (Usage(cache_write_tokens=MILLION), 3.75),
        (Usage(cache_read_tokens=MILLION), 0.3),
        (Usage(input_tokens=1), 0.000003),
    ],
)
async def test_each_kind_of_tokens_has_the_price_of_the_list(usage: Usage, dollars: float) -> None:
    cost = await ListedPrices("anthropic", "claude-3-7-sonnet-latest").of(usage)

    assert cost is not None
    assert cost.micros == round(dollars * MILLION)
    assert cost.prices.startswith("genai-prices 0.")


async def test_the_default_model_has_a_price_and_a_name_that_is_none_has_none() -> None:
    assert await ClaudeModel(ClaudeSettings()).costs(Usage(output_tokens=1)) is not None
    assert await ListedPrices("anthropic", "no-such-model").of(Usage(output_tokens=1)) is None
    assert await ListedPrices("nobody", MODEL_DEFAULT).of(Usage(output_tokens=1)) is None


@given(TOKENS, TOKENS, TOKENS, TOKENS)
async def test_what_was_used_never_costs_nothing(
    fresh: int, out: int, wrote: int, read: int
) -> None:
    usage = Usage(
        input_tokens=fresh, output_tokens=out, cache_write_tokens=wrote, cache_read_tokens=read
    )
    cost = await ListedPrices("anthropic", MODEL_DEFAULT).of(usage)

    assert cost is not None
    assert (cost.micros > 0) == (fresh + out + wrote + read > 0)


@given(st.text(max_size=300), st.integers(1, 8192), st.data())
async def test_no_turn_costs_more_than_was_reserved(
    prompt: str, out: int, data: st.DataObject
) -> None:
    model = ClaudeModel(ClaudeSettings())
    request = ModelRequest(prompt=prompt, tokens_max=out)
    sent = len(request.model_dump_json().encode())
    tokens = data.draw(st.integers(0, sent))
    wrote = data.draw(st.integers(0, tokens))
    usage = Usage(input_tokens=tokens - wrote, cache_write_tokens=wrote, output_tokens=out)

    most, cost = await at_most(model, request), await model.costs(usage)

    assert most is not None
    assert cost is not None
    assert cost.micros <= most


class Own:
    """A model of a team's own."""

    name = "own"
    effect = Effect.PAID

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Say nothing."""
        del request
        return ModelReply(model=self.name)


class OwnWithPrice(Own):
    """One that says what it costs."""

    async def costs(self, usage: Usage) -> ModelCost:
        """Every token costs the same."""
        return ModelCost(usage.output_tokens * 2, "our contract of May")


async def test_a_model_of_ones_own_says_what_it_costs_or_nobody_knows() -> None:
    reply = ModelReply(model="own", usage=Usage(output_tokens=3))

    assert (await priced(Own(), reply)).cost_micros is None
    assert await at_most(Own(), ModelRequest(prompt="?")) is None
    found = await priced(OwnWithPrice(), reply)
    assert (found.cost_micros, found.prices) == (6, "our contract of May")
    assert (await priced(ExtractiveModel(), reply)).cost_micros == 0
