"""Reviewed briefs, and what the desk gives back to whoever asked."""

from pydantic import BaseModel, ConfigDict

from desk.brief import Brief
from handrail import Topic


class PublishedBrief(BaseModel):
    """The result of a task: where the brief lies and what it says."""

    model_config = ConfigDict(frozen=True)

    path: str
    sha256: str
    refused: bool  #: nothing in it rests on a quote: it only says what it cannot say
    searched: int = 0  #: of its questions were looked up in documents; the others were remembered
    markdown: str
    brief: Brief


reviewed = Topic("reviewed", carries=Brief, purpose="Briefs whose every quote is proved.")
