"""What a lane promises about questions to people, on whatever broker `team_of` uses."""

from collections.abc import Callable
from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel

from handrail import Context, agent, results
from handrail.errors import AnswerRefused, AnswerUnfit, NoAnswerInTime, RequestUnknown
from handrail.ledger.event import PersonAnswered, PersonAsked
from handrail.runtime.people import give_answer, one_request, read_request, taken
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.wire.dead_letter import Reason
from handrail.wire.human import HUMAN
from tests.promises.step_tools import TOOLS, Acts, jobs, ledger, left_of_steps, look, pay, real
from tests.waiting import until

TeamOf = Callable[..., Team]


class Sign(BaseModel):
    name: str
    how_often: int = 1


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    await ctx.call(look, text)
    sign = await ctx.ask_person(f"Who signs {text}?", returns=Sign)
    await ctx.call(pay, text)
    return f"{sign.name} x{sign.how_often}"


async def open_on_human(team: Team) -> list[str]:
    live: dict[bytes, bytes | None] = {}
    for record in await read_all(team.bus, team.full(HUMAN)):
        live[record.key or b""] = record.value
    return [
        key.decode() for key, value in live.items() if value is not None and b"/closed" not in key
    ]


async def nothing_open(team: Team) -> bool:
    await team.advance(seconds=1)  # answers are looked at once a second
    return not await open_on_human(team)


