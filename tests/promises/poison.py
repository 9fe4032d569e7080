"""A handoff that kills its process is set aside, and nothing else is, on whatever broker."""

from collections.abc import Callable, Iterator

import pytest

from handrail import Topic, agent, results
from handrail.testing import Team
from tests.promises.gate import Gate
from tests.waiting import until

TeamOf = Callable[..., Team]

LONG_DEATHS = 2  #: as often what is held beside the poison runs for long, and is killed with it

meals = Topic("meals", carries=str, key=lambda text: text)


class Table:
    """What was begun, and what holds the handlers up."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.held = {"poison"}
        self.gate = Gate()


TABLE = Table()


@pytest.fixture(autouse=True)
def table() -> Iterator[Table]:
    TABLE.__init__()  # type: ignore[misc]  # the agent below knows it by its name
    return TABLE


@agent(reads=meals, writes=results)
async def eater(text: str) -> str:
    """Never comes to an end of the poison: the test kills the process meanwhile."""
    TABLE.begun.append(text)
    if text in TABLE.held:
        await TABLE.gate.pass_through()
    return text


async def deaths_until_it_is_set_aside(team: Team, table: Table, deaths_max: int) -> int:
    """Kill the process each time that it has begun the poison; give how often that was."""
    deaths = 0
    while deaths <= deaths_max:

        async def poisoned_or_dead(deaths: int = deaths) -> bool:
            (member,) = team.members
            found = table.begun.count("poison") > deaths or member.process.status()[0].dead > 0
            if not found:
                # Others are tried alone as well, for as long as their trials last.
                await team.advance(seconds=0.5)
            return found

        await until(poisoned_or_dead, within_s=team.patience_s)
        if team.members[0].process.status()[0].dead:
            return deaths
        deaths += 1
        await team.kill(eater)
        if deaths == LONG_DEATHS:
            table.held = {"poison"}
        await team.restart(eater)
    return deaths


async def test_what_kills_its_process_is_set_aside_and_the_others_are_done(
    team_of: TeamOf, table: Table
) -> None:
    async with team_of(eater, partitions=1) as team:
        poison = await team.submit(meals, "poison")
        deaths = await deaths_until_it_is_set_aside(team, table, 9)
        bread = await team.submit(meals, "bread")

        (letter,) = await poison.dead_letters()
        assert letter.failure.reason == "poison"
        assert letter.failure.exception_type == "KillsItsProcess"
        assert deaths in (5, 6), "once unseen, as a suspect twice at most, and three times alone"
        assert await bread.result(str) == "bread"
        assert await poison.state() == "failed"


async def test_what_ran_beside_it_is_never_set_aside(team_of: TeamOf, table: Table) -> None:
    others = [f"bread {number}" for number in range(12)]
    async with team_of(eater, partitions=2) as team:
        table.held.update(others)
        poison = await team.submit(meals, "poison")
        innocents = [await team.submit(meals, text) for text in others]
        await deaths_until_it_is_set_aside(team, table, 12)
        await poison.until("failed")

        assert [await task.result(str) for task in innocents] == others
        (letter,) = await poison.dead_letters()
        assert letter.failure.reason == "poison"


async def test_a_few_kills_from_outside_condemn_nobody(team_of: TeamOf, table: Table) -> None:
    async with team_of(eater, partitions=1) as team:
        table.held.add("bread")
        bread = await team.submit(meals, "bread")
        for number in range(1, 5):
            await until(lambda n=number: table.begun.count("bread") == n)
            # What lives through its trial is cleared of what has happened before.
            await team.advance(seconds=20)
            await team.kill(eater)
            await team.restart(eater)
        table.held.clear()
        table.gate.opened.set()

        assert await bread.result(str) == "bread"


async def test_the_lonely_one_keeps_the_whole_process_to_itself_and_only_for_its_trial(
    team_of: TeamOf, table: Table
) -> None:
    async with team_of(eater, partitions=2) as team:
        poison = await team.submit(meals, "poison")
        for number in range(1, 4):
            await until(lambda n=number: table.begun.count("poison") == n)
            await team.kill(eater)
            await team.restart(eater)
        await until(lambda: table.begun.count("poison") == 4)
        breads = [await team.submit(meals, f"bread {number}") for number in range(6)]
        await team.settle()
        assert not [text for text in table.begun if text != "poison"]

        await team.advance(seconds=10)
        assert [await task.result(str) for task in breads] == [f"bread {n}" for n in range(6)]
        table.gate.opened.set()
        assert await poison.result(str) == "poison"
