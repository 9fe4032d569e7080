"""kill -9 of any process, at any moment, loses and doubles no handoff."""

import os
import random
import sys
from pathlib import Path

import pytest

from tests.faults.books import audit
from tests.faults.ground import Ground
from tests.faults.settling import reached, settled
from tests.faults.troupe import Troupe
from tests.waiting import until

TASKS = int(os.environ.get("HANDRAIL_KILL_TASKS", "500"))
KILLS = int(os.environ.get("HANDRAIL_KILLS", "20"))
SEED = int(os.environ.get("HANDRAIL_SEED", "0")) or random.randrange(1, 10**6)
FAN_OUT = 3
WITHIN_S = 60.0 + KILLS

NAMES = ("splitter", "pricer", "pricer-2", "joiner", "cashier", "registrar")
EVENTS_OF_A_CHAIN = 3  #: accepted, split, paid
EVENTS_OF_A_FAN_OUT = 4 + 2 * FAN_OUT  #: and joined; each part priced and gathered


async def test_twenty_kills_among_five_hundred_tasks_lose_and_double_nothing(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = random.Random(SEED)
    fan_outs = [number for number in range(TASKS) if number % 4 < 2]
    events = EVENTS_OF_A_FAN_OUT * len(fan_outs)
    events += EVENTS_OF_A_CHAIN * (TASKS - len(fan_outs))
    moments = sorted(choice.sample(range(1, int(events * 0.97)), KILLS))
    ledger, results = await ground.reader("ledger"), await ground.reader("results")
    killed: list[str] = []
    with capsys.disabled():
        sys.stdout.write(f"\nseed {SEED}: {KILLS} kills among {TASKS} tasks\n")

    with Troupe(ground.folder, NAMES) as troupe:
        await troupe.ready()
        await ground.submit(
            ground.order(number, pieces=FAN_OUT if number in fan_outs else 0)
            for number in range(TASKS)
        )
        for moment in moments:
            await until(lambda moment=moment: reached(ledger, moment), within_s=WITHIN_S)
            victim = troupe.members[choice.choice(NAMES)]
            killed.append(victim.name)
            await victim.kill(ground.bus)
            victim.start()
        await until(lambda: reached(results, TASKS), within_s=WITHIN_S)
        books = await settled(ground)

    assert audit(books, range(TASKS)) == [], f"seed {SEED}, killed {killed}"
    assert len(killed) == KILLS


@pytest.mark.parametrize("plant", ["offset first", "records first"])
async def test_an_offset_outside_its_transaction_is_found_by_the_same_audit(
    ground: Ground, plant: str
) -> None:
    program = (sys.executable, str(Path(__file__).parent / "planted.py"), plant)

    with Troupe(ground.folder, ("splitter", "joiner", "cashier", "registrar")) as sound:
        await sound.ready()
        with Troupe(ground.folder, ("pricer",), program) as planted:
            await ground.submit(ground.order(number, pieces=FAN_OUT) for number in range(60))
            dead = planted.members["pricer"].process
            await until(lambda: dead.poll() is not None, within_s=60, what="the planted one dies")
        with Troupe(ground.folder, ("pricer",)) as mended:
            await mended.ready()
            books = await settled(ground)

    wanted = "has no result" if plant == "offset first" else "lies twice"
    assert any(wanted in finding for finding in audit(books, range(60))), audit(books, range(60))
