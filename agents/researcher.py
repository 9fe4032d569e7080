"""Looks one question up in a collection and brings back quotes, or the reason why not."""

import asyncio

from desk.collections import NoSuchCollection
from desk.place import known_collections, library
from desk.research import as_claims, nothing_on_the_shelf, to_source
from handrail import Context, Selected, agent
from topics.findings import Finding, findings
from topics.questions import Question, questions


async def index_collections() -> None:
    """Index every collection before the first question, so that none waits for it."""
    for name in known_collections():
        await asyncio.to_thread(library(name).refresh)


@agent(reads=questions, writes=findings, before_start=index_collections)
async def researcher(question: Question, ctx: Context) -> Finding:
    """Search, have the model choose what answers, and quote it."""
    try:
        shelf = await asyncio.to_thread(library(question.collection).refresh)
    except NoSuchCollection as missing:
        return Finding(question=question, gap=str(missing))
    left_out = tuple(f"{one.source}: {one.reason}" for one in shelf.left_out)
    if not shelf.passages:
        gap = nothing_on_the_shelf(question.collection, shelf)
        return Finding(question=question, gap=gap, left_out=left_out)
    found = await asyncio.to_thread(library(question.collection).search, question.text)
    if not found:
        gap = "No document of the collection has any of its words."
        return Finding(question=question, gap=gap, left_out=left_out)
    sources = [to_source(passage) for passage in found]
    chosen = await ctx.model(question.text, returns=Selected, sources=sources)
    return Finding(
        question=question,
        claims=as_claims(question.text, chosen, found),
        gap=chosen.refusal,
        left_out=left_out,
    )
