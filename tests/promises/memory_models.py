"""What becomes of records whose model has changed since they were written, on any broker."""

from collections.abc import Iterator
from typing import ClassVar, Self

import pytest
from pydantic import BaseModel, model_validator

from handrail import Context, Memory, MemoryClass, Recall, agent, results
from handrail.errors.memory import RecordUnreadable
from handrail.ledger.memory_event import MemoryRefused
from tests.promises.memory import TeamOf
from tests.promises.step_tools import jobs, ledger


class PriceV1(BaseModel):
    """What something costs, in francs."""

    schema_name: ClassVar[str] = "price"

    amount: int


class Price(BaseModel):
    """What something costs, in centimes."""

    schema_version: ClassVar[int] = 2

    amount: int
    source: str


class Grown(BaseModel):
    """A text; from one day on its source is required, under the same name and version."""

    is_required: ClassVar[bool] = False

    text: str
    source: str = ""

    @model_validator(mode="after")
    def _names_its_source(self) -> Self:
        if Grown.is_required and not self.source:
            raise ValueError("source: Field required")
        return self


prices = Memory("prices", carries=(PriceV1, Price), keeps=MemoryClass.FACT)
grown = Memory("grown", carries=Grown, keeps=MemoryClass.FACT)

OLD = "The ferry crosses the river at noon"
NEW_TEXT = "The ferry crosses the river twice a day"


@pytest.fixture(autouse=True)
def nothing_is_required_afterwards() -> Iterator[None]:
    yield
    Grown.is_required = False


@agent(reads=jobs, writes=results)
async def clerk(key: str, ctx: Context) -> str:
    space = ctx.memory(prices)
    found = await space.get(key)
    assert found is not None
    if isinstance(found.value, PriceV1):
        value = Price(amount=100 * found.value.amount, source="the older record")
        await space.put(key, value, expect=found.version)
        return f"raised from {found.value.amount} francs"
    return f"{found.value.amount} centimes"


async def test_a_record_of_an_older_model_is_read_as_what_it_was_written_as(
    team_of: TeamOf,
) -> None:
    async with team_of(clerk, memory=[prices]) as team:
        await team.memory(prices).put("tea", PriceV1(amount=3))

        first = await team.submit(jobs, "tea")
        assert await first.result(str) == "raised from 3 francs"
        second = await team.submit(jobs, "tea")
        assert await second.result(str) == "300 centimes"

        versions = [one.value for one in await team.memory(prices).history("tea")]
        assert versions == [PriceV1(amount=3), Price(amount=300, source="the older record")]


class NoteV1(BaseModel):
    """A note; what it says is not looked over."""

    schema_name: ClassVar[str] = "note"

    text: str


class Note(BaseModel):
    """A note that somebody has looked over, with the same fields."""

    schema_version: ClassVar[int] = 2

    text: str


notes = Memory("notes", carries=(NoteV1, Note), keeps=MemoryClass.FACT)


@agent(reads=jobs, writes=results)
async def renewer(key: str, ctx: Context) -> str:
    space = ctx.memory(notes)

    def renewed(old: NoteV1 | Note | None) -> Note:
        assert old is not None
        return Note(text=old.text)

    done = [await space.update(key, renewed), await space.update(key, renewed)]
    found = await space.get(key)
    assert found is not None
    return f"{[one.version for one in done]} {type(found.value).__name__}"


async def test_a_record_that_is_put_as_a_newer_model_with_the_same_fields_is_one_of_it(
    team_of: TeamOf,
) -> None:
    async with team_of(renewer, memory=[notes]) as team:
        await team.memory(notes).put("tea", NoteV1(text=OLD))

        task = await team.submit(jobs, "tea")

        assert await task.result(str) == "[2, 2] Note"
        versions = [one.value for one in await team.memory(notes).history("tea")]
        assert versions == [NoteV1(text=OLD), Note(text=OLD)]


@agent(reads=jobs, writes=results)
async def finder(text: str, ctx: Context) -> str:
    space = ctx.memory(grown)
    found = [hit.record.key for hit in await space.search("ferry river")]
    versions = [one.version for one in await space.history("old")]
    known = await ctx.recall(Recall(grown, query="ferry river"), budget_tokens=200)
    assert [one.key for one in known.records] == found
    return f"{text}: {found} {versions} {list(known.dropped)}"


async def test_a_read_of_many_goes_on_without_a_record_that_no_model_reads_and_says_so(
    team_of: TeamOf,
) -> None:
    async with team_of(finder, memory=[grown]) as team:
        await team.memory(grown).put("old", Grown(text=OLD))
        await team.memory(grown).put("new", Grown(text=NEW_TEXT, source="a board"))
        Grown.is_required = True

        task = await team.submit(jobs, "found")

        left_out = "grown/old@1: no model that its space carries reads it"
        assert await task.result(str) == f"found: ['new'] [] ['{left_out}']"
        refused = [one for one in await ledger(team) if isinstance(one, MemoryRefused)]
        assert [(one.op, one.reason, one.key.rpartition("/")[2]) for one in refused] == [
            ("search", "model", "old"),
            ("history", "model", "old"),
        ]


@agent(reads=jobs, writes=results)
async def mender(how: str, ctx: Context) -> str:
    space = ctx.memory(grown)

    def anew(old: Grown | None) -> Grown:
        return Grown(text=OLD if old is None else old.text, source="a board")

    try:
        await space.update("old", anew)
    except RecordUnreadable as error:
        if how == "put":
            done = await space.put("old", anew(None), expect=error.version)
        else:
            done = await space.update("old", anew, replaces_unreadable=True)
        found = await space.get("old")
        assert found is not None
        return f"{error.code} {error.version} {done.version} {found.value.source}"
    return "nothing was wrong"


@pytest.mark.parametrize("how", ["put", "update"])
async def test_who_is_told_that_no_model_reads_a_record_can_write_it_anew(
    team_of: TeamOf, how: str
) -> None:
    async with team_of(mender, memory=[grown]) as team:
        await team.memory(grown).put("old", Grown(text=OLD))
        Grown.is_required = True

        task = await team.submit(jobs, how)

        assert await task.result(str) == "HR-MEM-013 1 2 a board"
