"""Records at the very limit, and beyond it: served or refused in words, never a lane that stops."""

from collections.abc import AsyncIterator

import orjson
import pytest
from confluent_kafka import Producer

from handrail import Topic, agent, results
from handrail.bus.murmur2 import partition_for
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.wire.dead_letter import DeadLetter, Reason
from handrail.wire.ids import task_id_of
from handrail.wire.limits import OWN_BYTES_MAX, REQUEST_BYTES_MAX
from handrail.wire.record import Record
from handrail.wire.size import record_size
from tests.promises.gate import Gate
from tests.waiting import until

jobs = Topic("jobs", carries=str)
HEADER = ("baggage", b"h" * 100_000)
PARTITIONS = 2


def at_the_limit(key: bytes, beyond: int = 0) -> Record:
    """Give a bare record with 300 KB of headers that takes exactly as much as may be taken in."""
    bare = Record("", 0, 0, 0, key, b'""', (HEADER,) * 3)
    room = REQUEST_BYTES_MAX - OWN_BYTES_MAX - record_size(bare) + len(key) - 4 * 36
    return Record("", 0, 0, 0, key, b'"' + b"x" * (room + beyond) + b'"', (HEADER,) * 3)


@pytest.fixture
async def held() -> Gate:
    return Gate()


@pytest.fixture
async def team(broker: str, held: Gate) -> AsyncIterator[Team]:
    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> int:
        if len(text) > 10:
            await held.pass_through()
        return len(text)

    async with Team(worker, partitions=PARTITIONS, on="kafka", broker=broker) as team:
        yield team


async def test_the_largest_record_is_forwarded_rests_and_is_served(
    broker: str, team: Team, held: Gate
) -> None:
    record = at_the_limit(b"largest")
    home = partition_for(task_id_of("default", "largest").encode(), PARTITIONS)

    write(broker, team, record, partition=1 - home)
    await held.entered.wait()
    await team.advance(seconds=35)
    await until(lambda: resting(team), what="the journal holds it")
    held.opened.set()

    answer = await end_of(team, b"largest")
    assert answer.value == str(len(record.value or b"") - 2).encode()


@pytest.mark.parametrize(
    "record",
    [
        at_the_limit(b"beyond", beyond=1),
        Record("", 0, 0, 0, b"wide", b'"x"', (*(HEADER,) * 10, ("rest", b"r" * 45_000))),
        Record("", 0, 0, 0, b"many", b'"x"', (("", b""),) * 300_000),
        Record("", 0, 0, 0, b"k" * 1_000_000, b'"x"', ()),
    ],
    ids=["one byte beyond", "headers alone", "very many headers", "a key of 1 MB"],
)
async def test_what_could_not_be_written_again_is_refused_and_the_next_one_is_served(
    broker: str, team: Team, record: Record
) -> None:
    write(broker, team, record, partition=0)
    write(broker, team, Record("", 0, 0, 0, b"next", b'"ab"', ()), partition=0)

    assert (await end_of(team, b"next")).value == b"2"
    (dead,) = await until(lambda: letters(team), what="a dead letter")
    letter = DeadLetter.from_record(dead)
    assert letter.failure.reason == Reason.SIZE
    assert (record.key or b"").startswith(dead.key or b"")
    assert (letter.key_claim is None) is (dead.key == record.key)
    if record.key != b"k" * 1_000_000:
        end = orjson.loads((await end_of(team, record.key or b"")).value or b"")
        assert end["state"] == "rejected"


def write(broker: str, team: Team, record: Record, partition: int) -> None:
    producer = Producer({"bootstrap.servers": broker, "message.max.bytes": 3_000_000})
    headers: list[tuple[str, bytes | str | None]] = [*record.headers]
    reports: list[object] = []
    producer.produce(
        team.full("jobs"),
        record.value,
        record.key,
        partition,
        headers=headers,
        on_delivery=lambda error, _: reports.append(error),
    )
    assert producer.flush(20) == 0
    assert reports == [None]


async def resting(team: Team) -> list[Record]:
    entries = await read_all(team.bus, team.full("worker.journal"))
    return [entry for entry in entries if b"/parked/" in (entry.key or b"")]


async def letters(team: Team) -> list[Record]:
    return await read_all(team.bus, team.full("worker.dead"))


async def end_of(team: Team, key: bytes) -> Record:
    async def look() -> list[Record]:
        return [r for r in await read_all(team.bus, team.full("results")) if r.key == key]

    return (await until(look, what="the end of the task"))[0]
