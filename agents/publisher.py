"""Publishes a reviewed brief and gives it back to whoever asked."""

from desk.brief import Brief, is_refusal, render
from handrail import Context, agent, results
from memory.searches import searches
from tools.publish_brief import publish_brief
from topics.briefs import PublishedBrief, reviewed


@agent(reads=reviewed, writes=results)
async def publisher(brief: Brief, ctx: Context) -> PublishedBrief:
    """Write the brief once, whatever happens, and hand over what it says."""
    searched = await ctx.memory(searches).get("documents")
    markdown = render(brief)
    published = await ctx.call(publish_brief, markdown=markdown)
    return PublishedBrief(
        path=published.path,
        sha256=published.sha256,
        refused=is_refusal(brief),
        searched=0 if searched is None else searched.value,
        markdown=markdown,
        brief=brief,
    )
