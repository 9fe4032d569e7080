"""An agent that answers riddles. The bench never starts it, so they stay unanswered."""

from topics.texts import riddles

from handrail import agent


@agent(reads=riddles)
async def sphinx(text: str) -> str:
    """Know the answer."""
    return text
