"""Proves every quote of a draft against its source; sends back twice, then strikes."""

import asyncio

from desk.brief import Brief, faults, strike
from desk.place import known_collections
from handrail import agent
from topics.briefs import reviewed
from topics.drafts import Draft, Objection, drafts, objections

SENT_BACK_MAX = 2


@agent(reads=drafts, writes=(objections, reviewed))
async def reviewer(draft: Draft) -> Objection | Brief:
    """Let through what is proved."""
    found = await asyncio.to_thread(faults, draft.brief.claims, known_collections())
    if found and draft.sent_back < SENT_BACK_MAX:
        return Objection(draft=draft, faults=found)
    return strike(draft.brief, found)
