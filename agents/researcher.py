"""Looks one question up in what is remembered, else in a collection, and brings back quotes."""

import asyncio
from contextlib import suppress

from desk.collections import NoSuchCollection
from desk.place import known_collections, library
from desk.remembering import Fact, key_of, remembered, still_proved
from desk.research import as_claims, nothing_on_the_shelf, to_source
from handrail import Conflict, Context, Effect, Recall, Selected, agent
from memory.facts import facts
from memory.searches import searches
from topics.findings import Finding, findings
from topics.questions import Question, questions

RELATED_TOKENS_MAX = 800  #: of what was proved for other questions


async def index_collections() -> None:
    """Index every collection before the first question, so that none waits for it."""
    for name in known_collections():
        await asyncio.to_thread(library(name).refresh)


@agent(reads=questions, writes=findings, before_start=index_collections)
async def researcher(question: Question, ctx: Context) -> Finding:
    """Remember, or search, have the model choose what answers, and quote it."""
    try:
        shelf = await asyncio.to_thread(library(question.collection).refresh)
    except NoSuchCollection as missing:
        return Finding(question=question, gap=str(missing))
    left_out = tuple(f"{one.source}: {one.reason}" for one in shelf.left_out)
    key = key_of(question.collection, question.text)
    known = await ctx.memory(facts).get(key)
    if known is not None and known.value.claims:
        wrong = await ctx.step(still_proved, known.value, effect=Effect.READ)
        if wrong is None:
            claims = remembered(known.value, question.text)
            return Finding(question=question, claims=claims, left_out=left_out)
        gone = Fact(question=question.text, collection=question.collection, gone=wrong)
        with suppress(Conflict):  # somebody else has found the same, or has proved it anew
            made_from = (known.reference,)
            await ctx.memory(facts).put(key, gone, expect=known.version, derived_from=made_from)
    ctx.memory(searches).increment("documents")
    if not shelf.passages:
        gap = nothing_on_the_shelf(question.collection, shelf)
        return Finding(question=question, gap=gap, left_out=left_out)
    found = await asyncio.to_thread(library(question.collection).search, question.text)
    if not found:
        gap = "No document of the collection has any of its words."
        return Finding(question=question, gap=gap, left_out=left_out)
    sources = [to_source(passage) for passage in found]
    related = Recall(facts, query=question.text, k=3, heading="Proved for other questions:")
    context = await ctx.recall(related, budget_tokens=RELATED_TOKENS_MAX)
    chosen = await ctx.model(question.text, returns=Selected, sources=sources, context=context)
    claims = as_claims(question.text, chosen, found, context.references)
    return Finding(question=question, claims=claims, gap=chosen.refusal, left_out=left_out)
