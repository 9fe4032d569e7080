"""The agent that is measured: it hands each text on and asks no model."""

from handrail import Topic, agent

texts, relayed = Topic("texts", carries=str), Topic("relayed", carries=str)


@agent(reads=texts, writes=relayed)
async def relay(text: str) -> str:
    """Hand it on."""
    return text
