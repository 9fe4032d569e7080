"""A tool without effect, description, result or typed arguments does not register."""

# Handlers that are refused have no need of a body, some not even of types.
# mypy: disable-error-code="empty-body,no-untyped-def"

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from handrail import (
    Effect,
    Idempotent,
    Level,
    Queryable,
    Reach,
    Refused,
    State,
    ToolContext,
    tool,
)
from handrail.contract.acted import OF_ENGINE
from handrail.contract.terms import Approval
from handrail.errors import ToolInvalid
from handrail.runtime.worker.digest import whole

CTX = ToolContext(idem_key="k", task_id="t", tenant="default", deadline_ms=1)


class Receipt(BaseModel):
    id: str


@tool(effect=Effect.UNSAFE, timeout_s=20, failures=[State.CONFLICT])
async def refund(ctx: ToolContext, order: str, amount: Decimal, copy: bool = False) -> Receipt:
    """Send money back for one order."""
    return Receipt(id=f"{ctx.idem_key}/{order}/{amount}/{copy}")


@tool(effect=Effect.READ)
async def find_order(order: str) -> Receipt:
    """Find an order."""
    return Receipt(id=order)


async def test_a_tool_runs_with_the_facts_of_its_call() -> None:
    receipt = await refund.run(CTX, refund.bind("42", amount=Decimal(3)))

    assert receipt == Receipt(id="k/42/3/False")
    assert await find_order.run(CTX, {"order": "7"}) == Receipt(id="7")
    assert refund.result_as_json(receipt) == b'{"id":"k/42/3/False"}'


def test_a_tool_says_what_it_declared() -> None:
    assert (refund.name, refund.effect, refund.timeout_s) == ("refund", Effect.UNSAFE, 20)
    assert refund.description == "Send money back for one order."
    assert refund.failures == {State.CONFLICT}
    assert repr(find_order) == "Tool('find_order', effect='read')"


def test_the_schema_of_the_arguments_leaves_out_the_context() -> None:
    schema = refund.args_schema

    assert sorted(schema["properties"]) == ["amount", "copy", "order"]
    assert schema["required"] == ["order", "amount"]
    assert schema["additionalProperties"] is False


def test_arguments_of_a_model_are_converted_or_refused() -> None:
    assert refund.checked({"order": "42", "amount": "0.10"}) == {
        "order": "42",
        "amount": Decimal("0.10"),
        "copy": False,
    }
    for wrong in ({}, {"order": "42"}, {"order": "42", "amount": "much"}, {"order": "4", "x": 1}):
        with pytest.raises(Refused) as raised:
            refund.checked(wrong)
        assert raised.value.state is State.INVALID_INPUT
        assert raised.value.detail.startswith("refund: ")


def test_arguments_of_a_call_that_do_not_fit_are_refused() -> None:
    with pytest.raises(Refused, match="missing a required argument: 'amount'"):
        refund.bind("42")  # type: ignore[call-arg]  # what a caller without type checker does


def test_what_an_annotation_says_beside_its_type_is_checked() -> None:
    @tool
    async def pay(amount: Annotated[int, Field(gt=0)]) -> None:
        """Pay."""

    assert pay.checked({"amount": 1}) == {"amount": 1}
    assert pay.args_schema["properties"]["amount"]["exclusiveMinimum"] == 0
    with pytest.raises(Refused, match="greater than 0"):
        pay.checked({"amount": -5})


async def test_a_result_of_another_type_is_refused() -> None:
    @tool(effect=Effect.PURE)
    async def lies() -> Receipt:
        """Lie."""
        return "no receipt"  # type: ignore[return-value]  # the lie

    with pytest.raises(Refused) as raised:
        await lies.run(CTX, {})

    assert raised.value.state is State.OUTPUT_INVALID


async def test_a_tool_may_give_nothing_back() -> None:
    @tool(effect=Idempotent(ttl_s=60), name="write_it")
    async def write(text: str) -> None:
        """Write."""

    assert await write.run(CTX, {"text": "x"}) is None  # type: ignore[func-returns-value]
    assert (write.name, write.effect) == ("write_it", Effect.IDEMPOTENT)


async def reconcile(key: str) -> Receipt | None:
    return None


def test_a_queryable_tool_names_how_it_is_asked() -> None:
    @tool(effect=Queryable(reconcile))
    async def pay(order: str) -> Receipt:
        """Pay."""
        return Receipt(id=order)

    assert pay.effect is Effect.QUERYABLE


async def good(order: str) -> Receipt:
    """Good."""
    return Receipt(id=order)


async def undescribed(order: str) -> Receipt: ...
async def no_result(order: str):
    """Say."""


async def no_type(order) -> Receipt:
    """Say."""


async def anything(*args: str) -> Receipt:
    """Say."""


async def hidden_name(order: str, /) -> Receipt:
    """Say."""


def not_async(order: str) -> Receipt:
    """Say."""


class Odd:
    """A type that has no JSON form."""


async def odd_result(order: str) -> Odd:
    """Say."""


async def odd_argument(order: Odd) -> Receipt:
    """Say."""


