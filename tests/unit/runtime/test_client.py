"""A program submits work, waits for it and gets what the team gave, or why it gave nothing."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from handrail import (
    Client,
    StillRunning,
    TaskFailed,
    Topic,
    WaitingForPerson,
    agent,
    results,
)
from handrail.errors import (
    BrokerUnreachable,
    MessageMisfit,
    ResultGone,
    ResultMisfit,
    SubmissionInvalid,
    TaskCanceled,
    TaskRejected,
    TaskUnknown,
    TaskWithoutResult,
    TopicsMissing,
    TopicUnknown,
)
from handrail.ledger.event import CancelAsked, PersonAsked, RequestKind
from handrail.ledger.event_record import encode
from handrail.ledger.task_state import TaskState
from handrail.testing import Team
from handrail.wire.record import Outgoing
from tests.promises.gate import Gate
from tests.waiting import until


class Ask(BaseModel):
    text: str
    times: int = 1


class Answer(BaseModel):
    text: str


intake = Topic("intake", carries=Ask)


def echo_team(**settings: Any) -> tuple[Team, list[str]]:
    """Give a team of one agent that answers with the text and the number of its run."""
    runs: list[str] = []

    @agent(reads=intake, writes=results)
    async def echo(ask: Ask) -> Answer | None:
        runs.append(ask.text)
        if ask.text == "bad":
            raise ValueError("nothing good in it")
        return Answer(text=f"{ask.text} {len(runs)}" * ask.times) if ask.text != "none" else None

    return Team(echo, **settings), runs


async def test_the_result_comes_back_as_the_type_that_was_asked_for() -> None:
    team, _ = echo_team()
    async with team:
        task = await team.client.submit(intake, Ask(text="a"), reference="invoice-7")

        assert await task.result(Answer, timeout_s=10) == Answer(text="a 1")
        assert await task.result(timeout_s=10) == {"text": "a 1"}
        assert (task.reference, await task.state()) == ("invoice-7", TaskState.COMPLETED)


async def test_a_repeated_reference_finds_the_earlier_result_also_from_another_program() -> None:
    team, runs = echo_team(partitions=1)
    async with team:
        first = await team.client.submit(intake, Ask(text="a"), reference="r")
        await first.result(Answer, timeout_s=10)
        await team.advance(hours=23)
        async with Client(bus=team.bus, namespace=team.namespace, clock=team.clock) as other:
            again = await other.submit(intake, Ask(text="b"), reference="r")
            looked_up = await other.task("r")
            by_id = await other.task(first.id)

            found = [await one.result(Answer, timeout_s=10) for one in (again, looked_up, by_id)]

        assert found == [Answer(text="a 1")] * 3
        assert runs == ["a"]


async def test_a_task_opened_anew_after_a_day_never_gives_the_earlier_result() -> None:
    gate = Gate()
    runs: list[str] = []

    @agent(reads=intake, writes=results)
    async def slow_the_second_time(ask: Ask) -> Answer:
        runs.append(ask.text)
        if len(runs) == 2:
            await gate.pass_through()
        return Answer(text=f"{ask.text} {len(runs)}")

    async with Team(slow_the_second_time, partitions=1) as team:
        first = await team.client.submit(intake, Ask(text="old"), reference="r")
        assert await first.result(Answer, timeout_s=10) == Answer(text="old 1")
        await team.advance(hours=25)
        second = await team.client.submit(intake, Ask(text="new"), reference="r")

        assert second.id == first.id
        assert await second.state() in (TaskState.SUBMITTED, TaskState.WORKING)
        await gate.entered.wait()
        with pytest.raises(StillRunning):
            await second.result(Answer, timeout_s=0.05)
        with pytest.raises(StillRunning):
            await first.result(Answer, timeout_s=0.05)
        gate.opened.set()
        assert await second.result(Answer, timeout_s=10) == Answer(text="new 2")
        assert await first.result(Answer, timeout_s=10) == Answer(text="new 2")


async def test_many_repeats_at_once_all_find_the_one_result() -> None:
    team, runs = echo_team()
    async with team:
        submit = team.client.submit
        tasks = await asyncio.gather(
            *(submit(intake, Ask(text=f"{n}"), reference="r") for n in range(60))
        )
        found = await asyncio.gather(*(task.result(Answer, 10) for task in tasks))

        assert len(runs) == 1
        assert {one.text for one in found} == {f"{runs[0]} 1"}


async def test_without_a_reference_every_submission_is_a_task_of_its_own() -> None:
    team, runs = echo_team()
    async with team:
        tasks = [await team.client.submit(intake, Ask(text="same")) for _ in range(3)]
        for task in tasks:
            await task.wait(timeout_s=10)

        assert len({task.id for task in tasks}) == 3
        assert runs == ["same"] * 3


async def test_a_failed_task_says_why_with_the_exit_code_of_failed_work() -> None:
    team, _ = echo_team()
    async with team:
        task = await team.client.submit(intake, Ask(text="bad"))

        with pytest.raises(TaskFailed) as failed:
            await task.result(Answer, timeout_s=10)
        assert failed.value.exit_code == 1
        assert failed.value.why == "echo gave up (attempts): nothing good in it"
        assert await task.wait(timeout_s=10) is TaskState.FAILED


async def test_what_the_agent_cannot_read_is_rejected_which_is_a_failure() -> None:
    other = Topic("intake", carries=Answer)
    team, _ = echo_team()
    async with team:
        task = await team.client.submit(other, Answer(text="x"))

        with pytest.raises(TaskRejected, match="refused before any agent") as rejected:
            await task.result(Answer, timeout_s=10)
        assert isinstance(rejected.value, TaskFailed)
        assert "schema" in rejected.value.why


async def test_a_task_that_waits_for_a_person_says_so_at_once() -> None:
    gate = Gate()

    @agent(reads=intake, writes=results)
    async def asker(ask: Ask) -> Answer:
        await gate.pass_through()
        return Answer(text=ask.text)

    async with Team(asker) as team:
        task = await team.client.submit(intake, Ask(text="a"))
        await gate.entered.wait()
        asked = PersonAsked(
            task_id=task.id,
            tenant="default",
            time_ms=team.clock.now_ms(),
            request="q1",
            kind=RequestKind.APPROVAL,
            text="pay 150?",
            invocation="i",
            agent="asker",
        )
        await team.bus.sender().send(encode(asked, team.full("ledger")))

        with pytest.raises(WaitingForPerson) as waiting:
            await task.result(Answer, timeout_s=10)
        assert waiting.value.exit_code == 7
        assert "pay 150?" in waiting.value.why
        gate.opened.set()


async def test_a_task_that_has_not_ended_in_time_is_still_running_and_ends_later() -> None:
    gate = Gate()

    @agent(reads=intake, writes=results)
    async def slow(ask: Ask) -> Answer:
        await gate.pass_through()
        return Answer(text=ask.text)

    async with Team(slow) as team:
        task = await team.client.submit(intake, Ask(text="a"))
        await task.wait(TaskState.WORKING, timeout_s=10)

        with pytest.raises(StillRunning) as still:
            await task.result(Answer, timeout_s=0.05)
        assert still.value.exit_code == 6
        assert still.value.why == "Working: 1 at intake."
        gate.opened.set()
        assert await task.result(Answer, timeout_s=10) == Answer(text="a")


async def test_a_canceled_task_is_a_failed_one_with_the_word_of_whoever_stopped_it() -> None:
    gate = Gate()

    @agent(reads=intake, writes=results)
    async def slow(ask: Ask) -> Answer:
        await gate.pass_through()
        return Answer(text=ask.text)

    async with Team(slow) as team:
        task = await team.client.submit(intake, Ask(text="a"))
        await task.wait(TaskState.WORKING, timeout_s=10)
        asked = CancelAsked(
            task_id=task.id, tenant="default", time_ms=0, by="Ada", why="not needed"
        )
        await team.bus.sender().send(encode(asked, team.full("ledger")))

        with pytest.raises(TaskCanceled) as canceled:
            await task.result(Answer, timeout_s=10)
        assert canceled.value.why == "Canceled by Ada: not needed"
        gate.opened.set()


async def test_a_result_of_another_type_is_named_and_none_is_no_result() -> None:
    team, _ = echo_team()
    async with team:
        task = await team.client.submit(intake, Ask(text="a"))
        nothing = await team.client.submit(intake, Ask(text="none"))

        with pytest.raises(ResultMisfit, match=r"is a answer\.v1, and Ask was asked for"):
            await task.result(Ask, timeout_s=10)
        with pytest.raises(TaskWithoutResult):
            await nothing.result(Answer, timeout_s=10)
        assert await nothing.result(timeout_s=10) is None


async def test_large_messages_go_and_come_back_whole() -> None:
    team, _ = echo_team()
    async with team:
        task = await team.client.submit(intake, Ask(text="x" * 100_000, times=5))

        assert (await task.result(Answer, timeout_s=10)).text == f"{'x' * 100_000} 1" * 5


async def test_a_result_that_a_later_one_replaced_is_gone_by_name() -> None:
    team, _ = echo_team()
    async with team:
        task = await team.client.submit(intake, Ask(text="a"))
        await task.wait(timeout_s=10)
        where = await team.bus.partition_of(team.full("results"), task.id.encode())
        later = Outgoing(team.full("results"), task.id.encode(), b"{}", (), where)
        await team.bus.sender().send(later)
        team.bus.broker.compact(team.full("results"))  # type: ignore[attr-defined]  # in memory

        with pytest.raises(ResultGone):
            await task.result(Answer, timeout_s=10)
        team._judge = lambda _: None  # the record was taken away on purpose


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"text": 5}, "text: input should be a valid string"),
        (Answer(text="a"), "of type Answer cannot be sent"),
        ("hello", "input should be an object"),
        (None, "of type NoneType cannot be sent"),
    ],
)
async def test_a_message_that_does_not_fit_is_refused_before_anything_is_written(
    message: object, reason: str
) -> None:
    team, runs = echo_team()
    async with team:
        with pytest.raises(MessageMisfit) as misfit:
            await team.submit("intake", message)

        assert reason in misfit.value.why
        assert runs == []


async def test_plain_json_and_a_twin_of_the_model_are_as_good_as_the_model() -> None:
    twin = type("Ask", (BaseModel,), {"__annotations__": {"text": str}})
    team, runs = echo_team()
    async with team:
        for message in ({"text": "a"}, twin(text="b")):
            task = await team.submit("intake", message)
            await task.until("completed")

        assert runs == ["a", "b"]


@pytest.mark.parametrize(
    "given",
    [
        {"reference": ""},
        {"reference": "x" * 257},
        {"reference": "half \ud800"},
        {"reference": "two\nlines"},
        {"deadline_s": 0},
        {"deadline_s": -1},
        {"deadline_s": float("nan")},
        {"deadline_s": float("inf")},
    ],
)
async def test_a_reference_or_deadline_that_cannot_be_is_refused(given: dict) -> None:
    team, runs = echo_team()
    async with team:
        with pytest.raises(SubmissionInvalid):
            await team.client.submit(intake, Ask(text="a"), **given)

        assert runs == []


async def test_an_unknown_task_and_an_unknown_topic_are_named() -> None:
    team, _ = echo_team()
    async with team:
        with pytest.raises(TaskUnknown, match="nowhere"):
            await team.client.task("nowhere")
        with pytest.raises(TopicsMissing) as missing:
            await team.client.submit(Topic("other", carries=str), "a")

        assert missing.value.facts["topics"] == "test.other"


async def test_a_topic_is_known_by_its_name_from_the_files_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "echo.py").write_text(
        "from handrail import Topic, agent\n"
        "intake = Topic('intake', carries=dict)\n"
        "@agent(reads=intake)\n"
        "async def echo(ask: dict) -> None: ...\n"
    )
    team, runs = echo_team()
    async with team:
        client = Client(tmp_path, bus=team.bus, namespace=team.namespace, clock=team.clock)
        async with client as hr:
            task = await hr.submit("intake", {"text": "a"})
            with pytest.raises(TopicUnknown, match="nowhere"):
                await hr.submit("nowhere", {})
            assert await task.wait(timeout_s=10) is TaskState.REJECTED

    assert runs == []


async def test_without_a_broker_the_client_says_where_it_looked(tmp_path: Path) -> None:
    assert "HANDRAIL_BOOTSTRAP" not in os.environ

    with pytest.raises(BrokerUnreachable, match=str(tmp_path)) as unreachable:
        await Client(tmp_path).__aenter__()

    assert unreachable.value.exit_code == 8


async def test_an_address_where_nothing_listens_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:9"):
        await Client(tmp_path, broker="127.0.0.1:9").__aenter__()


async def test_a_broker_that_goes_away_while_somebody_waits_is_said() -> None:
    gate = Gate()

    @agent(reads=intake, writes=results)
    async def slow(ask: Ask) -> Answer:
        await gate.pass_through()
        return Answer(text=ask.text)

    async with Team(slow) as team:
        own = await team._ground.connect()
        async with Client(bus=own, namespace=team.namespace, clock=team.clock) as hr:
            task = await hr.submit(intake, Ask(text="a"))
            waiting = asyncio.create_task(task.result(Answer, timeout_s=10))
            await until(lambda: bool(hr.rows(0) and gate.entered.is_set()))
            own.cut_off()  # type: ignore[attr-defined]  # in memory
            team._ground.clock_moved()

            with pytest.raises(BrokerUnreachable):
                await asyncio.gather(waiting, task.state())
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        gate.opened.set()
