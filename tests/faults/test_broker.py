"""A broker that dies and comes back, and operators who touch what is not theirs."""

import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from handrail.bus.kafka import KafkaBus
from handrail.bus.local_broker import LocalBroker
from handrail.bus.where import Connection
from handrail.errors import BrokerUnreachable
from tests.faults.books import audit
from tests.faults.ground import PARTITIONS, Ground
from tests.faults.settling import reached, settled
from tests.faults.standing import told_where_it_stands
from tests.faults.troupe import Troupe, handrail, project
from tests.waiting import until

NAMES = ("splitter", "pricer", "joiner", "cashier", "registrar")
TASKS = 200
FAN_OUT = 3


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[LocalBroker]:
    """A broker of the test's own, which it may kill."""
    broker = LocalBroker(tmp_path / "broker", tied=True)
    yield broker
    broker.wipe()


@pytest.fixture
async def shaky(mortal: LocalBroker, tmp_path: Path) -> AsyncIterator[Ground]:
    """The team on that broker."""
    bootstrap = mortal.start().bootstrap
    bus = KafkaBus(Connection(bootstrap, "PLAINTEXT"))
    await bus.start()
    # A name of its own, should another broker ever stand on the same port.
    namespace = f"s{uuid.uuid4().hex[:8]}"
    folder = project(tmp_path / "team", bootstrap, namespace, PARTITIONS)
    handrail(folder, "topics", "apply")
    yield Ground(bus, namespace, folder)
    await bus.close()


@pytest.mark.parametrize("outage", ["short", "longer than a session"])
async def test_a_broker_killed_under_load_costs_no_handoff_and_no_process(
    mortal: LocalBroker, shaky: Ground, outage: str
) -> None:
    results = await shaky.reader("results")
    with Troupe(shaky.folder, NAMES) as troupe:
        await troupe.ready()
        await shaky.submit(shaky.order(number, pieces=FAN_OUT) for number in range(TASKS))
        await until(lambda: reached(results, TASKS // 10), within_s=60)

        before = mortal.running()
        assert before is not None
        os.kill(before.pid, signal.SIGKILL)
        if outage != "short":
            await until(
                lambda: _silence_noticed(troupe),
                within_s=60,
                what="the agents notice that their session is over",
            )
        after = mortal.start()

        assert after.bootstrap == before.bootstrap
        async with told_where_it_stands(shaky, NAMES):
            await until(lambda: reached(results, TASKS), within_s=120, what="all results")
            books = await settled(shaky)
        assert [m.process.poll() for m in troupe.members.values()] == [None] * len(NAMES)

    assert audit(books, range(TASKS)) == []


async def test_a_connection_whose_first_send_met_no_broker_sends_once_there_is_one(
    mortal: LocalBroker, shaky: Ground
) -> None:
    before = mortal.running()
    assert before is not None
    os.kill(before.pid, signal.SIGKILL)
    order = shaky.order(1)
    with pytest.raises(BrokerUnreachable):
        await shaky.bus.sender().send(order, deadline_s=2)

    mortal.start()

    assert await shaky.bus.sender().send(order)


def _silence_noticed(troupe: Troupe) -> bool:
    agents = [member for member in troupe.members.values() if member.name != "registrar"]
    return all("membership lost" in member.log_file.read_text() for member in agents)
