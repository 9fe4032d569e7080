"""What the keeper of memory promises, on whatever bus the fixture `ground` stands on."""

import asyncio
import random
from dataclasses import replace

import pytest

from handrail.bus.port import OffsetCommit, TopicSpec
from handrail.chaos.registers import faults
from handrail.chaos.writers import Writers
from handrail.errors import CommandsCut, MemoryShrunk, NotCompacted
from handrail.ledger.memory_event import MemoryRefused, MemoryWritten
from handrail.runtime.clock import WallClock
from handrail.runtime.keeper import keeper
from handrail.wire.memory import (
    APPLIED_KEY,
    COMMANDS,
    HISTORY,
    AppliedMark,
    Op,
    Verdict,
    full_key,
    space_topic,
)
from handrail.wire.record import Outgoing, TopicPartition
from tests.promises.ground import PARTITIONS, Ground
from tests.promises.memory_askers import (
    SPACES,
    TENANT,
    Askers,
    command,
    keeping,
    without_gaps,
)
from tests.waiting import until


async def test_only_one_of_two_who_saw_the_same_version_writes_the_next(ground: Ground) -> None:
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        async with keeping(bus, ground):
            first = await askers.ask(command(Op.PUT, "facts", "order/1", {"text": "a"}, expect=0))
            one = await askers.ask(command(Op.PUT, "facts", "order/1", {"text": "b"}, expect=1))
            other = await askers.ask(command(Op.PUT, "facts", "order/1", {"text": "c"}, expect=1))

        assert (first.verdict, first.version) == (Verdict.APPLIED, 1)
        assert (one.verdict, one.version) == (Verdict.APPLIED, 2)
        assert (other.verdict, other.version) == (Verdict.CONFLICT, 2)
        (record,) = (await askers.newest("facts")).values()
        assert (record.value, record.version) == ({"text": "b"}, 2)
        assert [one.version for one in await askers.history()] == [1, 2]
        said = await askers.told()
        assert [type(event) for event in said] == [MemoryWritten, MemoryWritten, MemoryRefused]


async def test_what_needs_no_answer_is_applied_in_order_and_counts(ground: Ground) -> None:
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        async with keeping(bus, ground):
            for number in range(1, 6):
                await askers.send(command(Op.INCREMENT, "tally", "t", number), reply_to=None)
                await askers.send(command(Op.ADD, "tags", "t", f"tag {number % 2}"), reply_to=None)
            await until(askers.all_decided, within_s=30)

        (tally,) = (await askers.newest("tally")).values()
        (tags,) = (await askers.newest("tags")).values()
        assert (tally.value, tally.version) == (15, 5)
        assert (tags.value, tags.version) == (["tag 0", "tag 1"], 2)
        assert len(await askers.told()) == 10


async def test_whatever_stands_on_the_commands_is_answered_and_stops_nothing(
    ground: Ground,
) -> None:
    topic = ground.topic(COMMANDS)
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        async with keeping(bus, ground):
            for partition in range(PARTITIONS):
                for body in (None, b"", b"\xff\x00", b"[1]", b'{"op":"put"}'):
                    await bus.sender().send(Outgoing(topic, b"k", body, (), partition))
            strange = await askers.ask(command(Op.PUT, "nowhere", "k", 1, expect=0))
            future = await askers.ask(command(Op.PUT, "tally", "k", 1, expect=9))
            later = await askers.ask(
                command(Op.PUT, "tally", "k", 1), type="handrail_memory_command.v2"
            )
            alone = await askers.send(command(Op.PUT, "tally", "k", 1), reply_to="nobody.answers/0")
            await until(askers.all_decided, within_s=30)

        states = [answer.state for answer in (strange, future, later)]
        assert states == ["not_found", "precondition_failed", "invalid_input"]
        assert alone not in await askers.answer_counts()
        said = await askers.told()
        assert len(said) == 5 * PARTITIONS + 4
        assert [type(event) for event in said].count(MemoryWritten) == 1


