"""Briefs on their way between writer, reviewer and reviser."""

from pydantic import BaseModel, ConfigDict

from desk.brief import Brief, Fault
from handrail import Topic


class Draft(BaseModel):
    """A brief that is to be reviewed; `sent_back` counts how often it was."""

    model_config = ConfigDict(frozen=True)

    brief: Brief
    sent_back: int = 0


class Objection(BaseModel):
    """A draft that comes back from review, and what is held against it."""

    model_config = ConfigDict(frozen=True)

    draft: Draft
    faults: tuple[Fault, ...]


drafts = Topic("drafts", carries=Draft, purpose="Briefs that are to be reviewed.")
objections = Topic("objections", carries=Objection, purpose="Briefs that came back from review.")
