"""Opens the projection of a project for a command, folded up to this moment."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from handrail.cli.broker import connected
from handrail.cli.output import note
from handrail.errors import TaskUnknown

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings
    from handrail.ledger.projection import Projection
    from handrail.ledger.task_state import TaskFacts

SEEN_WITHIN_S = 2.0  #: how long a task that was just submitted may take to stand on the ledger


@contextlib.asynccontextmanager
async def current_projection(settings: "Settings") -> AsyncGenerator[tuple["Projection", "Bus"]]:
    """Give the projection as of now, and the connection it was read through."""
    from handrail.ledger.projection import Projection
    from handrail.runtime.follow import catch_up

    folder = settings.project_dir / ".handrail" / "projection"
    async with connected(settings) as bus:
        folder.mkdir(parents=True, exist_ok=True)
        projection = Projection(folder / f"{settings.namespace}.sqlite")
        try:
            if projection.moved_aside is not None:
                note(f"The projection was damaged; it lies in {projection.moved_aside} now.")
            await catch_up(bus, settings.namespace, projection)
            yield projection, bus
        finally:
            projection.close()


async def known_task(
    settings: "Settings", projection: "Projection", bus: "Bus", wanted: str
) -> "TaskFacts":
    """Find a task by id, reference or beginning of an id; raises TaskUnknown.

    One that was submitted a moment ago may not stand on the ledger yet: it is waited for.
    """
    from handrail.ledger.queries import task
    from handrail.runtime.follow import catch_up

    deadline = asyncio.get_running_loop().time() + SEEN_WITHIN_S
    while (facts := task(projection, wanted)) is None:
        if asyncio.get_running_loop().time() > deadline:
            reason = f"the ledger of namespace {settings.namespace} has nothing under it."
            raise TaskUnknown(wanted=wanted, reason=reason)
        await asyncio.sleep(0.1)
        await catch_up(bus, settings.namespace, projection)
    return facts
