"""The keeper's promises in process, and the faults that only a broker in memory can plan."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from handrail.bus.in_process import InProcessBus, InProcessLaneProducer
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import NOT_ALLOWED, TRANSACTION_DEADLINE_S, OffsetCommit, TopicSpec
from handrail.contract.memory import Memory, MemoryClass
from handrail.errors import TooManyPartitions, TopicAway
from handrail.errors.topics import PartitionsFixed
from handrail.memory.deciding import digest_of
from handrail.runtime.clock import WallClock
from handrail.runtime.closed_topics import PATIENCE_S
from handrail.runtime.keeper import keeper
from handrail.runtime.keeper_book import EXPIRED_COUNT_MAX, FORGOTTEN_COUNT_MAX
from handrail.runtime.single_writer import TIDY_EVERY_MS
from handrail.testing.clock import VirtualClock
from handrail.wire.codec import encode_headers
from handrail.wire.limits import MEMORY_PARTITIONS_MAX
from handrail.wire.memory import COMMANDS, HISTORY, HOLD_PREFIX, Command, Op, Verdict, full_key
from handrail.wire.record import Outgoing
from tests.promises.ground import PARTITIONS, Ground
from tests.promises.keeper import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.memory_askers import (
    SPACES,
    TENANT,
    Askers,
    command,
    envelope,
    keeping,
    without_gaps,
)
from tests.unit.runtime.keeper_partition import PEOPLE
from tests.waiting import until

COMPACT = {"cleanup.policy": "compact"}


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()


@pytest.mark.parametrize("written", [True, False])
async def test_a_doubtful_commit_is_settled_by_opening_again(
    ground: Ground, *, written: bool
) -> None:
    async with ground.bus() as bus:
        assert isinstance(bus, InProcessBus)
        askers = await Askers.prepared(ground, bus)
        async with keeping(bus, ground) as member:
            await until(lambda: len(member.holds) == PARTITIONS)
            for partition in range(PARTITIONS):
                bus.doubt_next_commit(f"ns.keeper.{partition}", written=written)
            answers = [
                await askers.ask(command(Op.INCREMENT, "tally", f"k/{number % 4}", 1))
                for number in range(12)
            ]

        assert sorted(answer.version for answer in answers) == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]
        assert {one.value for one in (await askers.newest("tally")).values()} == {3}


@pytest.mark.parametrize("seed", range(6))
async def test_processes_killed_at_any_moment_of_a_batch_lose_and_double_nothing(
    ground: Ground, seed: int
) -> None:
    choice = random.Random(seed)
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        sent = [
            await askers.send(command(Op.INCREMENT, "tally", f"k/{number % 9}", 1))
            for number in range(90)
        ]

        for _ in range(12):
            victim = await ground.connect()
            assert isinstance(victim, InProcessBus)
            member = keeper(victim, "ns", SPACES, WallClock(), batch_records_max=5)
            task = asyncio.create_task(member.run())
            for _ in range(choice.randint(1, 160)):
                await asyncio.sleep(0)
            victim.kill()
            task.cancel()
            await asyncio.wait([task])
            for member_id in await bus.admin.members("ns.keeper"):
                await bus.admin.remove_member("ns.keeper", member_id)
        async with keeping(bus, ground):
            await until(askers.all_decided)

        found = await askers.newest("tally")
        assert [(one.value, one.version) for one in found.values()] == [(10, 10)] * 9
        assert without_gaps(await askers.history())
        assert await askers.answer_counts() == dict.fromkeys(sent, 1)
        assert len(await askers.told()) == len(sent)


async def test_keepers_killed_while_a_person_is_forgotten_end_it_and_touch_nobody_else(
    ground: Ground,
) -> None:
    choice = random.Random(7)
    spaces = {**SPACES, PEOPLE.name: PEOPLE}
    count = 2 * PARTITIONS * FORGOTTEN_COUNT_MAX  # whichever partitions they fall into

    def sealed(number: int, subject: str) -> Command:
        full = full_key(TENANT, f"k/{number}", subject=subject)
        return command(Op.PUT, PEOPLE.name, "", "c2VhbA==", full=full, sealed=True, expect=0)

    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        await ground.prepare(bus, compacted=[PEOPLE.topic])
        for number in range(count):
            await askers.send(sealed(number, "d1"))
        await askers.send(sealed(0, "d2"))
        async with keeping(bus, ground, spaces=spaces):
            await until(askers.all_decided, within_s=60)
        forget = Command(op=Op.FORGET, space="", key="d1", by="person:ada", reason="asked for")
        headers, topic = encode_headers(envelope(reply_to=None)), ground.topic(COMMANDS)
        for partition in range(PARTITIONS):
            said = Outgoing(topic, b"d1", forget.encode(), headers, partition)
            await bus.sender().send(said)
        await askers.send(sealed(count, "d1"))

        for _ in range(12):
            victim = await ground.connect()
            assert isinstance(victim, InProcessBus)
            task = asyncio.create_task(keeper(victim, "ns", spaces, WallClock()).run())
            for _ in range(choice.randint(1, 120)):
                await asyncio.sleep(0)
            victim.kill()
            task.cancel()
            await asyncio.wait([task])
            for member_id in await bus.admin.members("ns.keeper"):
                await bus.admin.remove_member("ns.keeper", member_id)
        async with keeping(bus, ground, spaces=spaces):
            await until(askers.all_decided, within_s=60)

        later = sealed(count, "d1").key
        assert (await askers.newest(PEOPLE.name)).keys() == {sealed(0, "d2").key, later}
        assert without_gaps(await askers.history())
        told = Counter(one.key for one in await askers.told() if one.op == "forget")
        assert (len(told), set(told.values())) == (count, {1})


async def test_more_partitions_than_a_message_can_name_are_refused_by_name(ground: Ground) -> None:
    count = MEMORY_PARTITIONS_MAX + 1
    names = [COMMANDS, HISTORY, *(space.topic for space in SPACES.values())]
    async with ground.bus() as bus:
        await bus.admin.create([TopicSpec(ground.topic(name), count) for name in names])

        with pytest.raises(TooManyPartitions) as refused:
            await keeper(bus, ground.namespace, SPACES, WallClock()).run()

    assert refused.value.facts["topic"] == ground.topic(COMMANDS)


@pytest.mark.parametrize("other", [COMMANDS, HISTORY, "memory.facts"])
async def test_a_topic_of_memory_that_has_not_the_partitions_of_the_others_is_refused_by_name(
    ground: Ground, other: str
) -> None:
    names = [COMMANDS, HISTORY, *(space.topic for space in SPACES.values())]
    count = 4 if other == COMMANDS else 2
    async with ground.bus() as bus:
        await bus.admin.create(
            [TopicSpec(ground.topic(one), 3, settings=COMPACT) for one in names if one != other]
        )
        await bus.admin.create([TopicSpec(ground.topic(other), count, settings=COMPACT)])

        with pytest.raises(PartitionsFixed) as refused:
            await keeper(bus, ground.namespace, SPACES, WallClock()).run()

    assert {refused.value.facts["found"], refused.value.facts["wanted"]} == {3, count}
    assert "fixed for life" in str(refused.value)


async def test_a_topic_with_records_where_no_command_leads_is_refused_by_name(
    ground: Ground,
) -> None:
    wide = TopicSpec(ground.topic("memory.facts"), PARTITIONS + 1, settings=COMPACT)
    async with ground.bus() as bus:
        await bus.admin.create([wide])
        await Askers.prepared(ground, bus)
        await bus.sender().send(Outgoing(wide.name, b"acme/-/k", b"{}", (), PARTITIONS))

        with pytest.raises(PartitionsFixed) as refused:
            await keeper(bus, ground.namespace, SPACES, WallClock()).run()

    assert refused.value.facts["topic"] == wide.name


async def test_a_keeper_goes_on_when_the_topic_is_deleted_on_which_somebody_wants_an_answer(
    ground: Ground,
) -> None:
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        async with keeping(bus, ground) as member:
            await askers.ask(command(Op.INCREMENT, "tally", "t", 1))
            await ground.delete(bus, "clerk.answers")
            await askers.send(command(Op.INCREMENT, "tally", "t", 1))
            await until(lambda: member.handled_count == 2)

        assert {one.value for one in (await askers.newest("tally")).values()} == {2}


async def test_a_partition_that_misses_a_topic_after_another_one_has_looked_does_without_it_too(
    ground: Ground,
) -> None:
    fewer = {name: space for name, space in SPACES.items() if name != "tags"}
    hold = Command(op=Op.HOLD, space="", key="d1", by="person:ada", reason="case 7")
    headers = encode_headers(envelope(reply_to=None))
    async with ground.bus() as bus:
        assert isinstance(bus, InProcessBus)
        await Askers.prepared(ground, bus)
        late = LateBus(bus.broker, "ns.keeper.1", ground.topic("memory.tags"))
        async with keeping(late, ground, spaces=fewer) as member:
            await until(lambda: len(member.holds) == PARTITIONS)
            await ground.delete(bus, "memory.tags")
            for partition in range(PARTITIONS):
                said = Outgoing(ground.topic(COMMANDS), b"d1", hold.encode(), headers, partition)
                await bus.sender().send(said)
            await until(lambda: member.handled_count == PARTITIONS - 1)
            late.go_on.set()
            await until(lambda: member.handled_count == PARTITIONS)


@pytest.mark.parametrize("closed", ["memory.tags", "clerk.answers"])
async def test_a_keeper_goes_on_without_a_topic_to_which_it_may_not_write_and_does_not_need(
    ground: Ground, closed: str
) -> None:
    fewer = {name: space for name, space in SPACES.items() if name != "tags"}
    hold = Command(op=Op.HOLD, space="", key="d1", by="person:ada", reason="case 7")
    headers = encode_headers(envelope(reply_to=None))
    clock = VirtualClock(1_000_000)
    async with ground.bus() as bus:
        assert isinstance(bus, InProcessBus)
        askers = await Askers.prepared(ground, bus)
        barred = BarredBus(bus.broker, ground.topic(closed))
        async with keeping(barred, ground, clock, fewer) as member:

            def has_handled_all() -> bool:
                clock.move_to(clock.now_ms() + 100)  # the right may come back within a minute
                return member.handled_count == PARTITIONS + 1

            await until(lambda: len(member.holds) == PARTITIONS)
            await askers.send(command(Op.INCREMENT, "tally", "t", 1))
            for partition in range(PARTITIONS):
                said = Outgoing(ground.topic(COMMANDS), b"d1", hold.encode(), headers, partition)
                await bus.sender().send(said)
            await until(has_handled_all)

        assert clock.now_ms() - 1_000_000 >= PATIENCE_S * 1000
        assert {one.value for one in (await askers.newest("tally")).values()} == {1}
        held = await ground.records(bus, "memory.tally")
        assert len([one for one in held if one.key == HOLD_PREFIX + b"acme/~d1"]) == PARTITIONS
        assert not await ground.records(bus, closed)


async def test_a_keeper_that_may_not_write_to_a_topic_of_its_own_ends_with_its_name(
    ground: Ground,
) -> None:
    async with ground.bus() as bus:
        assert isinstance(bus, InProcessBus)
        askers = await Askers.prepared(ground, bus)
        await askers.send(command(Op.INCREMENT, "tally", "t", 1))
        barred = BarredBus(bus.broker, ground.topic(HISTORY))

        with pytest.raises(TopicAway) as away:
            await keeper(barred, ground.namespace, SPACES, WallClock()).run()

    assert away.value.facts["topic"] == ground.topic(HISTORY)


class LateBus(InProcessBus):
    """Lets one producer write to one topic only once it may go on."""

    def __init__(self, broker: InProcessBroker, transactional_id: str, topic: str) -> None:
        super().__init__(broker)
        self.late, self.topic, self.go_on = transactional_id, topic, asyncio.Event()

    def lane_producer(self, transactional_id: str) -> InProcessLaneProducer:
        if transactional_id == self.late:
            return StoppedProducer(self, transactional_id, self.topic, self.go_on)
        return super().lane_producer(transactional_id)


class BarredBus(InProcessBus):
    """Belongs to a user who may not write to one topic."""

    def __init__(self, broker: InProcessBroker, topic: str) -> None:
        super().__init__(broker)
        self.topic = topic

    def lane_producer(self, transactional_id: str) -> InProcessLaneProducer:
        return StoppedProducer(self, transactional_id, self.topic, None)


class StoppedProducer(InProcessLaneProducer):
    """Writes to one topic only once it may go on; without such a sign it is not allowed to."""

    def __init__(
        self, bus: InProcessBus, transactional_id: str, topic: str, go_on: asyncio.Event | None
    ) -> None:
        super().__init__(bus, transactional_id)
        self._stops_at, self._go_on = topic, go_on

    async def commit(
        self,
        records: Sequence[Outgoing],
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        if any(record.topic == self._stops_at for record in records):
            if self._go_on is None:
                raise TopicAway(topic=self._stops_at, index=0, reason=NOT_ALLOWED)
            await self._go_on.wait()
        return await super().commit(records, offsets, deadline_s=deadline_s)


async def test_a_keeper_whose_ledger_is_deleted_ends_with_its_name_and_does_not_open_for_ever(
    ground: Ground,
) -> None:
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        member = keeper(bus, ground.namespace, SPACES, WallClock())
        running = asyncio.create_task(member.run(), name="keeper under test")
        await until(lambda: len(member.holds) == PARTITIONS)
        await ground.delete(bus, "ledger")
        await askers.send(command(Op.INCREMENT, "tally", "t", 1))
        try:
            await until(running.done)
        finally:
            member.stop()
        with pytest.raises(TopicAway) as away:
            await running

    assert away.value.facts["topic"] == ground.topic("ledger")


async def test_a_sweep_that_leaves_something_goes_on_at_once(ground: Ground) -> None:
    clock = VirtualClock(1_000_000)
    brief = Memory("brief", carries=int, keeps=MemoryClass.FACT, ttl_s=1)
    spaces = {**SPACES, "brief": brief}
    count = 2 * PARTITIONS * EXPIRED_COUNT_MAX  # whichever partitions they fall into
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        await ground.prepare(bus, compacted=[brief.topic])
        async with keeping(bus, ground, clock, spaces) as member:
            for number in range(count):
                await askers.send(command(Op.PUT, "brief", f"k/{number}", 1, expect=0))
            await until(lambda: member.handled_count == count, within_s=60)

            clock.move_to(clock.now_ms() + TIDY_EVERY_MS)

            async def all_gone() -> bool:
                return not await askers.newest("brief")

            await until(all_gone, within_s=60, what="what has expired is swept")
            answer = await askers.ask(command(Op.INCREMENT, "tally", "t", 1))
        assert answer.version == 1


async def test_a_text_under_keys_that_tell_nothing_is_kept_once_in_each_partition(
    ground: Ground,
) -> None:
    text = {"text": "the museum of Lund is open on the second sunday of each month"}
    keys = [f"claim/{digest_of(b'%d' % number)}" for number in range(24)]
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        async with keeping(bus, ground):
            answers = [await askers.ask(command(Op.PUT, "facts", k, text, expect=0)) for k in keys]

        kept = {answer.same_as or answer.key for answer in answers}
        assert {answer.verdict for answer in answers} == {Verdict.APPLIED}
        assert (await askers.newest("facts")).keys() == kept
        assert len(kept) == PARTITIONS
