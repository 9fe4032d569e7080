"""Single questions, each to be looked up on its own."""

from pydantic import BaseModel, ConfigDict

from handrail import Topic


class Question(BaseModel):
    """One question of an ask; it carries the ask along, so that any part knows the whole."""

    model_config = ConfigDict(frozen=True)

    text: str
    asked: str
    collection: str
    beyond: tuple[str, ...] = ()  #: questions of the same ask that were too many


questions = Topic("questions", carries=Question, purpose="Single questions to be looked up.")
