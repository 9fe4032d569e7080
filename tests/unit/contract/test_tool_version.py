"""The version of a tool: the same in every process, and another one for every other contract."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel, Field

from handrail import (
    Approval,
    Cost,
    Effect,
    Example,
    Idempotent,
    Key,
    Limit,
    Queryable,
    Reach,
    Retry,
    State,
    tool,
)
from handrail.contract.confinement import Level
from handrail.contract.terms import ToolTerms
from handrail.contract.tool import Tool
from handrail.wire.label import Integrity

DECLARED_ELSEWHERE = """
from decimal import Decimal
from enum import Enum
from handrail import Approval, Effect, Example, Limit, Retry, State, tool
from pydantic import BaseModel, Field

WORDS = frozenset({"one", "two", "three", "four", "five", "six", "seven", "eight"})

class Way(Enum):
    POST = "post"
    WIRE = "wire"

class Order(BaseModel):
    tags: set[str] = {*WORDS}
    nested: list[frozenset[str]] = [WORDS]
    ways: frozenset[Way] = frozenset({Way.POST, Way.WIRE})
    name: str = Field(default="", json_schema_extra={"words": sorted(WORDS)})

@tool(
    effect=Effect.UNSAFE,
    retry=Retry(max=3, on={State.RATE_LIMITED, State.DEPENDENCY_UNAVAILABLE, State.CONFLICT}),
    failures=[State.NOT_FOUND, State.CONFLICT, State.RATE_LIMITED],
    approval=Approval(when="amount > 100 and order != note"),
    examples=[
        Example({"order": WORDS, "amount": Decimal("1.50")}, result=WORDS),
        Example({"order": {"way": Way.WIRE}}, result={"key": b"\\xff", "at": [WORDS]}),
    ],
)
async def pay(
    order: Order, amount: Decimal = Decimal(1), note: frozenset[str] = WORDS
) -> set[str] | Order:
    '''Pay for an order.'''
    return {*WORDS}

