"""Splits what was asked into questions that can be looked up one by one."""

from pydantic import BaseModel, Field

from desk.questions import QUESTIONS_MAX, split_all
from handrail import Context, ModelNeeded, agent
from topics.intake import Ask, intake
from topics.questions import Question, questions

PLAN = (
    "Split this request into the single questions that must be answered, in its own words, in"
    " its order, none that it does not ask. The request:\n\n"
)


class Plan(BaseModel):
    """The questions of one request."""

    questions: list[str] = Field(min_length=1, max_length=QUESTIONS_MAX)


@agent(reads=intake, writes=questions)
async def planner(ask: Ask, ctx: Context) -> list[Question]:
    """Open a fan-out: one part for each question."""
    beyond: tuple[str, ...] = ()
    try:
        texts = (await ctx.model(PLAN + ask.text, returns=Plan)).questions
    except ModelNeeded:
        by_rules = split_all(ask.text)
        texts, beyond = list(by_rules.questions), by_rules.beyond
    return [
        Question(text=text, asked=ask.text, collection=ask.collection, beyond=beyond)
        for text in texts or [ask.text]
    ]
