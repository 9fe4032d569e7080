"""An agent whose step takes as long as its text says; a text that is no number takes no time."""

import asyncio

from topics.texts import waits

from handrail import Context, agent, results
from handrail.contract.effect import Effect


async def wait(seconds: float) -> float:
    """Take that long."""
    await asyncio.sleep(seconds)
    return seconds


@agent(reads=waits, writes=results)
async def waiter(text: str, ctx: Context) -> str:
    """Wait as a recorded step if the text is a number."""
    if text.isdigit():
        await ctx.step(wait, float(text), effect=Effect.PAID)
    return text
