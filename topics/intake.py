"""What people ask the desk."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from handrail import Topic

ASK_CHARS_MAX = 16_000


class Ask(BaseModel):
    """One or several questions about one collection of documents."""

    model_config = ConfigDict(frozen=True)

    text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=ASK_CHARS_MAX)
    ]
    collection: str = Field(default="library", min_length=1, max_length=100)


intake = Topic("intake", carries=Ask, purpose="What people ask the desk.")