async def test_an_agent_that_came_after_the_keeper_is_answered(ground: Ground) -> None:
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        async with keeping(bus, ground):
            sooner = command(Op.PUT, "facts", "order/1", {"text": "a"}, expect=0)
            await askers.ask(sooner)  # the partition of both is open
            await ground.prepare(bus, "novice.answers")
            later = replace(sooner, expect=1, value={"text": "b"})
            sent = await askers.send(later, reply_to="novice.answers/0")

            async def heard() -> list[str]:
                told = await ground.records(bus, "novice.answers")
                return [(record.header("ce_for") or b"").decode() for record in told]

            assert await until(heard, within_s=10, what="the novice is answered") == [sent]


async def test_a_topic_that_would_lose_records_is_refused_by_name(ground: Ground) -> None:
    async with ground.bus() as bus:
        await Askers.prepared(ground, bus)
        name = ground.topic(space_topic("loose"))
        await bus.admin.create([TopicSpec(name, PARTITIONS, settings={"cleanup.policy": "delete"})])

        async def is_there() -> bool:
            return name in await bus.admin.topics()

        await until(is_there)
        loose = {"loose": SPACES["tally"], **SPACES}

        with pytest.raises(NotCompacted) as refused:
            await keeper(bus, ground.namespace, loose, WallClock()).run()

        assert refused.value.facts["topic"] == name


async def test_what_something_else_has_written_stops_its_own_key_until_a_person_writes_that_anew(
    ground: Ground,
) -> None:
    key = full_key(TENANT, "order/1").encode()
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        async with keeping(bus, ground):
            await askers.ask(command(Op.PUT, "facts", "order/1", {"text": "a"}, expect=0))
        facts = ground.topic(space_topic("facts"))
        for partition, name in [(None, key), *((p, APPLIED_KEY) for p in range(PARTITIONS))]:
            await bus.sender().send(Outgoing(facts, name, b"no record", (), partition))

        async with keeping(bus, ground):
            over = command(Op.PUT, "facts", "order/1", {"text": "b"}, expect=1)
            refused = await askers.ask(over)
            beside = await askers.ask(command(Op.PUT, "facts", "order/2", {"text": "a"}, expect=0))
            anew = await askers.ask(replace(over, by="person:ada"))
            later = await askers.ask(replace(over, expect=2, value={"text": "c"}))

        assert (refused.verdict, refused.state) == (Verdict.REFUSED, "precondition_failed")
        assert "something else than the keeper" in refused.detail
        assert (beside.verdict, beside.version) == (Verdict.APPLIED, 1)
        assert [(one.verdict, one.version) for one in (anew, later)] == [
            (Verdict.APPLIED, 2),
            (Verdict.APPLIED, 3),
        ]
        assert without_gaps(await askers.history())


async def test_commands_that_were_deleted_unread_stop_the_keeper_by_name_until_its_group_is_told(
    ground: Ground,
) -> None:
    topic, group = ground.topic(COMMANDS), ground.topic("keeper")
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        async with keeping(bus, ground):
            await askers.ask(command(Op.INCREMENT, "tally", "t", 1))
        await askers.send(command(Op.INCREMENT, "tally", "t", 10))
        where = TopicPartition(topic, await bus.partition_of(topic, full_key(TENANT, "t").encode()))
        await bus.admin.delete_records({where: await bus.end_offset(where)})
        first = await bus.begin_offset(where)

        with pytest.raises(CommandsCut) as stopped:
            await keeper(bus, ground.namespace, SPACES, WallClock()).run()

        assert stopped.value.facts["where"] == f"{topic}[{where.partition}]"
        told = bus.lane_producer(ground.topic("somebody"))
        await told.init(deadline_s=30)
        await told.commit([], OffsetCommit(group, where, first, ""))
        await told.close()
        async with keeping(bus, ground):
            later = await askers.ask(command(Op.INCREMENT, "tally", "t", 100))
        assert later.version == 2
        assert [one.value for one in (await askers.newest("tally")).values()] == [101]


