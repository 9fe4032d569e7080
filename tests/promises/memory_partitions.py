"""What becomes of memory when topics are given more partitions, on whatever bus `ground` is."""

import asyncio
from pathlib import Path

import pytest

from handrail.bus.murmur2 import partition_for
from handrail.errors.topics import PartitionsFixed
from handrail.runtime.clock import WallClock
from handrail.runtime.keeper import keeper
from handrail.runtime.memory_view import MemoryView, ViewSettings
from handrail.runtime.single_writer_partition import END_KEY
from handrail.wire.memory import APPLIED_KEY, COMMANDS, HISTORY, Op, full_key, space_topic
from tests.promises.ground import PARTITIONS, Ground
from tests.promises.memory_askers import SPACES as KEPT
from tests.promises.memory_askers import Askers, command
from tests.promises.memory_scribe import SPACES, TENANT, Scribe
from tests.waiting import until


async def test_a_running_view_reads_partitions_that_its_topics_are_given(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        scribe = await Scribe.begin(ground, bus)
        settings = ViewSettings(ground.namespace, SPACES, tmp_path, looks_every_s=0.1)
        view = MemoryView(bus, settings)
        try:
            await view.start()
            before = await scribe.put("facts", "order/1", "paid")
            await view.wait_for(before, within_s=30)
            for name in (HISTORY, space_topic("facts")):
                await ground.widen(bus, name, PARTITIONS + 1)
            # As a keeper that is started again: whoever was there knows of three.
            scribe.producer = bus.lane_producer(f"{ground.namespace}.keeper.1")
            await scribe.producer.init(deadline_s=30)
            wanted = await scribe.put("facts", "order/2", "sent", partition=PARTITIONS)
            await view.wait_for(wanted, within_s=30)
            both = before.joined([wanted])
            found = [
                await view.get("facts", full_key(TENANT, key), wanted=both)
                for key in ("order/1", "order/2")
            ]
        finally:
            await view.close()

        assert [one and one.value for one in found] == ["paid", "sent"]


async def test_a_keeper_whose_commands_are_given_partitions_ends_and_no_key_begins_anew(
    ground: Ground,
) -> None:
    async with ground.bus() as bus, ground.bus() as other_bus:
        askers = await Askers.prepared(ground, bus)
        member = keeper(bus, ground.namespace, KEPT, WallClock())
        running = asyncio.create_task(member.run(), name="keeper under test")
        await until(lambda: len(member.holds) == PARTITIONS, within_s=30)
        await ground.widen(bus, COMMANDS, PARTITIONS + 1)
        for number in range(12):
            await askers.send(command(Op.INCREMENT, "tally", f"k/{number}", 1))
        # One that joins the group has the first look as well.
        other = keeper(other_bus, ground.namespace, KEPT, WallClock())
        with pytest.raises(PartitionsFixed):
            await other.run()
        with pytest.raises(PartitionsFixed) as refused:
            await running

        stands = await ground.records(bus, space_topic("tally"))
        written = [record for record in stands if record.key not in (APPLIED_KEY, END_KEY)]
        assert refused.value.facts["topic"] == ground.topic(COMMANDS)
        assert refused.value.facts["found"] == PARTITIONS + 1
        assert all(one.partition == partition_for(one.key or b"", PARTITIONS) for one in written)
