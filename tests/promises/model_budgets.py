"""What lanes promise about what models cost, on whatever broker `team_of` uses."""

from collections.abc import Callable

import pytest

from handrail import Context, Effect, Refused, Topic, agent, results
from handrail.errors import ModelOverloaded, ModelStreamCut
from handrail.ledger.event import Finished
from handrail.models.port import ModelReply, ModelRequest, Usage
from handrail.models.prices import ModelCost
from handrail.testing import Team
from tests.promises.step_tools import jobs, ledger

TeamOf = Callable[..., Team]

MOST, DID = 400_000, 100_000  #: millionths: reserved for a turn, and what it then costs


class Speaker:
    """A model whose turns cost money; it says what it was asked."""

    name = "speaker"
    effect = Effect.PAID

    def __init__(self, *fails: Exception) -> None:
        self.asked: list[str] = []
        self._fails = list(fails)

    async def respond(self, request: ModelRequest) -> ModelReply:
        self.asked.append(request.prompt)
        if self._fails:
            raise self._fails.pop(0)
        return ModelReply(model=self.name, text=request.prompt, usage=Usage(output_tokens=1))

    async def costs(self, usage: Usage) -> ModelCost:
        return ModelCost(DID if usage.output_tokens == 1 else MOST, "a list of ours")


class Unpriced(Speaker):
    """One that does not say what it costs."""

    costs = None  # type: ignore[assignment]


@agent(reads=jobs, writes=results)
async def talker(text: str, ctx: Context) -> str:
    said = [await ctx.model(f"{text} {number}", returns=str) for number in range(3)]
    return ", ".join(said)


@agent(reads=jobs, writes=results)
async def careful(text: str, ctx: Context) -> str:
    try:
        return await ctx.model(text, returns=str)
    except Refused as no:
        return f"{no.state}: {no.title}"


async def test_a_turn_is_reserved_at_its_most_and_spent_as_it_was_used(team_of: TeamOf) -> None:
    model = Speaker()
    async with team_of(talker, model=model, partitions=1) as team:
        # Three turns at their most would be 1.2; what they cost is 0.3.
        task = await team.submit(jobs, "x", budget="0.60")

        assert await task.result(str) == "x 0, x 1, x 2"
        (finished,) = [one for one in await ledger(team) if isinstance(one, Finished)]
        assert finished.cost_micros == 3 * DID


async def test_at_the_end_of_the_budget_the_task_asks_and_goes_on_with_more(
    team_of: TeamOf,
) -> None:
    model = Speaker()
    async with team_of(talker, model=model, partitions=1) as team:
        task = await team.submit(jobs, "x", budget=0.5)
        await task.until("input_required")
        assert "a turn of speaker costs up to 0.40" in await task.task.explanation()
        assert model.asked == ["x 0", "x 1"]
        await team.answer(task, 0.1)

        assert await task.result(str) == "x 0, x 1, x 2"
        assert model.asked == ["x 0", "x 1", "x 2"]


async def test_no_restart_gives_a_turn_twice_or_refills_what_it_cost(team_of: TeamOf) -> None:
    model = Speaker()
    async with team_of(talker, model=model, partitions=1) as team:
        await team.kill(talker, at="after_outcome_commit/model:2")
        task = await team.submit(jobs, "x", budget="0.5")
        await team.restart(talker)
        await task.until("input_required")

        assert model.asked == ["x 0", "x 1"]


async def test_a_turn_lost_in_a_crash_is_paid_for_at_its_most(team_of: TeamOf) -> None:
    model = Speaker()
    async with team_of(talker, model=model, partitions=1) as team:
        await team.kill(talker, at="after_act/model")
        task = await team.submit(jobs, "x", budget="0.7")
        await team.restart(talker)
        await task.until("input_required")  # 0.4 are lost, and 0.3 cover no turn

        assert model.asked == ["x 0"]


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (ModelOverloaded(model="speaker", status=529, attempts=1, reason="x"), "completed"),
        (
            ModelOverloaded(model="speaker", status="x in a stream", attempts=1, reason="x"),
            "input_required",
        ),
        (ModelStreamCut(model="speaker", reason="it closed"), "input_required"),
    ],
)
async def test_a_refused_turn_costs_nothing_and_one_that_broke_off_costs_its_most(
    team_of: TeamOf, error: Exception, then: str
) -> None:
    model = Speaker(error)
    async with team_of(careful, model=model, partitions=1) as team:
        task = await team.submit(jobs, "x", budget="0.5")
        for _ in range(40):
            if await task.state() in ("completed", "input_required"):
                break
            await team.advance(seconds=30)

        assert await task.state() == then
        assert len(model.asked) == (2 if then == "completed" else 1)


async def test_a_model_whose_price_nobody_knows_is_refused_where_there_is_a_budget(
    team_of: TeamOf,
) -> None:
    model = Unpriced()
    async with team_of(careful, model=model, partitions=1) as team:
        task = await team.submit(jobs, "x", budget="100")
        assert await task.result(str) == "budget_exhausted: The price of the model is not known"
        assert model.asked == []

        free = await team.submit(jobs, "y")
        assert await free.result(str) == "y"
        costs = [one.cost_micros for one in await ledger(team) if isinstance(one, Finished)]
        assert costs == [0, None]


questions = Topic("questions", carries=str, replies=str)


@agent(reads=jobs, writes=results)
async def asker(text: str, ctx: Context) -> str:
    said = [await ctx.ask(questions, f"{text} {number}") for number in range(2)]
    return f"{', '.join(said)}, {await ctx.model(text, returns=str)}"


@agent(reads=questions)
async def sage(text: str, ctx: Context) -> str:
    return await ctx.model(text, returns=str)


@pytest.mark.parametrize(
    "moment", [None, "after_intent_commit/ctx.ask", "after_outcome_commit/model"]
)
async def test_a_question_is_lent_half_of_what_is_left_and_gives_the_rest_back(
    team_of: TeamOf, moment: str | None
) -> None:
    model = Speaker()
    async with team_of(asker, sage, model=model, partitions=1) as team:
        if moment is not None:
            await team.kill(asker, at=moment)
        # 0.45 of 0.9 cover a turn at its most, 0.4; it costs 0.1. Then 0.4 of 0.8, and 0.7 is left.
        task = await team.submit(jobs, "x", budget="0.90")
        if moment is not None:
            await team.restart(asker)

        assert await task.result(str) == "x 0, x 1, x"
        assert model.asked == ["x 0", "x 1", "x"]
        costs = [one.cost_micros for one in await ledger(team) if isinstance(one, Finished)]
        assert costs == [DID] * 3


async def test_whoever_is_asked_and_has_too_little_asks_a_person_for_more(team_of: TeamOf) -> None:
    model = Speaker()
    async with team_of(asker, sage, model=model, partitions=1) as team:
        task = await team.submit(jobs, "x", budget="0.70")
        await task.until("input_required")
        assert model.asked == []
        await team.answer(task, 0.25)  # 0.6 then cover a turn, and 0.5 of it comes back to 0.35

        assert await task.result(str) == "x 0, x 1, x"
