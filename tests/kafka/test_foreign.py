"""A client that knows nothing of Handrail writes to the intake and finds an answer under its key.

Written once with librdkafka, as most languages do, and once with kcat, as a person would.
"""

import hashlib
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Producer

from handrail import Topic, agent, results
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.wire.codec import is_foreign
from handrail.wire.dead_letter import DeadLetter
from handrail.wire.ids import id_of_foreign
from handrail.wire.record import Record
from tests.kafka.foreign import CASES, Case
from tests.waiting import until

jobs = Topic("jobs", carries=str)
Write = Callable[[Case], None]


@agent(reads=jobs, writes=results)
async def worker(text: str) -> str:
    return text.upper()


@pytest.fixture
async def team(broker: str) -> AsyncIterator[Team]:
    async with Team(worker, partitions=2, on="kafka", broker=broker) as team:
        yield team


@pytest.fixture
def by_librdkafka(broker: str, team: Team) -> Write:
    producer = Producer({"bootstrap.servers": broker, "message.max.bytes": 1_048_000})

    def write(case: Case) -> None:
        headers = [("origin", b"afar"), ("nothing", None)]
        producer.produce(team.full("jobs"), value=case.body, key=case.key, headers=headers)
        assert producer.flush(20) == 0

    return write


@pytest.fixture
def by_kcat(broker: str, team: Team, tmp_path: Path) -> Write:
    def write(case: Case) -> None:
        command = ["kcat", "-P", "-b", broker, "-t", team.full("jobs"), "-H", "origin=afar"]
        command += ["-X", "message.max.bytes=1048000"]
        if not case.body:
            # kcat 1.7 reads no empty file, but a line may end behind its key; -Z makes that null.
            null = ["-Z"] if case.body is None else []
            line = b"%b:\n" % (case.key or b"")
            subprocess.run([*command, *null, "-K:"], input=line, check=True, timeout=30)
            return
        body = tmp_path / "body"
        body.write_bytes(case.body)
        if case.key is not None:
            command += ["-k", case.key]
        subprocess.run([*command, str(body)], check=True, timeout=30)

    return write


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_librdkafka_finds_its_answer_and_the_next_one_is_served(
    team: Team, by_librdkafka: Write, case: Case
) -> None:
    await check(team, by_librdkafka, case)


@pytest.mark.kcat
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_kcat_finds_its_answer_and_the_next_one_is_served(
    team: Team, by_kcat: Write, case: Case
) -> None:
    await check(team, by_kcat, case)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_whatever_codec_a_foreign_client_packs_with_its_task_is_carried_out(
    team: Team, broker: str, codec: str
) -> None:
    producer = Producer({"bootstrap.servers": broker, "compression.type": codec})
    words = "a word " * 500
    producer.produce(team.full("jobs"), value=orjson.dumps(words), key=b"packed")
    assert producer.flush(20) == 0

    (answer,) = await until(lambda: has_end(team, b"packed"), what="an end under its key")

    assert answer.value == orjson.dumps(words.upper())


async def test_the_same_key_twice_is_one_task_with_one_result(
    team: Team, by_librdkafka: Write
) -> None:
    await check_repeat(team, by_librdkafka)


@pytest.mark.kcat
async def test_the_same_key_twice_from_kcat_is_one_task_with_one_result(
    team: Team, by_kcat: Write
) -> None:
    await check_repeat(team, by_kcat)


async def check_repeat(team: Team, write: Write) -> None:
    write(Case("first", b"invoice-7", b'"first"', None))
    write(Case("second", b"invoice-7", b'"second"', None))
    write(Case("other", b"invoice-8", b'"other"', None))

    await until(lambda: has_end(team, b"invoice-8"), what="the other one's result")
    await until(lambda: has_end(team, b"invoice-7"), what="the result")
    await team.settle()
    found = [r for r in await read_all(team.bus, team.full("results")) if r.key == b"invoice-7"]
    assert [record.value for record in found] == [b'"FIRST"']


async def check(team: Team, write: Write, case: Case) -> None:
    write(case)
    write(Case("next", b"the next one", b'"next"', None))

    key = answer_key(case, await original(team, case))
    (answer,) = await until(lambda: has_end(team, key), what="an end under the client's own key")
    (served,) = await until(lambda: has_end(team, b"the next one"), what="the next one is served")
    assert served.value == b'"NEXT"'
    if case.reason is None:
        assert answer.value == b'"HELLO"'
        return
    end = orjson.loads(answer.value or b"")
    assert end["state"] == "rejected"
    assert case.reason in end["reason"]
    (dead,) = await read_all(team.bus, team.full("worker.dead"))
    check_letter(dead, case)


def check_letter(dead: Record, case: Case) -> None:
    letter = DeadLetter.from_record(dead)
    assert letter.failure.reason == case.reason
    assert (dead.key, dead.header("origin")) == (case.key, b"afar")
    if case.body is None:
        assert letter.original().value is None
        return
    assert letter.payload_sha256 == hashlib.sha256(case.body).hexdigest()
    assert case.body.startswith(dead.value or b"")
    assert (dead.value == case.body) is (letter.claim is None)


async def original(team: Team, case: Case) -> Record:
    """Give the record as the broker has it."""

    async def look() -> list[Record]:
        found = await read_all(team.bus, team.full("jobs"))
        return [r for r in found if is_foreign(r) and (r.key, r.value) == (case.key, case.body)]

    return (await until(look, what="the record on the intake"))[0]


def answer_key(case: Case, record: Record) -> bytes:
    """A key that is no text is nobody's name: the answer lies under the task's own id."""
    if case.key is not None and not case.key.startswith(b"\xff"):
        return case.key
    return id_of_foreign(record.topic, record.partition, record.offset).encode()


async def has_end(team: Team, key: bytes) -> list[Record]:
    return [r for r in await read_all(team.bus, team.full("results")) if r.key == key]
