"""Brings the findings of one ask together and drafts the brief."""

from desk.brief import Brief, Gap
from desk.writing import Written, as_written, writing_task
from handrail import Context, ModelNeeded, Parts, agent
from topics.drafts import Draft, drafts
from topics.findings import Finding, findings


@agent(reads=findings, writes=drafts)
async def writer(found: Parts[Finding], ctx: Context) -> Draft:
    """Gather every part: claims, gaps, and a gap for each part that was lost."""
    gaps = [Gap(question=f.question.text, reason=f.gap) for f in found if f.gap is not None]
    for lost in found.missing:
        reason = f"It could not be looked up ({lost.reason})."
        gaps.append(Gap(question=f"Question {lost.part + 1}", reason=reason))
    asked, collection = f"Task {ctx.task_id}", "(unknown)"
    if found:
        asked, collection = found[0].question.asked, found[0].question.collection
        too_many = "It was beyond the number of questions that one task looks up."
        gaps += [Gap(question=text, reason=too_many) for text in found[0].question.beyond]
    brief = Brief(
        question=asked,
        collection=collection,
        claims=tuple(claim for finding in found for claim in finding.claims),
        gaps=tuple(gaps),
        left_out=tuple(dict.fromkeys(one for f in found for one in f.left_out)),
    )
    return Draft(brief=await in_words(brief, ctx))


async def in_words(brief: Brief, ctx: Context) -> Brief:
    """Have a model write the claims; without one, they stay the quotes that they are."""
    if not brief.claims:
        return brief
    try:
        written = await ctx.model(writing_task(brief.claims), returns=Written)
    except ModelNeeded:
        return brief
    claims = as_written(brief.claims, written)
    return brief.model_copy(update={"claims": claims, "made_by": "model"})
