"""What a lane promises about dead letters that are sent back or given up, on any broker."""

from collections.abc import Callable, Iterator

import pytest

from handrail import Context, Effect, Idempotent, Refused, State, ToolContext, agent, results, tool
from handrail.ledger.event import Redriven
from handrail.testing import Team
from tests.promises.step_tools import jobs, ledger

TeamOf = Callable[..., Team]


class World:
    """What was done, and what goes wrong next."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.keys: list[str] = []
        self.wrong: dict[str, Exception] = {}

    def does(self, what: str, key: str = "") -> str:
        """Do something, or fail as planned."""
        self.done.append(what)
        self.keys.append(key)
        error = self.wrong.get(what.partition(" ")[0])
        if error is not None:
            raise error
        return f"{what} done"


WORLD = World()


@pytest.fixture(autouse=True)
def world() -> Iterator[World]:
    WORLD.__init__()  # type: ignore[misc]  # the tools below know it by its name
    return WORLD


@tool(effect=Effect.READ)
async def look(text: str) -> str:
    """Look something up."""
    return WORLD.does(f"look {text}")


@tool(effect=Effect.UNSAFE)
async def pay(ctx: ToolContext, text: str) -> str:
    """Pay, which nobody can take back."""
    return WORLD.does(f"pay {text}", ctx.idem_key)


@tool(effect=Idempotent(ttl_s=7 * 86_400))
async def book(ctx: ToolContext, text: str) -> str:
    """Book at somebody who honours our key."""
    return WORLD.does(f"book {text}", ctx.idem_key)


TOOLS = [look, pay, book]
NO = Refused(State.INVALID_INPUT, "no such thing")


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    await ctx.call(look, text)
    await ctx.call(pay, text)
    return await ctx.call(book, text)


def real(team: Team) -> Team:
    """Let every tool of this file run."""
    for one in TOOLS:
        team.allow(one)
    return team


async def test_a_redrive_repeats_no_recorded_step_and_tries_the_failed_one_again(
    team_of: TeamOf, world: World
) -> None:
    world.wrong["book"] = NO
    async with team_of(clerk, tools=TOOLS) as team:
        task = await real(team).submit(jobs, "x")
        await task.until("failed")
        (letter,) = await task.dead_letters()
        assert letter.failure.step == "3 book"
        assert letter.failure.journal is not None
        world.wrong.clear()
        await team.redrive(task)

        assert await task.result(str) == "book x done"
        assert world.done == ["look x", "pay x", "book x", "book x"]
        assert world.keys[-1] == world.keys[-2]
        (sent_back,) = [one for one in await ledger(team) if isinstance(one, Redriven)]
        assert (sent_back.by, sent_back.count, sent_back.run) == ("a test", 1, 0)
