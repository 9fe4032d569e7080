"""What lanes delete, in memory; the same bodies run on a real Kafka."""

from collections.abc import Callable, Mapping

import pytest

from handrail.errors import BrokerUnreachable
from handrail.runtime.worker.retention import EVERY_S
from handrail.testing import Team
from handrail.wire.record import TopicPartition
from tests.promises.retention import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team


async def test_a_lane_deletes_once_an_hour_whatever_became_of_the_last_time() -> None:
    async with Team(worker, partitions=1) as team:  # noqa: F405 - of the promises
        place = lane_of(team).place  # noqa: F405 - of the promises
        own = lane_of(team)._worker.bus  # noqa: F405 - of the promises
        admin = own.admin
        refused: list[Mapping[TopicPartition, int]] = []

        class Refusing:
            """An admin that may not delete."""

            def __getattr__(self, name: str) -> object:
                return getattr(admin, name)

            async def delete_records(self, before: Mapping[TopicPartition, int]) -> None:
                refused.append(before)
                raise BrokerUnreachable(bootstrap="here", reason="you may not delete")

        assert await (await team.submit(jobs, "a")).result(str) == "a"  # noqa: F405
        end = await team.bus.end_offset(place.inbox)
        own._admin = Refusing()
        team.clock.move_to(team.clock.now_ms() + WEEK_AND_A_DAY_MS)  # noqa: F405
        await until(lambda: refused, what="the first time is refused")  # noqa: F405
        own._admin = admin
        team.clock.move_to(team.clock.now_ms() + int(EVERY_S * 1000))

        async def gone() -> bool:
            return await team.bus.begin_offset(place.inbox) == end

        await until(gone, what="the next time deletes")  # noqa: F405
        assert lane_of(team).trouble is None  # noqa: F405
