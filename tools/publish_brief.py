"""Puts a brief where people read it."""

import asyncio

from desk import publish
from desk.place import briefs_folder
from handrail import Example, Idempotent, Integrity, Key, Reach, Refused, State, ToolContext, tool

A_YEAR_S = 365 * 86_400.0


@tool(
    # The name follows from the task and the file is renamed into place: writing it again leaves
    # the same single brief, however much later.
    effect=Idempotent(ttl_s=A_YEAR_S),
    failures=[State.DEPENDENCY_UNAVAILABLE],
    reach=Reach.TENANT,
    gives=Integrity.INTERNAL,
    permission="briefs:publish",
    idempotency=Key("task"),
    examples=[Example({"markdown": "# Why and how\n"})],
    # It goes into a file whose name the task gives, for people to read: nothing is done by it.
    inert=["markdown"],
    owner="the research desk",
)
async def publish_brief(ctx: ToolContext, markdown: str) -> publish.Published:
    """Write the brief of this task into the folder of briefs and say where it lies."""
    try:
        return await asyncio.to_thread(publish.publish, briefs_folder(), ctx.task_id, markdown)
    except OSError as error:
        raise Refused(
            State.DEPENDENCY_UNAVAILABLE,
            f"The folder of briefs cannot be written: {error}",
            remedy="Make the folder writable, or set HANDRAIL_BRIEFS to one that is.",
        ) from error
