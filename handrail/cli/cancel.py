"""`handrail cancel`: tasks are asked to stop, and what came of that is said."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.failure import report
from handrail.cli.output import inert, note
from handrail.cli.place import Place, place_options
from handrail.errors import HandrailError

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings
    from handrail.ledger.projection import Projection
    from handrail.ledger.task_state import TaskFacts

SEEN_WITHIN_S = 5.0  #: how long what was just written may take to stand on the ledger
POLL_S = 0.05


@click.command()
@click.argument("tasks", metavar="ID|REFERENCE…", nargs=-1, required=True)
@place_options
@click.option("--reason", metavar="TEXT", default="", help="Why; everybody who looks sees it.")
@click.option("--by", metavar="NAME", help="Who wants it.  [default: your login]")
def cancel(place: Place, tasks: tuple[str, ...], reason: str, by: str | None) -> int:
    """Stop tasks: nothing more of them starts, and what was done stays done.

    A step that has begun may end. A cancel cannot be taken back; submit anew under another
    reference. Ends with 3 for a task that nobody knows and 5 for one that has ended already.
    """
    return asyncio.run(_cancel_all(place.settings(), tasks, reason, by))


async def _cancel_all(
    settings: "Settings", wanted: tuple[str, ...], reason: str, by: str | None
) -> int:
    """Cancel each; the first failure gives the exit code, and none keeps the others from it."""
    from handrail.cli.projection import current_projection, known_task

    codes: list[int] = []
    async with current_projection(settings) as (projection, bus):
        for one in wanted:
            try:
                facts = await known_task(settings, projection, bus, one)
                await cancel_task(settings, projection, bus, facts, (reason, by))
            except HandrailError as error:
                codes.append(report(error))
    return codes[0] if codes else 0


async def cancel_task(
    settings: "Settings",
    projection: "Projection",
    bus: "Bus",
    facts: "TaskFacts",
    said: tuple[str, str | None],
) -> None:
    """Write that a task shall stop, for this reason and by this person, and say what came of it.

    Raises TaskEnded, also when it ended a moment before.
    """
    from handrail.ledger.explanation import why
    from handrail.runtime.cancel import cancel_of, still_to_cancel, who, write_cancel
    from handrail.runtime.clock import WallClock

    reason, by = said
    if not still_to_cancel(facts):
        note(f"Task {facts.task_id} was canceled already. {inert(why(facts))}")
        return
    switch = cancel_of(
        facts,
        reason=reason,
        by=by or who(),
        now_ms=WallClock().now_ms(),
        deadline_s_max=settings.task_deadline_s,
    )
    await write_cancel(bus, settings.namespace, switch, facts.tenant)
    after = await _decided(settings, projection, bus, facts)
    still_to_cancel(after)  # it may have ended a moment before: then that is what is said
    note(f"Task {facts.task_id}: {inert(why(after))}")
    open_count = sum(after.open_at.values())
    if open_count:
        held = "One handoff of it is" if open_count == 1 else f"{open_count} handoffs of it are"
        note(f"{held} still in the hands of agents: what has begun to act may end, no more begins.")
    note(f"How far it had come: handrail show {facts.task_id}")


async def _decided(
    settings: "Settings", projection: "Projection", bus: "Bus", before: "TaskFacts"
) -> "TaskFacts":
    """Give what the ledger says once what was just written stands on it."""
    from handrail.ledger.queries import task
    from handrail.runtime.follow import catch_up

    deadline = asyncio.get_running_loop().time() + SEEN_WITHIN_S
    facts = before
    while not facts.ended and asyncio.get_running_loop().time() < deadline:
        await catch_up(bus, settings.namespace, projection)
        facts = task(projection, before.task_id) or before
        if not facts.ended:
            await asyncio.sleep(POLL_S)
    return facts
