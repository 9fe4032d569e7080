"""How handlers pass the door of their process, with a committer that has nothing in hand."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

from handrail.lane.invocation import Invocation
from handrail.lane.poison import Standing
from handrail.runtime.clock import WallClock
from handrail.runtime.failpoint import NoFailPoints
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.handing import Handing
from handrail.runtime.worker.presence import Door, Presence
from handrail.wire.record import TopicPartition

ASKED_COUNT_MAX = 100


class IdleCommitter:
    """Has committed everything by the time somebody looks, as behind a quick broker."""

    def hand(self, item: Item) -> None:
        del item

    async def commit(self, item: Item) -> Sequence[int]:
        del item
        return ()

    async def flush(self) -> None:
        """Nothing is in hand: it returns without a turn of the loop."""


@dataclass
class Beside:
    """Does what is to be done beside handlers, as soon as the loop comes to it."""

    tasks: list["asyncio.Task[None]"] = field(default_factory=list["asyncio.Task[None]"])

    def aside(self, work: Coroutine[object, object, None]) -> None:
        self.tasks.append(asyncio.create_task(work))


@dataclass
class Asked:
    """Says that a handler may start; a loop that asks without end fails."""

    count: int = 0

    def __call__(self) -> bool:
        self.count += 1
        assert self.count <= ASKED_COUNT_MAX, "it is asked for ever, and nothing else runs"
        return True


def presence_of_one_process() -> tuple[Presence, Beside]:
    beside = Beside()
    worker = SimpleNamespace(
        door=Door(),
        clock=WallClock(),
        fail_points=NoFailPoints(),
        agent=SimpleNamespace(version="1"),
    )
    place = SimpleNamespace(transactional_id="t", journal=TopicPartition("journal", 0))
    ground = SimpleNamespace(
        worker=worker, place=place, committer=IdleCommitter(), lane=SimpleNamespace(epoch=1)
    )
    return Presence(cast("LaneGround", ground), cast("Handing", beside), 0), beside


async def test_a_suspect_that_starts_again_while_it_is_on_its_way_out_waits_its_turn() -> None:
    presence, beside = presence_of_one_process()
    suspect = Invocation("i", b"key", 0, 0, None, None, standing=Standing(involved_count=1))
    asked = Asked()
    assert await presence.begin(suspect, asked)

    presence.end(suspect)  # its way out is begun, and has not had its turn
    assert await presence.begin(suspect, asked)

    presence.end(suspect)
    await asyncio.gather(*beside.tasks)


async def test_who_is_on_the_way_out_is_out_once_the_lane_is_let_go() -> None:
    presence, beside = presence_of_one_process()
    suspect = Invocation("i", b"key", 0, 0, None, None, standing=Standing(involved_count=1))
    assert await presence.begin(suspect, Asked())

    presence.end(suspect)
    again = asyncio.create_task(presence.begin(suspect, Asked()))
    presence.close()

    assert await again
    presence.close()
    await asyncio.gather(*beside.tasks)
