"""The client on a real Kafka: from async code, from a script and from inside a running loop."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from handrail import Client, StillRunning, TaskFailed, Topic, agent, results
from handrail.errors import TaskUnknown, TopicsMissing
from handrail.ledger.task_state import TaskState
from handrail.runtime.sync_client import SyncClient
from handrail.testing import Team
from tests.promises.gate import Gate
from tests.waiting import until


class Ask(BaseModel):
    text: str


class Answer(BaseModel):
    text: str


intake = Topic("intake", carries=Ask)
gate = Gate()


@agent(reads=intake, writes=results)
async def echo(ask: Ask) -> Answer:
    if ask.text == "bad":
        raise ValueError("nothing good in it")
    if ask.text == "slow":
        await gate.pass_through()
    return Answer(text=ask.text.upper())


@pytest.fixture
async def team(broker: str) -> AsyncIterator[Team]:
    async with Team(echo, on="kafka", broker=broker) as running:
        yield running


async def test_a_program_submits_and_gets_its_results_over_its_own_connection(
    team: Team, broker: str, tmp_path: Path
) -> None:
    async with Client(tmp_path, broker=broker, namespace=team.namespace) as hr:
        tasks = await asyncio.gather(*(hr.submit(intake, Ask(text=f"a{n}")) for n in range(50)))
        answers = await asyncio.gather(*(task.result(Answer, timeout_s=30) for task in tasks))
        bad = await hr.submit(intake, Ask(text="bad"))

        assert [answer.text for answer in answers] == [f"A{n}" for n in range(50)]
        with pytest.raises(TaskFailed):
            await bad.result(Answer, timeout_s=30)
        with pytest.raises(TopicsMissing):
            await hr.submit(Topic("nowhere", carries=str), "a")


async def test_a_reference_is_found_again_by_another_program(
    team: Team, broker: str, tmp_path: Path
) -> None:
    async with Client(tmp_path, broker=broker, namespace=team.namespace) as hr:
        large = "x" * 300_000
        task = await hr.submit(intake, Ask(text=large), reference="invoice-7")
        assert (await task.result(Answer, timeout_s=30)).text == large.upper()

    async with Client(tmp_path, broker=broker, namespace=team.namespace) as hr:
        again = await hr.submit(intake, Ask(text="other"), reference="invoice-7")
        looked_up = await hr.task("invoice-7")

        assert (await again.result(Answer, timeout_s=30)).text == large.upper()
        assert (await looked_up.result(Answer, timeout_s=30)).text == large.upper()
        assert looked_up.id == task.id
        with pytest.raises(TaskUnknown):
            await hr.task("invoice-8")


async def test_a_script_and_a_notebook_work_without_await(
    team: Team, broker: str, tmp_path: Path
) -> None:
    def script() -> tuple[str, str | None, TaskState]:
        with Client.sync(tmp_path, broker=broker, namespace=team.namespace) as hr:
            task = hr.submit(intake, Ask(text="a"), reference="mine")
            answer = task.result(Answer, timeout_s=30)
            return answer.text, hr.task("mine").reference, task.state()

    in_a_thread = await asyncio.to_thread(script)

    assert in_a_thread == ("A", "mine", TaskState.COMPLETED)
    assert not [thread for thread in threading.enumerate() if thread.name == "handrail client"]


async def test_a_script_gives_a_dead_letter_up_and_sends_another_back(
    team: Team, broker: str, tmp_path: Path
) -> None:
    def script() -> tuple[list[bool], TaskState, str]:
        with Client.sync(tmp_path, broker=broker, namespace=team.namespace) as hr:
            first, second = (hr.submit(intake, Ask(text="bad"), reference=r) for r in "ab")
            for task in (first, second):
                with pytest.raises(TaskFailed):
                    task.result(Answer, timeout_s=60)
            settled = [*hr.discard("a", "no good"), *hr.redrive(second, edit=Ask(text="good"))]
            answer = second.result(Answer, timeout_s=30)
            return [one.taken for one in settled], first.state(), answer.text

    running = asyncio.create_task(asyncio.to_thread(script))

    async def done() -> bool:
        await team.advance(seconds=2)
        return running.done()

    await until(done, within_s=90)

    assert await running == ([True, True], TaskState.FAILED, "GOOD")


async def test_a_notebooks_own_loop_may_run_while_the_client_blocks(
    team: Team, broker: str, tmp_path: Path
) -> None:
    with SyncClient(Client(tmp_path, broker=broker, namespace=team.namespace)) as hr:
        # This very loop runs now, as a notebook's does; the team's loop is ours too, so nothing
        # ends while we block it: the client must still answer.
        task = hr.submit(intake, Ask(text="slow"))
        with pytest.raises(StillRunning):
            task.result(Answer, timeout_s=0.3)
        await gate.entered.wait()
        gate.opened.set()
        waiting = asyncio.to_thread(task.result, Answer, 30)

        assert (await waiting).text == "SLOW"
