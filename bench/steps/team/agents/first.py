"""Hop first: one recorded paid step that costs nothing, then the text goes on."""

from topics.texts import seconds, texts

from handrail import Context, agent
from handrail.contract.effect import Effect


async def think(text: str) -> str:
    """Stand for a model."""
    return text


@agent(reads=texts, writes=seconds)
async def first(text: str, ctx: Context) -> str:
    """Think, and hand the text on."""
    return await ctx.step(think, text, effect=Effect.PAID)
