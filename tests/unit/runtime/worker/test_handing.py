"""Work beside the handlers of a lane, and how it ends with it."""

import asyncio

from handrail.lane.decision import LaneSettings
from handrail.lane.lane import Lane
from handrail.runtime.worker.committer import Committer
from handrail.runtime.worker.handing import Handing
from handrail.runtime.worker.saying import Saying
from tests.unit.runtime.worker.test_committer import PLACE, Log, Producer


def handing_without_a_committer() -> Handing:
    """Hand to a committer that does not run, so that nothing ever commits."""
    lane = Lane(LaneSettings("1", "in"), 0, None)
    committer = Committer(lane, Producer(Log()), PLACE, None)  # type: ignore[arg-type]
    return Handing(PLACE, lane, committer, object.__new__(Saying))


async def test_what_a_handler_that_is_cut_off_leaves_beside_it_never_begins() -> None:
    handing = handing_without_a_committer()
    begun: list[str] = []

    async def waits_for_ever() -> None:
        begun.append("before")
        await asyncio.Event().wait()

    async def after_the_end() -> None:
        begun.append("after")
        await asyncio.Event().wait()

    async def handler() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            handing.aside(after_the_end())

    handing.aside(waits_for_ever())
    running = asyncio.create_task(handler())
    await asyncio.sleep(0)
    await handing.close([running])

    assert running.done()
    assert begun == ["before"]
    assert handing.aside_count == 0
