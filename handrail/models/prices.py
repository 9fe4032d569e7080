"""What a turn of a model costs, at the prices of a versioned list; a price nobody knows is None.

Guarantees: an amount is in millionths of a US dollar and rounded up, so nothing that was used costs
nothing; what a turn may cost at most is never less than what it will. The list comes with its
package and is not fetched from anywhere; it is loaded when it is first asked, in a thread.
Checked against genai-prices 0.2.3.
"""

import asyncio
import importlib
import importlib.metadata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any, cast

from handrail.contract.effect import Effect
from handrail.models.port import Model, ModelReply, ModelRequest, Usage

PACKAGE = "genai-prices"
MICROS = 1_000_000
#: What the provider adds to a request by itself, such as how tools are to be called.
HIDDEN_TOKENS_MAX = 4_096


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What some usage costs, and by which prices."""

    micros: int  #: millionths of a US dollar
    prices: str  #: the list and its version


#: What a model may have besides, under the name `costs`.
Costs = Callable[[Usage], Awaitable[ModelCost | None]]


class ListedPrices:
    """The prices of one model of one provider, from the list."""

    def __init__(self, provider: str, model: str) -> None:
        """Load nothing yet."""
        self._provider = provider
        self._model = model
        self._loaded = False

    async def of(self, usage: Usage) -> ModelCost | None:
        """Give what this usage costs; None when the list does not know the model."""
        if not self._loaded:
            try:
                # Importing takes over a second; heartbeats must go on meanwhile.
                await asyncio.to_thread(importlib.import_module, "genai_prices")
            except ImportError:
                return None
            self._loaded = True
        return _listed(self._provider, self._model, usage)


def _listed(provider: str, model: str, usage: Usage) -> ModelCost | None:
    import genai_prices  # noqa: PLC0415 - loaded in a thread by then

    whole = usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens
    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(
                input_tokens=whole,
                cache_write_tokens=usage.cache_write_tokens,
                cache_read_tokens=usage.cache_read_tokens,
                output_tokens=usage.output_tokens,
            ),
            model,
            provider_id=provider,
        )
    except LookupError:
        return None
    micros = (Decimal(found.total_price) * MICROS).to_integral_value(ROUND_CEILING)
    if micros <= 0 < whole + usage.output_tokens:
        return None  # a model without prices is one whose price nobody knows
    return ModelCost(int(micros), f"{PACKAGE} {importlib.metadata.version(PACKAGE)}")


async def priced(model: Model, reply: ModelReply) -> ModelReply:
    """Give a reply with what it has cost; as it is when nobody knows."""
    if model.effect is not Effect.PAID:
        return reply.model_copy(update={"cost_micros": 0})
    cost = await _cost(model, reply.usage)
    if cost is None:
        return reply
    return reply.model_copy(update={"cost_micros": cost.micros, "prices": cost.prices})


async def at_most(model: Model, request: ModelRequest) -> int | None:
    """Give what a turn may cost at most, in millionths; None when nobody knows.

    A token is at least one byte of what is sent, and nothing costs more than to be written to the
    provider's cache, which is dearer than to be read once.
    """
    sent = len(request.model_dump_json().encode())
    usage = Usage(cache_write_tokens=sent + HIDDEN_TOKENS_MAX, output_tokens=request.tokens_max)
    cost = await _cost(model, usage)
    return None if cost is None else cost.micros


async def _cost(model: Model, usage: Usage) -> ModelCost | None:
    costs = cast("Any", getattr(model, "costs", None))
    return None if costs is None else await cast("Costs", costs)(usage)
