"""The contract tests find what they look for: each fault is planted once."""

from contextlib import nullcontext
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, WithJsonSchema, field_validator

from handrail import (
    Effect,
    Example,
    Idempotent,
    Integrity,
    Reach,
    Refused,
    State,
    ToolContext,
    tool,
)
from handrail.contract.terms import Terms
from handrail.contract.tool import Tool
from handrail.testing.contracts import World, contract_problems

BOOK: dict[str, str] = {}
COMPLETE: Terms = {
    "owner": "somebody",
    "permission": "book:write",
    "reach": Reach.TENANT,
    "gives": Integrity.INTERNAL,
    "examples": [Example({"name": "Ada"}, "Ada"), Example({"name": ""}, fails=State.NOT_FOUND)],
}


@pytest.fixture(autouse=True)
def _empty() -> None:
    BOOK.clear()


def good() -> Tool[..., Any]:
    @tool(effect=Idempotent(ttl_s=60), failures=[State.NOT_FOUND], undo="strike", **COMPLETE)
    async def book(ctx: ToolContext, name: str) -> str:
        """Book somebody."""
        if not name:
            raise Refused(State.NOT_FOUND)
        BOOK[ctx.idem_key] = name
        return name

    return book


@tool(effect=Effect.UNSAFE, **COMPLETE)
async def strike(name: str) -> None:
    """Take a booking back."""
    for key in [key for key, value in BOOK.items() if value == name]:
        del BOOK[key]


WORLD = World(look=lambda: dict(BOOK), undo=strike)


async def test_a_tool_that_keeps_its_contract_has_no_problem() -> None:
    assert await contract_problems(good(), WORLD) == []


async def test_a_second_effect_under_the_same_key_is_found() -> None:
    @tool(effect=Idempotent(ttl_s=60), failures=[State.NOT_FOUND], **COMPLETE)
    async def book(name: str) -> str:
        """Book somebody."""
        if not name:
            raise Refused(State.NOT_FOUND)
        BOOK[str(len(BOOK))] = name
        return name

    assert any("second effect" in one for one in await contract_problems(book, WORLD))


async def doubled(name: str) -> str:
    """Book somebody, each time anew."""
    if not name:
        raise Refused(State.NOT_FOUND)
    BOOK[str(len(BOOK))] = name
    return name


@pytest.mark.parametrize(
    "world", [None, World(), World(look=lambda: BOOK), World(look=lambda: len("of another book"))]
)
async def test_an_act_that_nobody_has_looked_at_is_found(world: World | None) -> None:
    book = tool(effect=Idempotent(ttl_s=60), failures=[State.NOT_FOUND], **COMPLETE)(doubled)

    (found,) = await contract_problems(book, world)

    assert found.startswith("nobody looked at what it changes")
    assert "World(look=...)" in found


async def test_an_act_is_looked_at_once_though_another_example_of_it_changes_nothing() -> None:
    again = [*COMPLETE["examples"], Example({"name": "Ada"}, "Ada")]

    @tool(
        effect=Idempotent(ttl_s=60), failures=[State.NOT_FOUND], **{**COMPLETE, "examples": again}
    )
    async def book(name: str) -> str:
        """Book somebody under their name."""
        if not name:
            raise Refused(State.NOT_FOUND)
        BOOK[name] = name
        return name

    assert await contract_problems(book, World(look=lambda: dict(BOOK))) == []


async def test_each_example_is_an_act_of_its_own() -> None:
    results: dict[str, str] = {}

    @tool(
        effect=Idempotent(ttl_s=60),
        failures=[],
        **{**COMPLETE, "examples": [Example({"name": name}, name) for name in ("Ada", "Bob")]},
    )
    async def book(ctx: ToolContext, name: str) -> str:
        """Book somebody, and give for a key what was given before."""
        return results.setdefault(ctx.idem_key, name)

    assert await contract_problems(book, World(look=lambda: dict(results))) == []


async def test_a_reader_is_not_asked_what_it_changes() -> None:
    @tool(effect=Effect.READ, failures=[State.NOT_FOUND], **COMPLETE)
    async def look_up(name: str) -> str:
        """Look somebody up."""
        if not name:
            raise Refused(State.NOT_FOUND)
        return name

    assert await contract_problems(look_up) == []


async def test_what_is_paid_for_leaves_no_trace_to_look_at() -> None:
    @tool(effect=Effect.PAID, failures=[State.NOT_FOUND], **COMPLETE)
    async def place(name: str) -> str:
        """Look up where somebody lives, for money."""
        if not name:
            raise Refused(State.NOT_FOUND)
        return name

    assert await contract_problems(place) == []


