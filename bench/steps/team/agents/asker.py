"""An agent that asks another one when its text says so; any other text takes no time."""

from topics.texts import asks, riddles

from handrail import Context, agent, results


@agent(reads=asks, writes=results)
async def asker(text: str, ctx: Context) -> str:
    """Give the text back, or the answer to it."""
    return await ctx.ask(riddles, text) if text == "riddle" else text
