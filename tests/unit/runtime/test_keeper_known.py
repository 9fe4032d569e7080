"""Whoever asks from a topic that came after the keeper is answered, by whichever partitions."""

import asyncio
from collections.abc import Mapping

import pytest

from handrail.bus.in_process import InProcessAdmin, InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.errors import BrokerUnreachable
from handrail.runtime.keeper_known import Known
from handrail.wire.memory import Op
from tests.promises.ground import PARTITIONS, Ground
from tests.promises.memory_askers import Askers, command, keeping
from tests.waiting import until

LATE = "novice.answers"
KEYS = [f"k/{number}" for number in range(6)]


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()


class SlowAdmin(InProcessAdmin):
    """Says which topics there are once it may, and fails as often as was planned."""

    def __init__(self, bus: InProcessBus) -> None:
        super().__init__(bus)
        self.may_say = asyncio.Event()
        self.may_say.set()
        self.asked_count = 0
        self.failing_count = 0

    async def topics(self) -> Mapping[str, int]:
        self.asked_count += 1
        await self.may_say.wait()
        if self.failing_count:
            self.failing_count -= 1
            raise BrokerUnreachable(bootstrap="memory", reason="planned")
        return await super().topics()


class SlowBus(InProcessBus):
    """A connection that a keeper looks through."""

    def __init__(self, broker: InProcessBroker) -> None:
        super().__init__(broker)
        self.slow = SlowAdmin(self)

    @property
    def admin(self) -> InProcessAdmin:
        return self.slow


@pytest.mark.parametrize("failing_count", [0, 1])
async def test_an_agent_that_came_later_is_answered_by_all_partitions_that_it_asks_at_once(
    ground: Ground, failing_count: int
) -> None:
    async with ground.bus() as bus:
        assert isinstance(bus, InProcessBus)
        askers = await Askers.prepared(ground, bus)
        slow_bus = SlowBus(bus.broker)
        slow = slow_bus.slow
        async with keeping(slow_bus, ground) as member:
            await until(lambda: len(member.holds) == PARTITIONS)
            await ground.prepare(bus, LATE)
            slow.may_say.clear()
            slow.asked_count, slow.failing_count = 0, failing_count
            sent = [
                await askers.send(command(Op.INCREMENT, "tally", key, 1), reply_to=f"{LATE}/0")
                for key in KEYS
            ]
            await until(lambda: member.in_hand_count + member.handled_count == len(KEYS))
            slow.may_say.set()
            await until(askers.all_decided, within_s=30)

        told = await ground.records(bus, LATE)
        assert sorted((one.header("ce_for") or b"").decode() for one in told) == sorted(sent)
        assert len(await askers.newest("tally")) == len(KEYS)
        await slow_bus.close()


async def test_a_topic_that_is_not_there_is_looked_for_once_for_all_that_ask_from_it(
    ground: Ground,
) -> None:
    async with ground.bus() as bus:
        assert isinstance(bus, InProcessBus)
        askers = await Askers.prepared(ground, bus)
        slow_bus = SlowBus(bus.broker)
        slow = slow_bus.slow
        async with keeping(slow_bus, ground) as member:
            await until(lambda: len(member.holds) == PARTITIONS)
            slow.asked_count = 0
            for key in KEYS:
                asked = command(Op.INCREMENT, "tally", key, 1)
                await askers.send(asked, reply_to="nobody.answers/0")
            await until(askers.all_decided, within_s=30)

        assert slow.asked_count == 1
        assert len(await askers.newest("tally")) == len(KEYS)
        await slow_bus.close()


class Broker:
    """Gives one answer for each time that it is asked, whenever the test says."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[Mapping[str, int]]] = []

    async def topics(self) -> Mapping[str, int]:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


async def test_an_answer_that_was_asked_for_earlier_takes_back_nothing_of_a_later_one() -> None:
    known, broker = Known(), Broker()
    opening = asyncio.create_task(known.learn(broker.topics))
    await until(lambda: len(broker.asked) == 1)
    seeking = asyncio.create_task(known.seek({"ns.novice.answers"}, broker.topics))
    await until(lambda: len(broker.asked) == 2)

    broker.asked[1].set_result({"ns.novice.answers": 3})
    await seeking
    broker.asked[0].set_result({"ns.clerk.answers": 3})
    await opening

    assert known.answers == {"ns.novice.answers": 3}


async def test_who_waits_for_one_that_is_cancelled_asks_by_itself() -> None:
    known, broker = Known(), Broker()
    first, second = (
        asyncio.create_task(known.seek({"ns.novice.answers"}, broker.topics)) for _ in range(2)
    )
    await until(lambda: len(broker.asked) == 1)

    first.cancel()
    await until(lambda: len(broker.asked) == 2)
    broker.asked[1].set_result({"ns.novice.answers": 3})
    await second

    assert known.answers == {"ns.novice.answers": 3}


async def test_what_was_looked_for_before_a_topic_came_is_looked_for_again() -> None:
    known, broker = Known(), Broker()
    first = asyncio.create_task(known.seek({"ns.nobody.answers"}, broker.topics))
    await until(lambda: len(broker.asked) == 1)
    second = asyncio.create_task(known.seek({"ns.novice.answers"}, broker.topics))

    broker.asked[0].set_result({})
    await first
    await until(lambda: len(broker.asked) == 2)
    broker.asked[1].set_result({"ns.novice.answers": 3})
    await second

    assert known.answers == {"ns.novice.answers": 3}
