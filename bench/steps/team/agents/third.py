"""The last hop: one recorded paid step that costs nothing, then the text is the result."""

from topics.texts import thirds

from handrail import Context, agent, results
from handrail.contract.effect import Effect


async def think(text: str) -> str:
    """Stand for a model."""
    return text


@agent(reads=thirds, writes=results)
async def third(text: str, ctx: Context) -> str:
    """Think, and give the text as the result."""
    return await ctx.step(think, text, effect=Effect.PAID)
