"""Looks one question up in what is remembered, else in a collection, and brings back quotes."""

import asyncio
from contextlib import suppress

from desk.collections import NoSuchCollection
from desk.place import known_collections, library
from desk.remembering import Fact, key_of, remembered, what_is_wrong
from desk.research import as_claims, nothing_on_the_shelf, to_source
from handrail import Conflict, Context, Effect, Recall, Record, Selected, agent
from memory.facts import facts
from memory.searches import searches
from topics.findings import Finding, findings
from topics.questions import Question, questions

RELATED_MAX, RELATED_TOKENS_MAX = 5, 800  #: of what was proved for other questions


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
    known = await ctx.memory(facts).get(key_of(question.collection, question.text))
    if known is not None and await still_true(ctx, [known]):
        claims = remembered(known.value, question.text)
        return Finding(question=question, claims=claims, left_out=left_out)
    ctx.memory(searches).increment("documents")
    found = await asyncio.to_thread(library(question.collection).search, question.text)
    if not found:
        gap = nothing_on_the_shelf(question.collection, shelf)
        return Finding(question=question, gap=gap, left_out=left_out)
    near = [hit.record for hit in await ctx.memory(facts).search(question.text, k=RELATED_MAX)]
    related = Recall(facts, keys=await still_true(ctx, near), heading="Proved for other questions:")
    context = await ctx.recall(related, budget_tokens=RELATED_TOKENS_MAX)
    sources = [to_source(passage) for passage in found]
    chosen = await ctx.model(question.text, returns=Selected, sources=sources, context=context)
    claims = as_claims(question.text, chosen, found, context.references)
    return Finding(question=question, claims=claims, gap=chosen.refusal, left_out=left_out)


async def still_true(ctx: Context, kept: list[Record[Fact]]) -> list[str]:
    """Prove facts against their sources; mark those that are not, and give the keys of the rest."""
    held = [one for one in kept if one.value.claims]
    wrong = await ctx.step(what_is_wrong, [one.value for one in held], effect=Effect.READ)
    for one, why in zip(held, wrong, strict=True):
        if why is not None:
            with suppress(Conflict):  # somebody else has found the same, or has proved it anew
                gone, derived = one.value.without_proof(why), (one.reference,)
                await ctx.memory(facts).put(one.key, gone, expect=one.version, derived_from=derived)
    return [one.key for one, why in zip(held, wrong, strict=True) if why is None]
