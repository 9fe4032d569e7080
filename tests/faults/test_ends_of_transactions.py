"""Ends of transactions that are late, lost or unanswered."""

import os
import random
import sys
from pathlib import Path

import pytest

from handrail.bus.port import TRANSACTION_DEADLINE_S
from handrail.chaos.kafka_frames import Request
from handrail.chaos.proxy import PASSES, Fate, KafkaProxy, Plan, Treatment
from handrail.chaos.proxy_plans import harm_ends
from tests.faults.books import audit
from tests.faults.ground import Ground
from tests.faults.settling import reached, settled
from tests.faults.troupe import Troupe
from tests.waiting import until

ENDS = int(os.environ.get("HANDRAIL_ENDS", "16"))  #: how many ends are harmed
SEED = int(os.environ.get("HANDRAIL_SEED", "0")) or random.randrange(1, 10**6)
WITHIN_S = 60.0 + ENDS
WAVE = 40  #: tasks that are handed in together
FAN_OUT = 3
NAMES = ("splitter", "pricer", "pricer-2", "joiner", "cashier", "registrar")
#: From just before our own deadline to well past the opening of a successor.
LATE_S = (TRANSACTION_DEADLINE_S - 0.5, TRANSACTION_DEADLINE_S + 3.0)
SHARES = {Fate.DELAY: 0.03, Fate.LINGER: 0.02, Fate.CUT_BEFORE: 0.02, Fate.CUT_AFTER: 0.02}


@pytest.fixture
async def behind(proxy: KafkaProxy, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """A team whose processes will stand behind the proxy; the test looks at the broker past it."""
    monkeypatch.setenv("HANDRAIL_BOOTSTRAP", await proxy.start())
    return ground


async def test_ends_that_are_late_lost_or_unanswered_tear_double_and_lose_nothing(
    proxy: KafkaProxy, behind: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    results = await behind.reader("results")
    tasks = 0
    with Troupe(behind.folder, NAMES) as troupe:
        await troupe.ready()
        proxy.plan = harm_ends(random.Random(SEED), SHARES, LATE_S)
        while proxy.counts.total() < ENDS:
            wave = range(tasks, tasks + WAVE)
            await behind.submit(behind.order(n, pieces=FAN_OUT * (n % 2)) for n in wave)
            tasks += WAVE
            await until(lambda tasks=tasks: reached(results, tasks - WAVE // 2), within_s=WITHIN_S)
        proxy.plan = lambda _: PASSES
        await until(lambda: reached(results, tasks), within_s=WITHIN_S, what="all results")
        books = await settled(behind)
        processes = [member.process.poll() for member in troupe.members.values()]
    harmed = {str(fate): count for fate, count in sorted(proxy.counts.items())}
    with capsys.disabled():
        sys.stdout.write(f"\nseed {SEED}: {tasks} tasks, ends of transactions: {harmed}\n")

    assert audit(books, range(tasks)) == [], f"seed {SEED}, harmed {harmed}"
    assert processes == [None] * len(NAMES), "no process ended of it"


async def test_a_commit_that_is_written_again_instead_of_read_back_is_found_by_the_same_audit(
    proxy: KafkaProxy, behind: Ground
) -> None:
    program = (sys.executable, str(Path(__file__).parent / "planted_producer.py"))
    results = await behind.reader("results")

    with (
        Troupe(behind.folder, ("splitter", "joiner", "cashier", "registrar")) as sound,
        Troupe(behind.folder, ("pricer",), program) as planted,
    ):
        await sound.ready()
        await planted.ready()
        proxy.plan = unanswered_ends_of("pricer")
        await behind.submit(behind.order(n, pieces=FAN_OUT) for n in range(20))
        await until(lambda: proxy.counts[Fate.CUT_AFTER] >= 3, within_s=60)
        proxy.plan = lambda _: PASSES
        await until(lambda: reached(results, 20), within_s=60, what="all results")
        books = await settled(behind)

    findings = audit(books, range(20))
    assert any("lies twice on prices" in finding for finding in findings), findings


def unanswered_ends_of(agent: str) -> Plan:
    """Let every third commit of an agent's lanes be carried out without an answer."""
    seen = 0

    def plan(request: Request) -> Treatment:
        nonlocal seen
        if not request.commits or f".{agent}." not in (request.transactional_id or ""):
            return PASSES
        seen += 1
        return PASSES if seen % 3 else Treatment(Fate.CUT_AFTER)

    return plan
