"""Proves every quote of a draft against its source; sends back twice, then strikes."""

from contextlib import suppress

from desk.brief import Brief, strike
from desk.remembering import found_faults, judged, key_of, sources_of, worth_keeping
from handrail import NEW, Conflict, Context, Effect, Refused, agent
from memory.decisions import decisions
from memory.facts import facts
from topics.briefs import reviewed
from topics.drafts import Draft, Objection, drafts, objections

SENT_BACK_MAX = 2


@agent(reads=drafts, writes=(objections, reviewed))
async def reviewer(draft: Draft, ctx: Context) -> Objection | Brief:
    """Let through what is proved, say why for good, and have it remembered."""
    found = await ctx.step(found_faults, draft.brief, effect=Effect.READ)
    sent_back = bool(found) and draft.sent_back < SENT_BACK_MAX
    review = judged(len(draft.brief.claims), found, sent_back=sent_back)
    with suppress(Conflict):  # a run that was sent back by a person has decided before
        where = f"{ctx.task_id}/{draft.sent_back}"
        await ctx.memory(decisions).put(where, review, expect=NEW)
    if sent_back:
        return Objection(draft=draft, faults=tuple(found))
    brief = strike(draft.brief, found)
    for fact in worth_keeping(brief):
        # What memory does not take, such as an address of a person, is only not remembered.
        with suppress(Refused):
            key = key_of(fact.collection, fact.question)
            await ctx.memory(facts).update(key, fact.in_place_of, derived_from=sources_of(fact))
    return brief