async def test_what_is_paid_for_and_leaves_a_trace_is_found() -> None:
    @tool(effect=Effect.PAID, failures=[State.NOT_FOUND], **COMPLETE)
    async def place(name: str) -> str:
        """Look up where somebody lives, and keep it."""
        if not name:
            raise Refused(State.NOT_FOUND)
        BOOK[name] = name
        return name

    (found,) = await contract_problems(place, World(look=lambda: dict(BOOK)))

    assert found == "example 0: it leaves no trace by its contract, and has changed something"


async def test_a_reader_that_writes_and_a_wrong_result_are_found() -> None:
    @tool(effect=Effect.READ, **COMPLETE)
    async def book(name: str) -> str:
        """Look somebody up."""
        BOOK[name] = name
        return name.upper()

    found = " ".join(await contract_problems(book, WORLD))

    assert "has changed something" in found
    assert "and not 'Ada'" in found


async def test_an_undo_that_leaves_something_and_one_that_nobody_tries_are_found() -> None:
    @tool(effect=Effect.UNSAFE, name="strike")
    async def nothing(name: str) -> None:
        """Take nothing back."""

    declared = good()
    found = await contract_problems(declared, World(look=lambda: dict(BOOK), undo=nothing))
    untried = await contract_problems(declared, World(look=lambda: dict(BOOK)))

    assert any("does not give back" in one for one in found)
    assert any("nobody has tried its undo" in one for one in untried)


async def test_an_undo_that_acts_twice_under_its_key_is_found() -> None:
    @tool(effect=Idempotent(ttl_s=60), name="strike")
    async def forgetful(name: str) -> None:
        """Strike the name, and write a note when there is none any more."""
        if name not in BOOK.values():
            BOOK["note"] = f"{name} was struck before"
        for key in [key for key, booked in BOOK.items() if booked == name]:
            del BOOK[key]

    found = await contract_problems(good(), World(look=lambda: dict(BOOK), undo=forgetful))

    assert any("lets strike have a second effect" in one for one in found)


@pytest.mark.parametrize(
    "examples", [[], [Example({"name": ""}, fails=State.NOT_FOUND)]], ids=["none", "failures only"]
)
async def test_an_act_of_which_no_example_succeeds_has_been_tested_by_nobody(
    examples: list[Example],
) -> None:
    terms: Terms = {**COMPLETE, "examples": examples, "undo": "strike"}

    @tool(effect=Effect.UNSAFE, failures=[State.NOT_FOUND], **terms)
    async def book(name: str) -> str:
        """Book somebody."""
        if not name:
            raise Refused(State.NOT_FOUND)
        BOOK["once"] = name
        return name

    found = await contract_problems(book, WORLD)

    assert any("no example of it succeeds" in one for one in found)
    assert any("nobody has tried its undo strike" in one for one in found)


class Even(BaseModel):
    """Holds an even number."""

    number: int = Field(ge=0)

    @field_validator("number")
    @classmethod
    def _is_even(cls, value: int) -> int:
        assert value % 2 == 0, "odd"
        return value


async def test_what_fits_the_schema_and_is_refused_for_its_form_is_found() -> None:
    @tool(effect=Effect.PURE, failures=[], owner="x", examples=[Example({"n": 1}, 1)])
    async def promises(n: Annotated[int, WithJsonSchema({})]) -> int:
        """Give a number back, of which its schema does not say that it is one."""
        return n

    found = await contract_problems(promises)

    assert any("fit its schema and are refused" in one for one in found)


async def test_a_reading_that_asks_for_more_than_a_schema_can_say_is_no_problem() -> None:
    @tool(
        effect=Effect.PURE, failures=[], owner="x", examples=[Example({"even": {"number": 2}}, 2)]
    )
    async def reads_less(
        even: Even, names: list[str] | None = None, at: Decimal | None = None
    ) -> int:
        """Give a number back."""
        return even.number

    assert await contract_problems(reads_less) == []


async def test_a_failure_that_is_never_reached_or_is_another_one_is_found() -> None:
    states = [State.NOT_FOUND, State.CONFLICT, State.RATE_LIMITED]

    world = World(arrange={State.RATE_LIMITED: nullcontext})
    examples = [Example({"name": ""}, fails=State.NOT_FOUND)]

    @tool(effect=Effect.READ, failures=states, owner="x", examples=examples)
    async def quiet(name: str) -> str:
        """Look somebody up."""
        raise Refused(State.PRECONDITION_FAILED)

    found = " ".join(await contract_problems(quiet, world))

    assert "where it should fail as not_found it fails as precondition_failed" in found
    assert "conflict is reached by no example" in found
