"""The agents of the team under simulation, and the topics that they meet on.

Each team is there twice: with one inbox for all, and with a second one for high priority. Pieces
have one inbox in either, so that priority also has to travel through a topic that does not part it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail import Context, Parts, Topic, agent, results
from handrail.contract.team import TeamDescription
from tests.simulation.team import (
    ASK,
    HARD_TOOLS,
    HOLD,
    MENDED_STEP,
    PERSON,
    SLEEP,
    STAGE,
    TOOLS,
    Order,
    Piece,
    Price,
    Query,
    Shape,
    apart,
    joined,
    query_of,
    said,
    step_of_joiner,
    step_of_piece,
)

WITHIN_S = 0.5  #: how long parts are waited for; the lane looks once a second


@dataclass(frozen=True, slots=True)
class Topics:
    """What one team meets on."""

    orders: Topic[Order]
    pieces: Topic[Piece]
    prices: Topic[Price]
    queries: Topic[Query, str]
    matters: Topic[Query, str]

    @classmethod
    def of(cls, *, priorities: bool) -> "Topics":
        """Declare them, with a second inbox for high priority or without."""
        return cls(
            Topic("orders", carries=Order, priorities=priorities),
            Topic("pieces", carries=Piece),
            Topic("prices", carries=Price, priorities=priorities),
            Topic("queries", carries=Query, replies=str, priorities=priorities),
            Topic("matters", carries=Query, replies=str, key=lambda _: "one"),
        )

    def mailbox(self, asked: Order) -> str:
        """Name what an order waits in: one key, and one priority where there are two inboxes."""
        return f"{asked.key}, urgent" if asked.urgent and self.orders.priorities else asked.key


PLAIN = Topics.of(priorities=False)
PARTED = Topics.of(priorities=True)


async def _carry_out(topics: Topics, asked: Order, ctx: Context) -> str:
    answers: list[str] = []
    mailbox = topics.mailbox(asked)
    STAGE.now.enter(mailbox)
    try:
        for step, name in enumerate(asked.steps, start=1):
            if name == SLEEP:
                await ctx.sleep(STAGE.now.sleep_s)
                answers.append(said(name, asked.number, step))
            elif name == ASK:
                answers.append(await ctx.ask(topics.queries, query_of(asked.number, step)))
            elif name == HOLD:
                answers.append(await ctx.ask(topics.matters, query_of(asked.number, step)))
            elif name == PERSON:
                text = f"{name}(number={asked.number}, step={step})"
                answers.append(await ctx.ask_person(text, returns=str))
            else:
                tool_of_step = TOOLS.get(name) or HARD_TOOLS[name]
                answers.append(await ctx.call(tool_of_step, asked.number, step))
    finally:
        STAGE.now.leave(mailbox)
    return " ".join(answers)


def _carriers(topics: Topics) -> tuple[Any, Any]:
    @agent(reads=topics.orders, writes=results)
    async def clerk(asked: Order, ctx: Context) -> str:
        """Carry an order out, step by step."""
        return f"{asked.number}: {await _carry_out(topics, asked, ctx)}"

    @agent(reads=topics.queries)
    async def helper(query: Query, ctx: Context) -> str:
        """Take a step for somebody who asks."""
        return await ctx.call(TOOLS[query.word], query.number, 1)

    return clerk, helper


def _holder(topics: Topics) -> Any:
    @agent(reads=topics.matters, followers="block_key")
    async def holder(query: Query, ctx: Context) -> str:
        """Take a step, and one that fails until a person has helped."""
        answer = await ctx.call(TOOLS[query.word], query.number, 1)
        await ctx.call(HARD_TOOLS["stumble"], query.number, MENDED_STEP)
        return answer

    return holder


def _takers_apart(topics: Topics) -> tuple[Any, Any, Any, Any]:
    @agent(reads=topics.orders, writes=topics.pieces)
    async def splitter(asked: Order, ctx: Context) -> list[Piece]:
        """Carry an order out and take it apart."""
        return apart(asked, await _carry_out(topics, asked, ctx))

    @agent(reads=topics.pieces, writes=topics.prices)
    async def pricer(piece: Piece, ctx: Context) -> Price:
        """Take one more step for a piece, a late one after a while."""
        if piece.is_late:
            await ctx.sleep(STAGE.now.late_s)
        number, step = step_of_piece(piece)
        answer = await ctx.call(TOOLS[piece.step], number, step)
        return Price(number=piece.number, index=piece.index, said=f"{piece.said} {answer}")

    @agent(reads=topics.prices, writes=results)
    async def joiner(parts: Parts[Price]) -> str:
        """Put an order together again."""
        return joined(list(parts))

    @agent(reads=topics.prices, writes=results, within_s=WITHIN_S)
    async def hasty(parts: Parts[Price], ctx: Context) -> str:
        """Put together what has come in time, and take a step that says how much it is."""
        found = list(parts)
        if not found:
            return joined(found)
        tool, number, step = step_of_joiner(found[0].number, len(found))
        return f"{joined(found)} | {await ctx.call(TOOLS[tool], number, step)}"

    return splitter, pricer, joiner, hasty


def _team(*agents: Any) -> TeamDescription:
    team = TeamDescription(agents, tools=[*TOOLS.values(), *HARD_TOOLS.values()])
    team.check()
    return team


def _teams(topics: Topics) -> Mapping[Shape, TeamDescription]:
    clerk, helper = _carriers(topics)
    splitter, pricer, joiner, hasty = _takers_apart(topics)
    return {
        Shape.ALONE: _team(clerk),
        Shape.ASKING: _team(clerk, helper),
        Shape.APART: _team(splitter, pricer, joiner),
        Shape.HASTY: _team(splitter, pricer, hasty),
        Shape.HELD: _team(clerk, _holder(topics)),
        Shape.TROUBLED: _team(clerk),
    }


_PLAIN_TEAMS, _PARTED_TEAMS = _teams(PLAIN), _teams(PARTED)


def team_of(shape: Shape, *, two_inboxes: bool) -> TeamDescription:
    """Give the team of a schedule."""
    return (_PARTED_TEAMS if two_inboxes else _PLAIN_TEAMS)[shape]
