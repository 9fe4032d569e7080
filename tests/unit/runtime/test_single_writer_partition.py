"""A single writer's partition is opened by whoever the group accepts, and by nobody else."""

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import Membership, OffsetCommit, TopicSpec
from handrail.errors import LedgerShrunk, MembershipRefused, ProducerFenced
from handrail.ledger.event_record import encode
from handrail.runtime.registrar import TaskBook
from handrail.runtime.single_writer_partition import WriterPartition, WriterPlan
from handrail.wire.record import Outgoing, TopicPartition
from tests.unit.ledger.told import Story, as_record
from tests.waiting import until

DAY_MS = 24 * 3_600_000
PLAN = WriterPlan(namespace="ns", name="registrar", reads="ledger", owns=("tasks",))
LEDGER, TASKS = TopicPartition("ns.ledger", 0), TopicPartition("ns.tasks", 0)


class Member:
    """Joins the group and remembers as whom."""

    def __init__(self, bus: InProcessBus) -> None:
        self.memberships: list[Membership] = []
        self.consumer = bus.group_consumer("ns.registrar", ["ns.ledger"], self)

    def on_assigned(self, membership: Membership, partitions: frozenset[TopicPartition]) -> None:
        self.memberships.append(membership)

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        pass

    def on_lost(self) -> None:
        pass

    async def joined(self, times: int = 1) -> Membership:
        await until(lambda: len(self.memberships) >= times)
        return self.memberships[-1]


@pytest.fixture
def bus() -> InProcessBus:
    broker = InProcessBroker(lambda: time.time_ns() // 1_000_000)
    for name in ("ns.ledger", "ns.tasks", "ns.results"):
        broker.create(TopicSpec(name, 1))
    return InProcessBus(broker)


def partition(bus: InProcessBus) -> WriterPartition:
    return WriterPartition(bus, PLAN, 0, TaskBook("ns", 0))


async def test_who_opens_under_a_membership_that_has_passed_is_refused(bus: InProcessBus) -> None:
    first, second = Member(bus), Member(bus)
    await first.consumer.start()
    passed = await first.joined()
    await second.consumer.start()
    await first.joined(times=2)

    with pytest.raises(MembershipRefused):
        await partition(bus).open(first.consumer, passed)

    await bus.close()


async def test_who_was_refused_fences_nobody_before_it_is_accepted_again(
    bus: InProcessBus,
) -> None:
    first, second = Member(bus), Member(bus)
    await first.consumer.start()
    passed = await first.joined()
    await second.consumer.start()
    current = await first.joined(times=2)
    owner, refused = partition(bus), partition(bus)
    await owner.open(first.consumer, current)

    with pytest.raises(MembershipRefused):
        await refused.open(first.consumer, passed, prove_first=True)
    await owner.take([as_record(Story("a").accepted(), 0)], 0)

    assert await bus.end_offset(TASKS) > 0
    await bus.close()


async def test_a_batch_that_comes_before_the_opening_is_never_passed_over_in_silence(
    bus: InProcessBus,
) -> None:
    with pytest.raises(ProducerFenced):
        await partition(bus).take([as_record(Story("a").accepted(), 0)], 0)


async def test_a_topic_that_is_shorter_than_what_was_read_of_it_is_named(
    bus: InProcessBus,
) -> None:
    member = Member(bus)
    await member.consumer.start()
    membership = await member.joined()
    earlier = bus.lane_producer(PLAN.transactional_id(0))
    await earlier.init(deadline_s=1)
    await earlier.commit(
        [Outgoing("ns.tasks", b"k", None, (), 0)], OffsetCommit(PLAN.group, LEDGER, 7, "")
    )

    with pytest.raises(LedgerShrunk) as stopped:
        await partition(bus).open(member.consumer, membership)

    assert (stopped.value.facts["read"], stopped.value.facts["end"]) == (7, 0)
    await bus.close()


async def test_what_was_taken_before_is_passed_over(bus: InProcessBus) -> None:
    member = Member(bus)
    await member.consumer.start()
    owner = partition(bus)
    story = Story("a")
    batch = [as_record(story.accepted(), 0), as_record(story.finished("s1", "h@q"), 1)]
    await owner.open(member.consumer, await member.joined())

    await owner.take(batch, 0)
    after_one = await bus.end_offset(TASKS)
    await owner.take(batch, 0)

    assert await bus.end_offset(TASKS) == after_one
    assert owner.next_offset == 2
    await owner.discard()
    await bus.close()


async def test_who_opens_goes_on_where_the_own_records_say_though_the_group_knows_less(
    bus: InProcessBus,
) -> None:
    member = Member(bus)
    await member.consumer.start()
    membership = await member.joined()
    before, after = partition(bus), partition(bus)
    story = Story("a")
    for event in (story.accepted(), story.finished("s1", "h@q")):
        await bus.sender().send(replace(encode(event, "ns.ledger"), partition=0))
    await before.open(member.consumer, membership)
    await before.tell_group()
    await before.take([record async for record in bus.fetch(LEDGER, 0, 2)], 0)
    await before.discard()
    assert (await bus.admin.committed(PLAN.group, "ns.ledger"))[0].offset == 0

    assert await after.open(member.consumer, membership) == 2

    await after.close(last_word=True)
    assert (await bus.admin.committed(PLAN.group, "ns.ledger"))[0].offset == 2
    await bus.close()


async def test_a_sweep_that_leaves_something_goes_on_and_one_that_is_through_waits_a_day(
    bus: InProcessBus,
) -> None:
    looked, left = 0, 3

    async def sweep(number: int, _: int) -> Sequence[Outgoing]:
        nonlocal looked, left
        looked += 1
        left -= 1
        return [Outgoing("ns.tasks", b"%d" % left, None, (), number)] if left >= 0 else ()

    member = Member(bus)
    await member.consumer.start()
    owner = WriterPartition(bus, replace(PLAN, sweep=sweep), 0, TaskBook("ns", 0))
    await owner.tidy(DAY_MS)
    assert looked == 0, "who has not opened the partition deletes nothing there"
    await owner.open(member.consumer, await member.joined())

    for _ in range(9):
        await owner.tidy(DAY_MS)
    assert (looked, left) == (4, -1)
    await owner.tidy(2 * DAY_MS)
    assert looked == 5

    await owner.discard()
    await bus.close()
