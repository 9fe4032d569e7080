"""What was found on single questions."""

from pydantic import BaseModel, ConfigDict

from desk.brief import Claim
from handrail import Topic
from topics.questions import Question


class Finding(BaseModel):
    """Claims with their quotes, or the reason why there are none."""

    model_config = ConfigDict(frozen=True)

    question: Question
    claims: tuple[Claim, ...] = ()
    gap: str | None = None
    left_out: tuple[str, ...] = ()


findings = Topic("findings", carries=Finding, purpose="What was found on single questions.")
