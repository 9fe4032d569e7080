"""Processes that are frozen past their session, or hold their own event loop up."""

import signal
import time
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient

from handrail import Topic, agent, results
from handrail.bus.kafka_consumer import SESSION_TIMEOUT_MS
from handrail.testing import Team
from tests.faults.books import audit
from tests.faults.ground import PARTITIONS, Ground
from tests.faults.settling import reached, settled
from tests.faults.troupe import Troupe
from tests.waiting import until, until_now

TASKS = 200
FAN_OUT = 3
jobs = Topic("jobs", carries=str)


async def test_a_process_frozen_past_its_session_is_fenced_when_it_thaws(ground: Ground) -> None:
    results_so_far = await ground.reader("results")
    names = ("splitter", "pricer", "pricer-2", "joiner", "cashier", "registrar")
    with Troupe(ground.folder, names) as troupe:
        await troupe.ready()
        await ground.submit(ground.order(n, pieces=FAN_OUT) for n in range(TASKS))
        await until(lambda: reached(results_so_far, TASKS // 20), within_s=60)

        frozen = troupe.members["pricer"]
        frozen.signal(signal.SIGSTOP)
        other = troupe.members["pricer-2"]
        await until(
            lambda: other.note is not None and other.note.partitions == PARTITIONS,
            within_s=60,
            what="the other one has taken over every partition",
        )
        await until(lambda: reached(results_so_far, TASKS // 2), within_s=60)
        frozen.signal(signal.SIGCONT)

        await until(lambda: reached(results_so_far, TASKS), within_s=120, what="all results")
        await until(lambda: frozen.ready, within_s=60, what="the thawed one serves again")
        books = await settled(ground)

    assert audit(books, range(TASKS)) == []


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return lambda *agents, **options: Team(*agents, on="kafka", broker=broker, **options)


async def test_a_handler_that_blocks_its_process_past_the_session_runs_once(
    team_of: Callable[..., Team],
) -> None:
    began: list[str] = []

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        began.append(text)
        if text == "blocking":
            over_s = time.monotonic() + SESSION_TIMEOUT_MS / 1000 + 2
            until_now(lambda: time.monotonic() > over_s, within_s=60)
        return text

    async with team_of(worker, partitions=1) as team:
        tasks = [await team.submit(jobs, text) for text in ("blocking", "after")]

        assert [await task.result(str) for task in tasks] == ["blocking", "after"]
        assert sorted(began) == ["after", "blocking"], "what was in hand was kept"


async def test_offsets_that_an_operator_deleted_stop_the_lane_by_name_and_run_nothing_again(
    ground: Ground,
) -> None:
    done = await ground.reader("results")
    with Troupe(ground.folder, ("splitter", "cashier", "registrar")) as troupe:
        await troupe.ready()
        await ground.submit(ground.order(n) for n in range(20))
        await until(lambda: reached(done, 20), within_s=60)
        for member in troupe.members.values():
            member.signal(signal.SIGTERM)
        for member in troupe.members.values():
            await until(lambda m=member: m.process.poll() is not None, within_s=60)
    await delete_offsets(ground, "splitter")

    with Troupe(ground.folder, ("splitter",)) as again:
        splitter = again.members["splitter"]
        await until(lambda: "lane stopped" in splitter.log_file.read_text(), within_s=60)
        await until(lambda: splitter.ready, within_s=60)
        said = splitter.log_file.read_text()

    assert "its journal has records" in said
    assert await done.count() == 20


async def delete_offsets(ground: Ground, agent: str) -> None:
    """Take a group's offsets away, as `kafka-consumer-groups.sh --delete` does."""
    admin = AdminClient({"bootstrap.servers": ground.bus.bootstrap})
    group = f"{ground.namespace}.{agent}"
    admin.delete_consumer_groups([group])[group].result(20)
