"""A handoff that kills its process is quarantined after its lonely deaths, and nothing else is."""

import sys
import uuid
from collections import Counter
from pathlib import Path

import orjson
import pytest

from handrail.bus.kafka import KafkaBus
from handrail.testing.accounting import read_all
from handrail.wire.dead_letter import DeadLetter
from handrail.wire.record import Outgoing
from tests.faults.ground import Ground
from tests.faults.troupe import Troupe, handrail, project
from tests.waiting import until

MEALS, POISONED = 40, (7, 23)
#: One alone dies at most six times: unseen, as a suspect, and alone. Two that run beside each other
#: may each be taken for what the other has done before they run alone.
DEATHS_MAX = 10
PARTITIONS = 4


@pytest.fixture
async def ground(broker: str, bus: KafkaBus, tmp_path: Path) -> Ground:
    """The diners' project, and its topics on the broker."""
    namespace = f"p{uuid.uuid4().hex[:8]}"
    team = Path(__file__).parent / "diners"
    folder = project(tmp_path / "team", broker, namespace, PARTITIONS, team=team, intake="meals")
    handrail(folder, "topics", "apply")
    return Ground(bus, namespace, folder)


async def test_poison_is_quarantined_and_of_the_innocent_none(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    deaths_file = ground.folder / "deaths.txt"
    bodies = [{"number": n, "poison": n in POISONED} for n in range(MEALS)]
    await ground.submit(
        Outgoing(ground.topic("meals"), str(body["number"]).encode(), orjson.dumps(body))
        for body in bodies
    )

    async def over() -> bool:
        for member in troupe.members.values():
            if member.died:
                await member.kill(ground.bus)
                member.start(DEATHS_FILE=str(deaths_file))
        return await eaten(ground) | set(POISONED) == set(range(MEALS)) and len(
            await letters(ground)
        ) >= len(POISONED)

    troupe = Troupe(ground.folder, ["eater", "eater-2"])
    try:
        for member in troupe.members.values():
            member.start(DEATHS_FILE=str(deaths_file))
        await until(over, within_s=240, what="all are eaten or quarantined")
    finally:
        for member in troupe.members.values():
            member.close()
    deaths = Counter(int(line) for line in deaths_file.read_text().split())
    dead = await letters(ground)
    with capsys.disabled():
        sys.stdout.write(f"\ndeaths of {MEALS} meals, {len(POISONED)} poisoned: {dict(deaths)}\n")

    assert {letter.failure.reason for letter in dead} == {"poison"}
    assert sorted(orjson.loads(letter.body or b"")["number"] for letter in dead) == [*POISONED]
    assert set(deaths) == set(POISONED)
    assert max(deaths.values()) <= DEATHS_MAX


async def eaten(ground: Ground) -> set[int]:
    """Give the meals that have a result."""
    found = [
        orjson.loads(one.value or b"{}")
        for one in await read_all(ground.bus, ground.topic("results"))
    ]
    return {body["number"] for body in found if "number" in body}


async def letters(ground: Ground) -> list[DeadLetter]:
    """Give the dead letters."""
    records = await read_all(ground.bus, ground.topic("eater.dead"))
    return [DeadLetter.from_record(one) for one in records]
