"""What a lane promises about single handoffs, on whatever broker the fixture `team_of` uses."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from handrail import TaskFailed, Topic, agent, results
from handrail.errors import TaskRejected, TaskUnknown
from handrail.runtime.task_handle import Task
from handrail.runtime.worker.lane_runner import LaneRunner
from handrail.store.references import ReferenceFile
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.wire.claim import is_claim
from handrail.wire.ids import task_id_of
from handrail.wire.record import Outgoing
from tests.promises.gate import Gate
from tests.waiting import until

TeamOf = Callable[..., Team]


class Step(BaseModel):
    account: str
    number: int


jobs = Topic("jobs", carries=str)
orders, steps = (
    Topic("orders", carries=list[Step]),
    Topic("steps", carries=Step, key=lambda s: s.account),
)
texts = Topic("texts", carries=str)


async def test_a_poison_handoff_reaches_the_dead_letters_and_the_next_one_is_served(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        if text == "poison":
            raise RuntimeError("this cannot be done")
        return text.upper()

    async with team_of(worker, partitions=1) as team:
        poison = await team.submit(jobs, "poison")
        garbage = Outgoing(team.full("jobs"), b"from afar", b"\xff{", ())
        await team.bus.sender().send(garbage)
        good = await team.submit(jobs, "good")

        assert await good.result(str) == "GOOD"
        (letter,) = await poison.dead_letters()
        assert (letter.failure.reason, letter.body) == ("attempts", b'"poison"')
        afar = await until(lambda: found(team, "from afar"), what="the foreign record's task")
        with pytest.raises(TaskFailed, match="refused"):
            await afar.result()


async def test_handoffs_of_one_key_run_one_after_the_other_in_order(team_of: TeamOf) -> None:
    began: list[tuple[str, int]] = []
    running: dict[str, int] = {}

    @agent(reads=orders, writes=steps)
    async def splitter(order: list[Step]) -> list[Step]:
        return order

    @agent(reads=steps)
    async def worker(step: Step) -> None:
        assert running.get(step.account, 0) == 0
        running[step.account] = 1
        began.append((step.account, step.number))
        for _ in range(7 - step.number):
            await asyncio.sleep(0)
        running[step.account] = 0

    async with team_of(splitter, worker) as team:
        order = [Step(account=a, number=n) for n in range(5) for a in ("x", "y", "z")]
        task = await team.submit(orders, order)
        await task.until("completed")

    for account in ("x", "y", "z"):
        assert [n for a, n in began if a == account] == [0, 1, 2, 3, 4]


async def test_a_slow_key_delays_no_other(team_of: TeamOf) -> None:
    gate = Gate()

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        if text == "slow":
            await gate.pass_through()
        return text

    async with team_of(worker, partitions=1) as team:
        slow = await team.submit(jobs, "slow")
        await gate.entered.wait()
        others = [await team.submit(jobs, f"quick {n}") for n in range(20)]

        assert [await task.result(str) for task in others] == [f"quick {n}" for n in range(20)]
        assert await slow.state() == "working"
        gate.opened.set()
        assert await slow.result(str) == "slow"


async def test_a_repeated_reference_is_one_task_and_runs_once(team_of: TeamOf) -> None:
    runs: list[str] = []

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        runs.append(text)
        return f"{text} by run {len(runs)}"

    async with team_of(worker) as team:
        first = await team.submit(jobs, "a", reference="invoice-7")
        second = await team.submit(jobs, "b", reference="invoice-7")
        before = [await first.result(str), await second.result(str)]
        third = await team.submit(jobs, "c", reference="invoice-7")

        assert [*before, await third.result(str)] == ["a by run 1"] * 3
        assert first.id == second.id == third.id
        assert runs == ["a"]


async def test_a_repeated_reference_is_known_to_the_next_process_with_and_without_its_cache(
    team_of: TeamOf, tmp_path: Path
) -> None:
    runs: list[str] = []

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        runs.append(text)
        return text

    team = team_of(worker, partitions=1)
    team.references = tmp_path
    async with team:
        for number in range(3):
            await (await team.submit(jobs, f"a{number}", reference=f"r{number}")).result(str)
        await team.stop(worker)
        assert references_in(tmp_path) == 3

        await team.restart(worker)
        repeated = await team.submit(jobs, "b", reference="r0")
        assert await repeated.result(str) == "a0"
        await (await team.submit(jobs, "c", reference="new")).result(str)
        await team.kill(worker)
        empty(tmp_path)
        await team.restart(worker)
        again = [await team.submit(jobs, "d", reference=r) for r in ("r1", "new")]

        assert [await task.result(str) for task in again] == ["a1", "c"]
        await (await team.submit(jobs, "last", reference="last")).result(str)
        assert runs == ["a0", "a1", "a2", "c", "last"]


async def test_a_handler_past_its_deadline_is_cancelled_and_its_task_fails(
    team_of: TeamOf,
) -> None:
    gate = Gate()

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        await gate.pass_through()
        return text

    async with team_of(worker) as team:
        task = await team.submit(jobs, "x", deadline_s=120)
        await gate.entered.wait()
        await task.until("working")
        await team.advance(seconds=119)
        assert await task.state() == "working"
        await team.advance(seconds=3)

        await task.until("failed")
        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "deadline"


async def test_a_handler_that_swallows_its_cancellation_at_the_deadline_is_cancelled_again(
    team_of: TeamOf,
) -> None:
    swallowed: list[str] = []

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        while text == "x":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed.append(text)
                if len(swallowed) > 2:
                    raise
        return text

    async with team_of(worker, partitions=1) as team:
        task = await team.submit(jobs, "x", deadline_s=60)
        await team.advance(minutes=2)
        await task.until("failed")

        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "deadline"
        assert swallowed == ["x", "x", "x"]


async def test_what_runs_longer_than_30_s_rests_in_the_journal_and_the_successor_finds_it(
    team_of: TeamOf,
) -> None:
    gate = Gate()
    runs: list[str] = []

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        runs.append(text)
        if len(runs) == 1:
            await gate.pass_through()
        return f"{text} by run {len(runs)}"

    async with team_of(worker, partitions=1) as team:
        inbox = team.full("jobs")

        async def offset_is(wanted: int) -> bool:
            place = (await team.bus.admin.committed(team.full("worker"), inbox))[0]
            return place.offset == wanted

        task = await team.submit(jobs, "long")
        await gate.entered.wait()
        await task.until("working")
        assert await offset_is(0)
        await team.advance(seconds=32)
        await until(lambda: offset_is(1), what="the offset of what rests is done")
        await team.kill(worker)
        await team.restart(worker)

        assert await task.result(str) == "long by run 2"
        assert runs == ["long", "long"]


async def test_a_large_output_travels_as_a_claim_and_comes_back_whole(team_of: TeamOf) -> None:
    @agent(reads=jobs, writes=texts)
    async def writer(text: str) -> str:
        return text * 200_000

    @agent(reads=texts, writes=results)
    async def reader(text: str) -> str:
        return f"{len(text)} {set(text)}"

    async with team_of(writer, reader) as team:
        task = await team.submit(jobs, "ab")

        assert sorted(await task.result(str)) == sorted("400000 {'a', 'b'}")
        assert [is_claim(record) for record in await read_all(team.bus, team.full("texts"))] == [
            True
        ]
        assert await task.output(texts) == ["ab" * 200_000]


async def test_a_large_submission_of_a_wrong_type_is_rejected_like_a_small_one(
    team_of: TeamOf,
) -> None:
    odd = Topic("jobs", carries=list[str])
    ran: list[str] = []

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        ran.append(text)
        return text

    async with team_of(worker) as team:
        tasks = [await team.submit(odd, ["x" * size]) for size in (10, 200_000)]

        for task in tasks:
            with pytest.raises(TaskRejected):
                await task.result(str)
            assert await task.state() == "rejected"
            (letter,) = await task.dead_letters()
            assert letter.failure.reason == "schema"
        assert ran == []


async def test_a_rebalance_keeps_lanes_and_cancels_what_runs_on_the_partition_that_moves(
    team_of: TeamOf,
) -> None:
    gate = Gate()
    began: list[str] = []
    cancelled: list[str] = []

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        began.append(text)
        try:
            await gate.pass_through()
        except asyncio.CancelledError:
            cancelled.append(text)
            raise
        return text

    async with team_of(worker, partitions=2) as team:
        tasks = [
            await team.submit(jobs, ref, reference=ref)
            for ref in [await reference_on(team, partition) for partition in (0, 1)]
        ]
        for task in tasks:
            await task.until("working")
        await until(lambda: len(began) == 2)
        before = list(team.members[0].process.lanes)
        await team.start(worker)
        await until(lambda: len(began) == 3 and cancelled, within_s=60)
        kept = list(team.members[0].process.lanes)
        gate.opened.set()

        assert [await task.result(str) for task in tasks] == [task.reference for task in tasks]
        assert len(kept) == 1
        assert is_one_of(kept[0], before)
        assert cancelled == [text for text in set(began) if began.count(text) == 2]


async def found(team: Team, reference: str) -> Task | None:
    try:
        return await team.client.task(reference)
    except TaskUnknown:
        return None


def references_in(folder: Path) -> int:
    """How many references the only cache in a folder knows."""
    (cache,) = folder.glob("*.sqlite")
    known = ReferenceFile(cache)
    count = known.count()
    known.close()
    return count


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def is_one_of(lane: LaneRunner, lanes: list[LaneRunner]) -> bool:
    return any(lane is one for one in lanes)


async def reference_on(team: Team, partition: int) -> str:
    """Give a reference whose task lies on this partition of the inbox."""
    for number in range(100):
        reference = f"ref-{number}"
        key = task_id_of("default", reference).encode()
        if await team.bus.partition_of(team.full("jobs"), key) == partition:
            return reference
    raise AssertionError("no reference found")
