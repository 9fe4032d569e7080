"""A team under test behaves as in production, and says what the test did not foresee."""

import asyncio

import pytest

from handrail import Refused, State, TaskFailed, Topic, agent, results
from handrail.testing import Team, UnscriptedError, calls, says
from handrail.wire.record import TopicPartition
from tests.promises.gate import Gate
from tests.unit.testing.teams import (
    Complaint,
    Greeting,
    Receipt,
    Reply,
    Verdict,
    clerk,
    complaints,
    find_order,
    greeter,
    greetings,
    names,
    refund,
    replies,
)


async def test_a_task_leaves_its_output_on_its_topic() -> None:
    async with Team(greeter) as team:
        task = await team.submit(names, "Ada")
        await task.until("completed")

        assert await task.output(greetings) == [Greeting(text="Hello, Ada")]
        assert await task.dead_letters() == []


async def test_a_scripted_model_and_a_faked_tool_answer_for_the_world() -> None:
    async with Team(clerk, tools=[refund, find_order]) as team:
        team.model.script(says(Verdict(amount=150)))
        team.fake(refund, returns=Receipt(id="r1"))

        task = await team.submit(complaints, Complaint(order="42", text="broken"))

        assert await task.output(replies) == [Reply(text="Refunded, receipt r1")]
        assert team.calls(refund) == [{"order": "42", "amount": 150}]


async def test_the_model_may_call_a_tool_and_sees_its_result() -> None:
    async with Team(clerk, tools=[refund, find_order]) as team:
        team.model.script(calls(find_order, {"order": "42"}), says(Verdict(amount=1)))
        team.allow(find_order)
        team.fake(refund, does=lambda order, amount: Receipt(id=f"{order}/{amount}"))

        task = await team.submit(complaints, Complaint(order="42", text="broken"))

        assert await task.output(replies) == [Reply(text="Refunded, receipt 42/1")]
        assert team.calls(find_order) == [{"order": "42"}]
        assert "order 42 is there" in team.model.asked[1].turns[-1].model_dump_json()


async def test_a_tool_that_is_told_to_raise_raises_in_the_handler() -> None:
    async with Team(clerk, tools=[refund]) as team:
        team.model.script(says(Verdict(amount=1)))
        team.fake(refund, raises=Refused(State.BUDGET_EXHAUSTED, "no money left"))

        task = await team.submit(complaints, Complaint(order="42", text="broken"))

        assert await task.output(replies) == [Reply(text="no money left")]


async def test_an_unscripted_turn_of_the_model_fails_the_test_and_shows_what_was_asked() -> None:
    async def body() -> None:
        async with Team(clerk, tools=[refund]) as team:
            task = await team.submit(complaints, Complaint(order="42", text="broken"))
            await task.until("completed")

    with pytest.raises(UnscriptedError, match=r"(?s)prompt:  broken.*find_order.*says\(VALUE\)"):
        await body()


async def test_an_unfaked_tool_fails_the_test_and_shows_its_arguments() -> None:
    async def body() -> None:
        async with Team(clerk, tools=[refund]) as team:
            team.model.script(says(Verdict(amount=150)))
            task = await team.submit(complaints, Complaint(order="42", text="broken"))
            await task.until("failed")

    with pytest.raises(UnscriptedError, match=r"refund\(order='42', amount=Decimal\('150'\)\)"):
        await body()


async def test_a_line_answers_only_the_prompt_it_is_for() -> None:
    async with Team(clerk, tools=[refund]) as team:
        team.model.script(
            says(Verdict(amount=2), when="torn"), says(Verdict(amount=1), when="broken")
        )
        team.fake(refund, does=lambda order, amount: Receipt(id=f"{order}/{amount}"))

        broken = await team.submit(complaints, Complaint(order="a", text="broken"))
        await broken.until("completed")
        torn = await team.submit(complaints, Complaint(order="b", text="torn"))

        assert await broken.output(replies) == [Reply(text="Refunded, receipt a/1")]
        assert await torn.output(replies) == [Reply(text="Refunded, receipt b/2")]


async def test_a_handler_that_raises_leaves_a_dead_letter_with_its_words() -> None:
    async with Team(greeter) as team:
        task = await team.submit(names, "Eve")
        await task.until("failed")

        (letter,) = await task.dead_letters()
        assert letter.failure.reason == "attempts"
        assert letter.body == b'"Eve"'
        with pytest.raises(TaskFailed, match="failed") as failed:
            await task.result(str)
        assert "Eve is not greeted" in str(failed.value)


async def test_a_state_that_is_not_reached_is_said_with_the_reason() -> None:
    async with Team(greeter) as team:
        task = await team.submit(names, "Eve")

        with pytest.raises(AssertionError, match=r"is failed, not completed: .*Eve"):
            await task.until("completed")


async def test_the_result_of_a_task_is_what_its_last_agent_sent_to_results() -> None:
    async with Team(greeter) as team:
        task = await team.submit("names", "Zoe", reference="invoice-7")

        assert await task.result(str) == "Zoe has a result"
        assert task.reference == "invoice-7"


async def test_time_moves_only_when_it_is_told_to_and_timers_fire_in_order() -> None:
    told: list[tuple[str, int]] = []
    async with Team(greeter) as team:
        began_ms = team.clock.now_ms()

        async def wake(name: str, after_s: float) -> None:
            await team.clock.sleep(after_s)
            told.append((name, team.clock.now_ms() - began_ms))

        sleepers = [
            asyncio.create_task(wake(n, s)) for n, s in [("b", 7200), ("a", 90), ("c", 7201)]
        ]
        await team.settle()
        assert told == []
        await team.advance(hours=2)

        assert told == [("a", 90_000), ("b", 7_200_000)]
        await team.advance(seconds=1)
        await asyncio.gather(*sleepers)


async def test_a_handler_left_running_at_the_end_of_the_body_fails_the_test() -> None:
    gate = Gate()
    left = Topic("left", carries=str)

    @agent(reads=left, writes=results)
    async def sleeper(text: str) -> str:
        await gate.pass_through()
        return text

    team = Team(sleeper)
    team._ground.patience_s = 0.2

    async def body() -> None:
        async with team:
            await team.submit(left, "x")
            await gate.entered.wait()

    with pytest.raises(AssertionError, match=r"(?s)left running.*sleeper: 1 running"):
        await body()


async def test_a_handoff_that_was_lost_is_found_at_the_end_of_the_body() -> None:
    async def body() -> None:
        async with Team(greeter, partitions=1) as team:
            task = await team.submit(names, "Ada")
            await task.until("completed")
            # The ledger forgets, as if the offset had been committed without the work.
            where = TopicPartition(team.full("ledger"), 0)
            await team.bus.admin.delete_records({where: await team.bus.end_offset(where)})

    with pytest.raises(AssertionError, match=r"(?s)lost or doubled.*nothing says how it ended"):
        await body()


async def test_a_killed_process_commits_nothing_and_its_successor_runs_the_handler_afresh() -> None:
    gate, runs = Gate(), []
    jobs = Topic("jobs", carries=str)

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        runs.append(text)
        if len(runs) == 1:
            await gate.pass_through()
        return f"{text} by run {len(runs)}"

    async with Team(worker) as team:
        task = await team.submit(jobs, "x")
        await gate.entered.wait()
        await task.until("working")
        await team.kill(worker)
        gate.opened.set()
        await team.settle()
        assert await task.state() == "working"
        await team.restart(worker)

        assert await task.result(str) == "x by run 2"
        assert runs == ["x", "x"]
