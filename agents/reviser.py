"""Looks for a better quote wherever the reviewer found a fault."""

import asyncio

from desk.revision import revise
from handrail import agent
from topics.drafts import Draft, Objection, drafts, objections


@agent(reads=objections, writes=drafts)
async def reviser(objection: Objection) -> Draft:
    """Mend what can be mended; what cannot is left for the reviewer to strike."""
    draft = objection.draft
    brief = await asyncio.to_thread(revise, draft.brief, objection.faults)
    return Draft(brief=brief, sent_back=draft.sent_back + 1)