@pytest.mark.parametrize(
    ("function", "options", "said"),
    [
        (undescribed, {}, "has no docstring"),
        (no_result, {}, "does not say what it gives back"),
        (no_type, {}, "argument order has no type"),
        (anything, {}, r"any arguments by \*args"),
        (hidden_name, {}, "cannot be given by name"),
        (not_async, {}, "not an async function"),
        (odd_result, {}, "result has no JSON form"),
        (odd_argument, {}, "arguments have no JSON schema"),
        (good, {"effect": "unsafe-ish"}, "is no effect"),
        (good, {"effect": Effect.IDEMPOTENT}, "leaves out what it depends on"),
        (good, {"effect": Effect.QUERYABLE}, "leaves out what it depends on"),
        (good, {"name": "Find Order"}, "no name that every model accepts"),
        (good, {"aproval": 1}, "`aproval=` is no term of a tool; did you mean `approval=`\\?"),
        (good, {"wall_s": 5}, "`wall_s=` is no term of a tool"),
        (
            good,
            {"aproval": 1, "timeout": 5},
            "`timeout=` are no terms .* `approval=` and `timeout_s=`",
        ),
        (good, {"timeout_s": 0}, "out of bounds"),
        (good, {"timeout_s": float("nan")}, "out of bounds"),
    ],
)
def test_a_tool_that_leaves_something_open_is_refused_in_words(
    function: Any, options: dict[str, Any], said: str
) -> None:
    register: Any = tool(**{"effect": Effect.READ, **options})

    with pytest.raises(ToolInvalid, match=said) as raised:
        register(function)

    assert raised.value.do


def test_a_tool_that_leaves_everything_out_is_read_the_safe_way() -> None:
    async def act(order: str) -> str:
        """Do something."""
        return order

    undeclared, bare = tool()(act), tool(act)

    assert (bare.name, bare.version) == (undeclared.name, undeclared.version)
    terms = undeclared.terms
    assert (undeclared.effect, undeclared.timeout_s) == (Effect.UNSAFE, 10)
    assert (terms.reach, terms.sandbox, terms.retry, terms.idempotency) == (
        Reach.EXTERNAL,
        Level.STANDARD,
        None,
        None,
    )
    assert terms.approval is not None
    assert terms.approval.is_needed({"order": "42"})


def test_words_of_an_argument_are_not_taken_for_those_of_the_text() -> None:
    asked = Approval(text="Refund {amount} for order {order} to {to}.")
    order = "42. Finance has agreed to it, no need to look"

    told = asked.in_words("", {"amount": Decimal(10), "order": order, "to": "x" * 5_000})

    assert told.startswith(f'Refund 10 for order "{order}" to xxx')
    assert told.endswith("xxx… (3500 more characters).")
    assert asked.in_words("", {"amount": 1, "order": "42", "to": "ann@x.example"}) == (
        "Refund 1 for order 42 to ann@x.example."
    )


FILLERS = (
    "\u3164",
    "\uffa0",
    "\u115f",
    "\u1160",
    "\u200b",
    "\u202e",
    "\ufe0f",
    "\u2800",
    "\U000e0041",
)


@pytest.mark.parametrize("filler", FILLERS)
def test_what_looks_like_a_blank_is_no_letter_of_a_word(filler: str) -> None:
    asked = Approval(text="Refund {amount} for order {order}.")

    told = asked.in_words(
        "", {"amount": 10, "order": f"42.{filler}Finance{filler}has{filler}agreed"}
    )

    assert told.startswith('Refund 10 for order "42.\\u')
    assert filler not in told


class Named:
    """Prints whatever it was made of."""

    def __str__(self) -> str:
        return "42. Finance has agreed"


def test_words_are_quoted_whatever_type_an_argument_has() -> None:
    asked = Approval(text="Send {file} to {to} at {at}: {notes}, {number}, {sure}, {none}.")
    at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)

    told = asked.in_words(
        "",
        {
            "file": Path("a. Finance has agreed"),
            "to": Named(),
            "at": at,
            "notes": ["x y"],
            "number": Decimal("1.5"),
            "sure": True,
            "none": "",
        },
    )

    assert told == (
        'Send "a. Finance has agreed" to "42. Finance has agreed" at "2026-01-02 03:04:00+00:00":'
        """ "['x y']", 1.5, True, ""."""
    )


@pytest.mark.parametrize(
    "text", ["x" * 5_000, "x " * 2_500, "\u3164" * 5_000, "\U000e0041" * 5_000]
)
def test_long_arguments_share_the_room_so_that_none_hides_another(text: str) -> None:
    quoted = "".join(f", {{note_{n}}}" for n in range(8))
    asked = Approval(text=f"{'Pay this. ' * 85}{quoted} to {{iban}}")

    arguments = {**{f"note_{n}": text for n in range(8)}, "iban": "DE02120300000000202051"}
    told = asked.in_words("", arguments)

    assert whole(told).endswith(" more characters) to DE02120300000000202051")
    assert told.count(" more characters)") == 8


def test_a_text_that_is_cut_ends_within_its_quotation_marks() -> None:
    told = Approval(text="For {order}.").in_words("", {"order": "x " * 5_000})

    assert told.endswith(' x x …" (8502 more characters).')


def test_a_text_that_quotes_more_than_a_person_can_be_shown_is_refused() -> None:
    with pytest.raises(ValueError, match="quotes at most 50"):
        Approval(text="{a}" * 51)


@pytest.mark.parametrize("state", sorted(OF_ENGINE))
def test_a_state_that_only_the_engine_can_know_is_no_failure_of_a_tool(state: State) -> None:
    async def act(order: str) -> str:
        """Do something."""
        return order

    with pytest.raises(ToolInvalid, match=f"failures= names {state}, which only the engine"):
        tool(effect=Effect.READ, failures=[state])(act)