async def test_commands_that_are_fewer_than_were_read_stop_the_keeper_by_name(
    ground: Ground,
) -> None:
    where = TopicPartition(ground.topic(COMMANDS), 0)
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        mark = AppliedMark(applied=6, spaces={})
        tally = ground.topic(space_topic("tally"))
        await bus.sender().send(Outgoing(tally, APPLIED_KEY, mark.encode(), (), 0))

        with pytest.raises(MemoryShrunk) as stopped:
            await keeper(bus, ground.namespace, SPACES, WallClock()).run()

        assert (stopped.value.facts["read"], stopped.value.facts["end"]) == (7, 0)
        for _ in range(7):
            await bus.sender().send(Outgoing(where.topic, b"filled", None, (), 0))
        async with keeping(bus, ground):
            await until(askers.all_decided, within_s=30)
            answers = [
                await askers.ask(command(Op.INCREMENT, "tally", f"k/{number}", 1))
                for number in range(9)
            ]
        assert {answer.partition for answer in answers} == {0, 1, 2}
        assert {answer.verdict for answer in answers} == {Verdict.APPLIED}


async def test_members_come_and_go_and_no_write_is_lost_or_doubled(ground: Ground) -> None:
    choice = random.Random(11)
    keys = [f"k/{number}" for number in range(12)]
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        sent: list[str] = []

        async def comes_and_goes() -> None:
            for _ in range(3):
                async with ground.bus() as own, keeping(own, ground):
                    goal = len(sent) + choice.randint(5, 25)
                    await until(lambda goal=goal: len(sent) >= min(goal, 180), within_s=30)

        async with keeping(bus, ground):
            members = [asyncio.create_task(comes_and_goes()) for _ in range(2)]
            for _ in range(15):
                for key in keys:
                    sent += [await askers.send(command(Op.INCREMENT, "tally", key, 1))]
                await asyncio.sleep(0)
            await asyncio.gather(*members)
            await until(askers.all_decided, within_s=60)

        found = await askers.newest("tally")
        assert sorted(record.value for record in found.values()) == [15] * 12
        assert {record.version for record in found.values()} == {15}
        assert without_gaps(await askers.history())
        assert set((await askers.answer_counts()).values()) == {1}
        assert len(await askers.answer_counts()) == len(sent)


async def test_writers_of_the_same_keys_can_have_written_one_after_the_other(
    ground: Ground,
) -> None:
    """The history is linearisable for each key, though keepers come and go meanwhile."""
    async with ground.bus() as bus:
        await Askers.prepared(ground, bus)
        keys = [f"k/{number}" for number in range(5)]
        writers = Writers(bus, ground.namespace, "words", "clerk", keys)

        async def comes_and_goes() -> None:
            for part in range(1, 4):
                async with ground.bus() as own, keeping(own, ground):
                    await until(lambda part=part: writers.done >= 40 * part, within_s=60)

        async with keeping(bus, ground):
            await asyncio.gather(writers.run(8, 20), comes_and_goes())

        assert {call.result for call in writers.calls} == {"ok", "conflict"}
        assert faults(writers.calls, await writers.kept()) == []


async def test_whoever_opens_later_goes_on_from_the_topics_alone(ground: Ground) -> None:
    async with ground.bus() as bus:
        askers = await Askers.prepared(ground, bus)
        async with keeping(bus, ground):
            await askers.ask(command(Op.PUT, "facts", "order/1", {"text": "a"}, expect=0))
            await askers.ask(command(Op.REMOVE, "facts", "order/1", by="person:ada", expect=1))
        async with keeping(bus, ground):
            again = await askers.ask(command(Op.PUT, "facts", "order/1", {"text": "b"}, expect=0))

        assert again.version == 3
        assert without_gaps(await askers.history())
        assert [one.removed for one in await askers.history()] == [False, True, False]


async def test_a_topic_of_more_partitions_than_the_commands_have_is_kept_if_nothing_is_in_the_rest(
    ground: Ground,
) -> None:
    wide = TopicSpec(
        ground.topic("memory.facts"), PARTITIONS + 2, settings={"cleanup.policy": "compact"}
    )
    async with ground.bus() as bus:
        await bus.admin.create([wide, TopicSpec(ground.topic(HISTORY), PARTITIONS + 1)])
        askers = await Askers.prepared(ground, bus)
        async with keeping(bus, ground):
            answers = [
                await askers.ask(command(Op.PUT, "facts", f"k/{n}", {"text": "a"}, expect=0))
                for n in range(4)
            ]

        assert [answer.verdict for answer in answers] == [Verdict.APPLIED] * 4
        assert len(await askers.newest("facts")) == 4
