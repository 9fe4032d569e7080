"""A header whose name is no text stops nobody, on whatever broker `team_of` and `ground` use."""

import asyncio
import functools
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson

from handrail import Topic, agent, results
from handrail.bus.port import Tail
from handrail.cli.dead import dead_row
from handrail.cli.records import record_row
from handrail.ledger import queries
from handrail.ledger.event_record import encode
from handrail.ledger.projection import Projection
from handrail.ledger.task_record import decode_end
from handrail.ledger.task_state import TaskState
from handrail.runtime.follow import catch_up
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.wire.dead_letter import DeadLetter
from handrail.wire.record import Outgoing, Record, TopicPartition
from tests.promises.ground import Ground
from tests.promises.raw import write_raw
from tests.promises.registrar import a_life, prepared, read_to_the_end, running, states
from tests.unit.ledger.told import Story
from tests.waiting import until

TeamOf = Callable[..., Team]
UNREADABLE = "caf\udce9 \udcff"  #: what Latin-1 and a stray byte look like
READABLE = "caf\\xe9 \\xff"
KEY, BODY = b"the odd one", b'"odd"'

jobs = Topic("jobs", carries=str)
texts = Topic("texts", carries=str)


def afar(topic: str, key: bytes, body: bytes, *names: str) -> Outgoing:
    headers = (("origin", b"afar"), *((name, b"\xff") for name in names))
    return Outgoing(topic, key, body, headers)


async def test_the_record_is_refused_in_words_and_all_around_it_are_carried_out(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        return text.upper()

    async with team_of(worker, partitions=1) as team:
        inbox = team.full("jobs")
        before = await team.submit(jobs, "before")
        await write_raw(
            team.bus,
            afar(inbox, b"the one before", b'"first"'),
            afar(inbox, KEY, BODY, UNREADABLE),
            afar(inbox, b"the one after", b'"second"'),
            afar(inbox, b"another", BODY, "sound", UNREADABLE),
        )
        after = await team.submit(jobs, "after")

        assert [await task.result(str) for task in (before, after)] == ["BEFORE", "AFTER"]
        for key, answer in ((b"the one before", b'"FIRST"'), (b"the one after", b'"SECOND"')):
            (served,) = await until(functools.partial(ends, team, key), what="its result")
            assert served.value == answer
        (refused,) = await until(lambda: ends(team, KEY), what="the end of the odd one")
        end = orjson.loads(refused.value or b"")
        assert end["state"] == "rejected"
        assert READABLE in end["reason"]
        assert "not UTF-8" in end["reason"]
        letter, _ = await until(lambda: two_letters(team), what="both dead letters")
        check_letter(letter)
        told = decode_end(refused)
        assert told is not None
        assert dead_row("ns", letter).task == told.task


async def two_letters(team: Team) -> list[Record] | None:
    found = await read_all(team.bus, team.full("worker.dead"))
    return found if len(found) == 2 else None


async def ends(team: Team, key: bytes) -> list[Record]:
    return [r for r in await read_all(team.bus, team.full("results")) if r.key == key]


def check_letter(dead: Record) -> None:
    """See the original bytes, and a name that every client can read."""
    letter = DeadLetter.from_record(dead)
    assert (letter.failure.reason, dead.key, dead.value) == ("decode", KEY, BODY)
    assert READABLE in (letter.failure.exception_message or "")
    assert dead.unreadable_names == ()
    assert (dead.header("origin"), dead.header(READABLE)) == (b"afar", b"\xff")
    assert orjson.dumps(record_row(dead).headers)


async def test_a_handoff_with_such_a_header_is_refused_for_its_own_task_alone(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=texts)
    async def writer(text: str) -> str:
        return text

    @agent(reads=texts, writes=results)
    async def reader(text: str) -> str:
        return text.upper()

    async with team_of(writer, reader, partitions=1) as team:
        marked = await team.submit(jobs, "marked")
        assert await marked.result(str) == "MARKED"
        (handoff,) = await read_all(team.bus, team.full("texts"))
        kept = (pair for pair in handoff.headers if pair[0] != "ce_id")
        headers = ((UNREADABLE, b""), *kept, ("ce_id", str(uuid.uuid4()).encode()))
        await write_raw(team.bus, Outgoing(handoff.topic, handoff.key, handoff.value, headers))
        next_one = await team.submit(jobs, "next")

        assert await next_one.result(str) == "NEXT"
        (dead,) = await until(
            lambda: read_all(team.bus, team.full("reader.dead")), what="the dead letter"
        )
        letter = DeadLetter.from_record(dead)
        assert (letter.failure.reason, letter.body) == ("decode", handoff.value)
        assert dead.header("ce_taskid") == marked.id.encode()


async def test_ranges_and_tails_give_the_record_with_its_name_escaped(ground: Ground) -> None:
    async with ground.bus() as bus:
        await ground.prepare(bus, "jobs")
        where = TopicPartition(ground.topic("jobs"), 0)
        sound, odd = afar(where.topic, b"k", b"1"), afar(where.topic, KEY, BODY, UNREADABLE)
        await write_raw(bus, sound, odd, sound)
        tail = await bus.tail({where: 0})

        ranged = await ground.records(bus, "jobs")
        one = [record async for record in bus.fetch(where, 1, 2)]
        followed = await polled(tail, 3)

        assert [record.offset for record in ranged] == [0, 1, 2]
        assert ranged[1:2] == one
        assert followed == ranged
        assert one[0].headers == (("origin", b"afar"), (READABLE, b"\xff"))
        assert one[0].unreadable_names == (READABLE,)
        assert tail.position(where) == 3
        await tail.close()


async def polled(tail: Tail, count: int) -> list[Record]:
    found: list[Record] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += await tail.poll(timeout_s=1, records_max=2)
    return found


async def test_the_registrar_and_the_projection_count_an_event_whatever_its_headers_are_called(
    ground: Ground, tmp_path: Path
) -> None:
    lives = {name: a_life(Story(name), hops=2) for name in ("a", "b")}
    async with ground.bus() as bus:
        await prepared(ground, bus)
        projection = Projection(tmp_path / "p.db")
        written = [encode(e, ground.topic("ledger")) for life in lives.values() for e in life]
        for n in range(0, len(written), 3):
            headers = (*written[n].headers, (UNREADABLE, b"x"))
            written[n] = replace(written[n], headers=headers)
        async with running(bus, ground):
            await write_raw(bus, *written)
            await until(lambda: read_to_the_end(ground, bus))
        await catch_up(bus, ground.namespace, projection)

        assert await states(ground, bus) == {"a": "completed", "b": "completed"}
        assert {f.state for f in queries.tasks(projection, limit=9)} == {TaskState.COMPLETED}
        projection.close()