async def test_a_handler_asks_a_person_rests_and_goes_on_with_the_answer(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        real(team)
        task = await team.submit(jobs, "x")
        await task.until("input_required")
        assert "Who signs x?" in await task.task.explanation()
        assert len(await open_on_human(team)) == 1
        (lane,) = team.members[0].process.lanes
        assert lane.lane is not None
        assert (lane.lane.running_count, lane.lane.parked_count) == (0, 1)
        got = await team.answer(task, {"name": "Ada", "how_often": 2}, by="Bob")

        assert (got.by, got.value, got.is_ours) == ("Bob", {"name": "Ada", "how_often": 2}, True)
        assert await task.result(str) == "Ada x2"
        assert acts.done == ["look x", "pay x"]
        assert await open_on_human(team) == []
        told = [e for e in await ledger(team) if isinstance(e, PersonAnswered)]
        assert [one.by for one in told] == ["Bob"]


async def test_the_intent_and_the_rest_are_one_transaction(team_of: TeamOf, acts: Acts) -> None:
    del acts
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        real(team)
        task = await team.submit(jobs, "x")
        await task.until("input_required")

        records = await read_all(team.bus, team.full("clerk.journal"))
        kinds = {"intent/2": b"/intent/2", "accepted": b"/accepted/", "parked": b"/parked/"}
        at = {
            name: record.offset
            for record in records
            for name, part in kinds.items()
            if part in (record.key or b"")
        }
        # A transaction ends with a marker, which takes an offset of its own.
        assert max(at.values()) - min(at.values()) == 2
        assert len(at) == 3
        await team.answer(task, {"name": "Ada"})
        await task.until("completed")


@pytest.mark.parametrize("moment", ["before_intent/ctx.ask_person", "after_final_commit"])
async def test_a_person_is_asked_once_whatever_crashes(
    team_of: TeamOf, acts: Acts, moment: str
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        real(team)
        await team.kill(clerk, at=moment)
        task = await team.submit(jobs, "x")
        await team.restart(clerk)
        await task.until("input_required")
        await team.kill(clerk)
        await team.restart(clerk)
        await team.advance(seconds=3)
        await team.answer(task, {"name": "Ada"})

        assert await task.result(str) == "Ada x1"
        assert acts.done.count("pay x") == 1
        asked = [e.request for e in await ledger(team) if isinstance(e, PersonAsked)]
        assert len(asked) == 1


async def test_an_answer_that_comes_while_nobody_runs_is_taken_by_the_next_owner(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        real(team)
        task = await team.submit(jobs, "x")
        await task.until("input_required")
        await team.kill(clerk)
        facts = await task.task.facts()
        assert facts is not None
        request = await one_request(team.bus, team.namespace, facts)
        await give_answer(team.bus, team.namespace, request, b'{"name": "Eve"}', "Eve", 1)
        await team.restart(clerk)
        await team.advance(seconds=2)

        await task.until("completed")
        assert await task.result(str) == "Eve x1"
        assert acts.done.count("pay x") == 1


async def test_of_two_answers_the_first_that_is_journaled_counts_and_both_senders_are_told(
    team_of: TeamOf, acts: Acts
) -> None:
    del acts
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        real(team)
        task = await team.submit(jobs, "x")
        await task.until("input_required")
        facts = await task.task.facts()
        assert facts is not None
        request = await one_request(team.bus, team.namespace, facts)
        bus, namespace = team.bus, team.namespace
        first = await give_answer(bus, namespace, request, b'{"name": "Ada"}', "Ada", 1)
        second = await give_answer(bus, namespace, request, b'{"name": "Bob"}', "Bob", 2)
        await team.advance(seconds=2)

        told = await taken(bus, namespace, first), await taken(bus, namespace, second)
        assert [(one.by, one.is_ours) for one in told if one] == [("Ada", True), ("Ada", False)]
        await task.until("completed")
        assert await task.result(str) == "Ada x1"

        await give_answer(bus, namespace, request, b'{"name": "Cy"}', "Cy", 3)
        await until(lambda: nothing_open(team), what="the note of what came too late is gone")


async def test_what_is_no_answer_is_refused_and_the_question_stays_open(
    team_of: TeamOf, acts: Acts
) -> None:
    del acts
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        real(team)
        task = await team.submit(jobs, "x")
        await task.until("input_required")
        with pytest.raises(AnswerRefused, match="how_often"):
            await team.answer(task, {"name": "Ada", "how_often": "often"})
        facts = await task.task.facts()
        assert facts is not None
        request = await one_request(team.bus, team.namespace, facts)
        # By hand, past every check.
        await give_answer(team.bus, team.namespace, request, b"7", "a hand", 1)
        await team.advance(seconds=3)
        assert await task.state() == "input_required"
        assert await read_request(team.bus, team.namespace, request.id) is not None
        await team.answer(task, {"name": "Ada"})

        assert await task.result(str) == "Ada x1"
        with pytest.raises(RequestUnknown):
            await team.client.answer(task.id, "again")


async def test_choices_narrow_the_answer_and_plain_text_is_the_default(team_of: TeamOf) -> None:
    @agent(reads=jobs, writes=results)
    async def chooser(text: str, ctx: Context) -> str:
        colour = await ctx.ask_person("Which colour?", choices=["red", "green"])
        size = await ctx.ask_person("Which size?", returns=int, choices=[1, 2])
        return f"{text} {colour} {size}"

    async with team_of(chooser, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await task.until("input_required")
        with pytest.raises(AnswerRefused, match="none of red, green"):
            await team.answer(task, "blue")
        await team.answer(task, "green")
        await until(lambda: asks(team, "Which size?"))
        await task.until("input_required")
        await team.answer(task, 2)

        assert await task.result(str) == "x green 2"


async def asks(team: Team, text: str) -> bool:
    return any(isinstance(e, PersonAsked) and text in e.text for e in await ledger(team))


async def test_nobody_waits_for_a_person_longer_than_it_said(team_of: TeamOf) -> None:
    @agent(reads=jobs, writes=results)
    async def hasty(text: str, ctx: Context) -> str:
        try:
            return await ctx.ask_person("Quick?", within_s=300)
        except NoAnswerInTime:
            return f"{text}: nobody"

    async with team_of(hasty, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await task.until("input_required")
        await team.advance(seconds=301)
        await task.until("completed")

        assert await task.result(str) == "x: nobody"
        assert await open_on_human(team) == []


async def test_what_died_since_nobody_answered_says_so_and_is_asked_once_more(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=results)
    async def hasty(text: str, ctx: Context) -> str:
        return await ctx.ask_person(f"{text}?", within_s=300)

    async with team_of(hasty, partitions=1) as team:
        task = await team.submit(jobs, "sign")
        await task.until("input_required")
        await team.advance(seconds=301)
        await task.until("failed")
        (letter,) = await task.dead_letters()

        await team.redrive(task)
        await task.until("input_required")
        await team.answer(task, "signed")
        await task.until("completed")

        assert (letter.failure.reason, letter.failure.attempts) == (Reason.UNANSWERED, 1)
        assert await task.result(str) == "signed"


async def test_a_question_is_closed_with_its_task_by_deadline_and_by_cancel(
    team_of: TeamOf, acts: Acts
) -> None:
    del acts
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        real(team)
        late = await team.submit(jobs, "x", deadline_s=60)
        stopped = await team.submit(jobs, "y")
        await late.until("input_required")
        await stopped.until("input_required")
        await stopped.cancel()
        await stopped.until("canceled")
        await team.advance(seconds=63)

        await late.until("failed")
        assert await open_on_human(team) == []
        assert not await left_of_steps(team, "clerk")
        answered = {e.decision for e in await ledger(team) if isinstance(e, PersonAnswered)}
        assert answered == {
            "canceled with its task",
            "the work ended without an answer: deadline",
        }


async def test_a_person_and_an_act_side_by_side_and_the_run_rests_when_the_act_has_ended(
    team_of: TeamOf, acts: Acts
) -> None:
    @agent(reads=jobs, writes=results)
    async def both(text: str, ctx: Context) -> str:
        answer, paid, other = await ctx.gather(
            ctx.ask_person("First?"), ctx.call(pay, text), ctx.ask_person("Second?")
        )
        return f"{answer} {paid} {other}"

    async with team_of(both, tools=TOOLS, partitions=1) as team:
        real(team)
        task = await team.submit(jobs, "x")
        await until(lambda: asks(team, "Second?"))
        await task.until("input_required")
        await until(lambda: two_open(team))
        await team.answer(task, "b", step="3")
        await team.answer(task, "a", step="1")

        assert await task.result(str) == "a paid x b"
    assert acts.done == ["pay x"]


async def two_open(team: Team) -> bool:
    return len(await open_on_human(team)) == 2


def even(number: int) -> int:
    if number % 2:
        raise ValueError("odd")
    return number


async def test_an_answer_that_only_code_can_refuse_is_an_error_of_the_step(
    team_of: TeamOf,
) -> None:
    seen: list[str] = []

    @agent(reads=jobs, writes=results)
    async def counter(text: str, ctx: Context) -> Literal["odd", "even"]:
        try:
            await ctx.ask_person(text, returns=Annotated[int, AfterValidator(even)])  # type: ignore[arg-type]
        except AnswerUnfit as no:
            seen.append(str(no))
            return "odd"
        return "even"

    async with team_of(counter, partitions=1) as team:
        task = await team.submit(jobs, "How many?")
        await task.until("input_required")
        await team.answer(task, 3)

        assert await task.result(str) == "odd"
    assert "odd" in seen[0]
