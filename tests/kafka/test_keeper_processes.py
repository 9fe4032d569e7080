"""The keeper as a process of a team on a real Kafka: started by `up`, killed, and started again."""

import asyncio
import json
import os
import signal
from typing import Any

import pytest

from handrail.bus.kafka import KafkaBus
from handrail.bus.where import Connection
from handrail.chaos.registers import faults
from handrail.chaos.writers import TENANT, Writers
from handrail.contract.memory_reader import Found
from handrail.ledger.event import Submitted
from handrail.ledger.event_record import LEDGER, encode
from handrail.ledger.memory_event import MemoryRecalled
from handrail.memory.assembly import Slot, assemble
from handrail.wire.memory import HISTORY, StoredRecord
from handrail.wire.record import TopicPartition
from tests.kafka.test_team_up import Project, project
from tests.waiting import until, until_now

__all__ = ["project"]  # the fixture of its neighbour

SPACE = """
from handrail import Memory, MemoryClass

words = Memory("words", carries=str, keeps=MemoryClass.FACT)
"""
WRITERS, CALLS_EACH, KILLS = 8, 25, 3
TASK = "7a1c8f5a-1f0e-5c57-9a43-3c9a7b0e6d22"


@pytest.fixture
def remembering(project: Project) -> Project:
    """A project whose team remembers."""
    (project.folder / "memory").mkdir()
    (project.folder / "memory" / "words.py").write_text(SPACE)
    return project


async def a_model_is_given_something(bus: KafkaBus, namespace: str) -> str:
    """Say on the ledger that a model was given the first version of the history; give its text."""
    topic = f"{namespace}.{HISTORY}"
    counts = await bus.admin.topics()
    places = [TopicPartition(topic, partition) for partition in range(counts[topic])]
    kept = [
        StoredRecord.decode(record.value)
        for where in places
        async for record in bus.fetch(where, 0, await bus.end_offset(where))
    ]
    assembly = assemble(50, [Slot("words", "Remembered in words:", [Found(kept[0], 1.0)])])
    facts: dict[str, Any] = {"task_id": TASK, "tenant": TENANT, "time_ms": kept[0].written_ms}
    told = MemoryRecalled(
        **facts, agent="greeter", invocation="i-1", step="1", manifest=assembly.manifest
    )
    for event in (Submitted(**facts, ce_id="s-1", topic="names"), told):
        await bus.sender().send(encode(event, f"{namespace}.{LEDGER}"))
    return assembly.text


async def test_a_keeper_that_is_killed_loses_no_update_and_doubles_none(
    remembering: Project,
) -> None:
    up = remembering.start("up")
    await until(lambda: "writers" in remembering.ready(), within_s=90)
    environment = remembering.environment
    bus = KafkaBus(Connection(environment["HANDRAIL_BOOTSTRAP"], "PLAINTEXT"))
    await bus.start()
    keys = [f"k/{number}" for number in range(6)]
    writers = Writers(bus, environment["HANDRAIL_NAMESPACE"], "words", "greeter", keys)

    async def killing() -> None:
        for number in range(1, KILLS + 1):
            await writers.returned(number * WRITERS * CALLS_EACH // (KILLS + 1))
            await until(lambda: "writers" in remembering.ready(), within_s=60)
            os.kill(remembering.ready()["writers"].pid, signal.SIGKILL)

    await asyncio.gather(writers.run(WRITERS, CALLS_EACH), killing())

    assert {call.result for call in writers.calls} == {"ok", "conflict"}
    assert faults(writers.calls, await writers.kept()) == []
    assert remembering.ready()["writers"].agents == ("registrar", "keeper")
    given = await a_model_is_given_something(bus, environment["HANDRAIL_NAMESPACE"])
    await bus.close()
    made = await asyncio.to_thread(remembering.run, "memory", "manifest", TASK, "--text", "1")
    assert (made.returncode, made.stdout) == (0, given), made.stderr
    told = await asyncio.to_thread(remembering.run, "memory", "refused", "-o", "json")
    assert told.returncode == 0, told.stderr
    (row,) = json.loads(told.stdout)["items"]
    conflicts = sum(call.result == "conflict" for call in writers.calls)
    assert (row["reason"], row["by"], row["count"]) == ("conflict", "greeter", conflicts)
    up.send_signal(signal.SIGINT)


def test_a_keeper_by_hand_says_what_it_keeps(remembering: Project) -> None:
    applied = remembering.run("topics", "apply")

    keeper = remembering.start("run", "keeper")
    until_now(remembering.ready, within_s=60)
    keeper.send_signal(signal.SIGINT)
    _, said = keeper.communicate(timeout=60)

    assert applied.returncode == 0, applied.stderr
    assert "Ready: the keeper keeps memory." in said


def test_a_keeper_without_a_space_is_told_so(project: Project) -> None:
    told = project.run("run", "keeper")

    assert told.returncode == 3
    assert "HR-MEM-010" in told.stderr


def test_a_topic_of_memory_that_is_not_compacted_is_refused_by_name(remembering: Project) -> None:
    name = f"{remembering.environment['HANDRAIL_NAMESPACE']}.memory.words"
    remembering.run("topics", "apply")

    async def loosen() -> None:
        bus = KafkaBus(Connection(remembering.environment["HANDRAIL_BOOTSTRAP"], "PLAINTEXT"))
        await bus.start()
        await bus.admin.alter_settings(name, {"cleanup.policy": "compact,delete"})
        await bus.close()

    asyncio.run(loosen())

    refused = remembering.run("run", "keeper")

    assert refused.returncode != 0
    assert "HR-MEM-003" in refused.stderr
    assert name in refused.stderr