print(pay.version)
"""


def _printed(seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", DECLARED_ELSEWHERE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_contract_has_the_same_version_in_processes_that_order_sets_differently() -> None:
    versions = {_printed(seed) for seed in ("0", "1", "2")}

    assert len(versions) == 1
    assert versions != {""}


class Amount(BaseModel):
    value: int = 0


def _result_of(bound: int) -> type[BaseModel]:
    class Receipt(BaseModel):
        id: str = Field(max_length=bound)

    return Receipt


def test_two_results_of_one_name_and_another_form_are_two_versions() -> None:
    def giving(result: type[BaseModel]) -> Tool[..., Any]:
        async def pay(order: str) -> Any:
            """Pay."""

        pay.__annotations__["return"] = result
        return tool(effect=Effect.UNSAFE)(pay)

    short, long = _result_of(5), _result_of(6)

    assert short.__qualname__ == long.__qualname__
    assert giving(short).version != giving(long).version
    assert giving(short).version == giving(_result_of(5)).version


def test_two_results_with_other_names_for_what_is_read_are_two_versions() -> None:
    def giving(alias: str) -> Tool[..., Any]:
        class Receipt(BaseModel):
            id: str = Field(serialization_alias=alias)

        async def pay(order: str) -> Receipt:
            """Pay."""
            return Receipt(id=order)

        return tool(effect=Effect.UNSAFE)(pay)

    assert giving("number").version != giving("id").version


def test_another_argument_default_or_bound_is_another_version() -> None:
    def taking(kind: Any, default: Any) -> str:
        async def pay(order: Any = default) -> None:
            """Pay."""

        pay.__annotations__["order"] = kind
        return tool(effect=Effect.UNSAFE)(pay).version

    versions = {
        taking(str, "a"),
        taking(str, "b"),
        taking(Amount, Amount()),
        taking(Amount, Amount(value=2)),
        taking(Decimal, Decimal(1)),
        taking(Decimal, Decimal(2)),
    }

    assert len(versions) == 6


class Opaque:
    """No JSON form."""


def test_a_result_that_has_no_schema_has_a_version_all_the_same() -> None:
    async def pay(order: str) -> Callable[[], int]:
        """Pay."""
        raise AssertionError("only its contract is looked at; nobody calls it")

    async def fetch(order: str) -> None:
        """Pay."""

    odd, plain = tool(effect=Effect.READ)(pay), tool(effect=Effect.READ, name="pay")(fetch)

    assert odd.version == tool(effect=Effect.READ)(pay).version
    assert odd.version != plain.version


async def _found(key: str) -> None:
    """Never called."""


async def _found_elsewhere(key: str) -> None:
    """Never called."""


class Way(Enum):
    POST = "post"
    WIRE = "wire"


def _with(**options: Any) -> str:
    async def pay(order: str, note: str = "") -> str:
        """Pay."""
        return order + note

    declared: Any = {"effect": Effect.UNSAFE, "reach": Reach.TENANT, **options}
    return tool(**declared)(pay).version


#: Of each term two values; of `approval` and `examples` more, one for each thing that they say.
TERMS: dict[str, list[Any]] = {
    "reach": [Reach.NONE, Reach.EXTERNAL],
    "idempotency": [Key("order"), Key("order", "tenant")],
    "retry": [Retry(2, {State.CONFLICT}), Retry(3, {State.CONFLICT}), Retry(2, {State.INTERNAL})],
    "undo": ["repay", "refund"],
    "permission": ["pay", "pay:much"],
    "approval": [
        Approval(),
        Approval(when="order == 'a'"),
        Approval(when="order == 'b'"),
        Approval(by="ann"),
        Approval(expires_s=5),
        Approval(text="Pay {order}?"),
        Approval(by_asker=True),
        Approval(free=["note"]),
    ],
    "limit": [Limit(per_tenant=1), Limit(per_tenant=2), Limit(rate="1/min")],
    "cost": [Cost(1), Cost(2)],
    "secrets": [["secret://t/a"], ["secret://t/b"]],
    "sandbox": [Level.STANDARD, Level.STRICT],
    "egress": [["a.example:443"], ["b.example:443"]],
    "examples": [
        [Example({"order": "a"}, result="a")],
        [Example({"order": "a"}, result="b")],
        [Example({"order": "a"}, fails=State.CONFLICT)],
        [Example({"order": Way.POST})],
        [Example({"order": Way.WIRE})],
        [Example({"order": Decimal("1.5")})],
        [Example({"order": Decimal("1.6")})],
        [Example({"order": b"\xff"})],
        [Example({"order": b"\xfe"})],
        [Example({"order": {"a", "b"}})],
        [Example({"order": {"a", "c"}})],
    ],
    "owner": ["ann", "bob"],
    "inert": [["order"], ["note"]],
    "gives": [Integrity.INTERNAL, Integrity.USER],
}


@pytest.mark.parametrize("term", TERMS)
def test_another_value_of_a_term_is_another_version(term: str) -> None:
    versions = {_with(), *(_with(**{term: value}) for value in TERMS[term])}

    assert len(versions) == len(TERMS[term]) + 1
    assert _with(**{term: TERMS[term][0]}) in versions


def test_every_term_that_a_tool_can_declare_is_tried_above() -> None:
    beside = {"undo_within_s", "declared"}  # the one stands below, the other says who said what

    assert {one.name for one in fields(ToolTerms)} - beside == set(TERMS)


def test_another_name_text_time_failure_or_effect_is_another_version() -> None:
    async def pay(order: str, note: str = "") -> str:
        """Pay, and say so in other words."""
        return order + note

    versions = [
        _with(),
        _with(name="send"),
        tool(effect=Effect.UNSAFE, reach=Reach.TENANT)(pay).version,
        _with(timeout_s=5),
        _with(failures=[State.CONFLICT]),
        _with(failures=[State.CONFLICT, State.NOT_FOUND]),
        _with(undo="repay", undo_within="P1D"),
        _with(undo="repay", undo_within="P2D"),
        _with(effect=Effect.READ),
        _with(effect=Idempotent(ttl_s=60)),
        _with(effect=Idempotent(ttl_s=61)),
        _with(effect=Queryable(_found)),
        _with(effect=Queryable(_found, settle_s=1)),
        _with(effect=Queryable(_found_elsewhere)),
    ]

    assert len({*versions}) == len(versions)
