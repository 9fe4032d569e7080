"""What follows from a contract: a page, the words it lacks, keys, conditions."""

from decimal import Decimal
from typing import Annotated, Any, cast

import pytest
from pydantic import BaseModel, Field

from handrail import (
    Approval,
    Effect,
    Example,
    Idempotent,
    Key,
    Level,
    Limit,
    Reach,
    Retry,
    State,
    tool,
)
from handrail.contract.condition import Condition
from handrail.contract.derived import missing, output_schema, page
from handrail.contract.terms import Cost, duration_s
from handrail.errors import ToolInvalid
from handrail.wire.label import Integrity
from tests.unit.contract.late_annotations import gives_none


class Receipt(BaseModel):
    id: str


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.EXTERNAL,
    permission="billing:refund",
    approval=Approval(when="amount > 100", by="role:finance", text="Refund {amount}"),
    failures=[State.NOT_FOUND],
    examples=[Example({"order": "42", "amount": "1"}, Receipt(id="r-42"))],
    retry=Retry(max=3, on={State.RATE_LIMITED}),
    owner="team-billing",
)
async def refund(order: str, amount: Decimal) -> Receipt:
    """Send money back for one order."""
    return Receipt(id=f"r-{order}")


@tool()
async def bare(order: str) -> None:
    """Do something."""


def test_a_complete_contract_lacks_nothing() -> None:
    assert missing(refund) == []


def test_an_incomplete_one_is_told_each_missing_word() -> None:
    said = " ".join(missing(bare))

    for word in ("effect=", "failures=", "owner=", "examples=", "reach=", "permission="):
        assert word in said
    assert "a result that can be checked" in said
    assert "approval= or undo=" in said


def test_the_page_of_a_bare_tool_says_that_it_is_not_tried_again() -> None:
    assert "| tried again | no, unless nothing has happened yet |" in page(bare)


def test_the_page_says_what_the_contract_says() -> None:
    shown = page(refund)

    for words in (
        "when amount > 100, by role:finance",
        "at most 3 times, after rate_limited",
        "| owner | team-billing |",
        '"amount"',
    ):
        assert words in shown
    assert "## Missing" not in shown
    assert "## Missing" in page(bare)
    assert output_schema(refund)["properties"]["id"]["type"] == "string"


def test_the_page_says_every_term_of_a_contract() -> None:
    @tool(
        effect=Idempotent(ttl_s=60),
        idempotency=Key("tenant", "order"),
        undo="recharge",
        undo_within="PT1H",
        limit=Limit(per_tenant=2, rate="10/min"),
        cost=Cost(0.02),
        secrets=["secret://{tenant}/psp"],
        reach=Reach.TENANT,
        inert=["note"],
        examples=[Example({"order": "42"}, "r"), Example({"order": ""}, fails=State.NOT_FOUND)],
    )
    async def charge(order: str, note: str = "") -> str:
        """Charge somebody."""
        return order

    shown = page(charge)

    for words in (
        "| taken back by | recharge, within 3600 s |",
        "| at most | 2 at once for a tenant, 10/min |",
        "| costs at most | 0.02 of the budget's currency |",
        "| is given | secret://{tenant}/psp |",
        "| one act by | tenant, order |",
        "| only kept for people | note |",
        '- `{"order": "42"}` gives `"r"`',
        '- `{"order": ""}` fails as not_found',
    ):
        assert words in shown


async def double(amount: int) -> int:
    """Double a number."""
    return 2 * amount


def test_a_tool_that_says_it_fails_in_no_way_has_said_how_it_may_fail() -> None:
    said = tool(effect=Effect.PURE, failures=[], owner="me", examples=[Example({"amount": 1}, 2)])
    unsaid = tool(effect=Effect.PURE, owner="me", examples=[Example({"amount": 1}, 2)])

    assert missing(said(double)) == []
    assert "| may fail as | nothing of its own |" in page(said(double))
    assert missing(unsaid(double)) == ["failures=, the states in which it may fail"]
    assert "| may fail as | not said |" in page(unsaid(double))
    assert said(double).version == unsaid(double).version


async def gives_any(order: str) -> Any:
    """Give whatever there is."""


async def gives_dict(order: str) -> dict:  # type: ignore[type-arg]  # what is looked for
    """Give whatever there is."""


async def gives_dict_of_any(order: str) -> dict[str, Any]:
    """Give whatever there is."""


async def gives_list(order: str) -> list:  # type: ignore[type-arg]  # what is looked for
    """Give whatever there is."""


async def gives_object(order: str) -> object:
    """Give whatever there is."""


async def gives_maybe(order: str) -> Receipt | Any:
    """Give a receipt or whatever there is."""


async def gives_named(order: str) -> dict[Annotated[str, Field(pattern="^[a-z]+$")], Any]:
    """Give whatever there is, under names."""
    return {}


@pytest.mark.parametrize(
    "function",
    [
        *(gives_any, gives_dict, gives_dict_of_any, gives_list, gives_object, gives_maybe),
        *(gives_none, gives_named),
    ],
)
def test_a_result_that_nobody_can_check_is_missing(function: Any) -> None:
    assert "-> Model, a result that can be checked" in missing(tool(function))


async def gives_text(order: str) -> str:
    """Give a text."""
    return order


async def gives_table(order: str) -> dict[str, list[int]]:
    """Give numbers."""
    return {order: [1]}


async def gives_one_or_none(order: str) -> Receipt | None:
    """Give a receipt, if there is one."""


async def gives_counts(order: str) -> dict[Annotated[str, Field(pattern="^[a-z]+$")], int]:
    """Give numbers under names."""
    return {}


@pytest.mark.parametrize("function", [gives_text, gives_table, gives_one_or_none, gives_counts])
def test_a_result_that_can_be_checked_is_not_missing(function: Any) -> None:
    assert "-> Model, a result that can be checked" not in missing(tool(function))


def test_no_example_at_all_is_no_example_and_one_that_only_fails_shows_no_act() -> None:
    async def act(order: str) -> str:
        """Do something."""
        return order

    failing = [Example({"order": ""}, fails=State.NOT_FOUND)]
    none = tool(effect=Effect.UNSAFE, examples=[])(act)
    fails = tool(effect=Effect.UNSAFE, examples=failing)(act)

    for one in (none, fails):
        assert "examples=, one call with what it gives" in missing(one)


@pytest.mark.parametrize(("level", "is_held"), [(Level.NONE, False), (Level.STANDARD, True)])
def test_a_list_of_whom_it_may_reach_is_held_by_a_sandbox_alone(
    level: Level, *, is_held: bool
) -> None:
    async def act(order: str) -> str:
        """Do something."""
        return order

    declared = tool(effect=Effect.READ, sandbox=level, egress=["api.example:443"])(act)

    said = [words for words in missing(declared) if words.startswith("sandbox=")]
    assert said == ([] if is_held else ["sandbox=, without which nothing holds its egress="])
    assert ("held by nothing without sandbox=" in page(declared)) is not is_held


def test_another_contract_is_another_version() -> None:
    async def same(order: str) -> None:
        """Do something."""

    versions = {
        tool(name="bare")(same).version,
        tool(name="bare", timeout_s=5)(same).version,
        tool(name="bare", approval=Approval(by="ann"))(same).version,
        tool(name="bare", effect=Effect.READ)(same).version,
    }

    assert len(versions) == 4
    assert bare.version in versions


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("amount > 100", True),
        ("amount > 100 and order != '42'", False),
        ("not amount <= 150", False),
        ("100 < amount <= 150", True),
        ("order in ('41', '42')", True),
        ("missing > 1", True),
        ("order > 5", True),
        ("amount > 149.9", True),
        ("amount.missing > 5", True),
    ],
)
def test_a_condition_is_judged_and_what_cannot_be_judged_holds(text: str, *, holds: bool) -> None:
    assert Condition.of(text).holds({"amount": Decimal(150), "order": "42"}) is holds


@pytest.mark.parametrize("amount", [Decimal("nan"), float("nan"), float("inf"), None, "much"])
def test_an_amount_that_is_none_needs_its_approval(amount: object) -> None:
    assert Condition.of("amount > 100").holds({"amount": amount})


@pytest.mark.parametrize(
    "text",
    ["", "x" * 500, "f(x)", "x.__class__", "x[0]", "[x for x in y]", "a >", "lambda: 1", "a + b"],
)
def test_what_is_no_condition_is_refused_when_it_is_declared(text: str) -> None:
    with pytest.raises(ValueError, match="condition"):
        Condition.of(text)


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"approval": Approval(when="amuont > 1")}, "amuont"),
        ({"approval": Approval(text="Do {x}")}, "name x"),
        ({"idempotency": Key("nothing")}, "nothing"),
        ({"undo_within": "P7D"}, "by what"),
        ({"undo_within": "a week", "undo": "x"}, "no duration"),
        ({"undo_within": 600, "undo": "x"}, "600 is no duration"),
        ({"undo": 7}, "undo= is the name of a tool, and 7 is none"),
        ({"secrets": ["hunter2"]}, "no name of a secret"),
        ({"egress": ["https://x"]}, "no place"),
    ],
)
def test_terms_that_do_not_fit_are_refused_with_the_word(
    terms: dict[str, object], said: str
) -> None:
    async def act(amount: int) -> None:
        """Do something."""

    with pytest.raises(ToolInvalid, match=said):
        tool(effect=Effect.READ, **terms)(act)  # type: ignore[call-overload]  # what is planted


@pytest.mark.parametrize("own", ["task", "tenant"])
def test_a_key_that_could_mean_an_argument_or_the_call_is_refused(own: str) -> None:
    async def act(order: str, task: str, tenant: str) -> str:
        """Do something."""
        return f"{order} {task} {tenant}"

    with pytest.raises(ToolInvalid, match=f"its key names {own}, which it takes as well") as told:
        tool(effect=Idempotent(ttl_s=60), idempotency=Key("order", own))(act)

    assert f"in a key {own} is that of the call" in str(told.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Limit(rate="often"),
        lambda: Limit(per_tenant=0),
        lambda: Retry(max=0, on=set()),
        lambda: Retry(max=cast("Any", "3"), on=set()),
        lambda: Retry(max=2, on={State.OUTCOME_UNKNOWN}),
        lambda: Retry(max=2, on=cast("Any", State.CONFLICT)),
        lambda: Retry(max=2, on=cast("Any", {"conflicts"})),
        lambda: Cost(-1),
        lambda: Approval(expires_s=0),
        lambda: Approval(by=" "),
        lambda: Key(),
    ],
)
def test_a_term_that_bounds_nothing_cannot_be_made(make: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()  # type: ignore[operator]  # each makes one


def test_two_calls_with_the_same_key_are_one_act() -> None:
    key = Key("tenant", "order")
    one = key.of("refund", {"order": "42", "amount": 1}, "acme", "t1")

    assert one == key.of("refund", {"amount": 2, "order": "42"}, "acme", "t2")
    assert one != key.of("refund", {"order": "43", "amount": 1}, "acme", "t1")
    assert one != key.of("refund", {"order": "42", "amount": 1}, "other", "t1")
    assert one != key.of("pay", {"order": "42", "amount": 1}, "acme", "t1")


def test_durations_are_read_in_seconds() -> None:
    assert duration_s("P7D") == 7 * 86_400
    assert duration_s("PT1H30M5S") == 5_405


@pytest.mark.parametrize(
    ("reach", "effect", "trusted", "asked"),
    [
        (Reach.NONE, Effect.READ, True, False),
        (Reach.TENANT, Effect.READ, False, True),
        (Reach.TENANT, Effect.PAID, False, True),
        (Reach.TENANT, Effect.UNSAFE, False, True),
        (Reach.EXTERNAL, Effect.READ, False, False),
    ],
)
def test_a_tool_of_the_house_that_does_not_say_whose_words_it_gives_gives_anybodys(
    reach: Reach, effect: Effect, *, trusted: bool, asked: bool
) -> None:
    async def act(name: str) -> str:
        """Look something up."""
        return name

    silent = tool(effect=effect, reach=reach)(act)
    internal = tool(effect=effect, reach=reach, gives=Integrity.INTERNAL)(act)

    assert silent.gives is not None
    assert silent.gives.is_trusted is trusted
    assert any(words.startswith("gives=") for words in missing(silent)) is asked
    assert internal.gives is not None
    assert internal.gives.is_trusted
    assert not any(words.startswith("gives=") for words in missing(internal))
    assert f"| gives | {'internal' if trusted else 'untrusted'} words |" in page(silent)


def test_a_tool_of_the_house_that_computes_is_not_asked_whose_words_it_gives() -> None:
    @tool(effect=Effect.PURE, reach=Reach.TENANT)
    async def count(name: str) -> int:
        """Count letters."""
        return len(name)

    assert not any(words.startswith("gives=") for words in missing(count))
    assert "| gives | what follows from its arguments |" in page(count)


def test_what_is_computed_from_arguments_alone_is_as_trusted_as_they_are() -> None:
    async def act(amount: int) -> int:
        """Compute something."""
        return amount

    pure = tool(effect=Effect.PURE, name="pure")(act)
    asks = tool(effect=Effect.READ, name="asks")(act)
    said = tool(effect=Effect.PURE, name="said", gives=Integrity.UNTRUSTED)(act)

    assert pure.gives is None
    for one in (asks, said):
        assert one.gives is not None
        assert not one.gives.is_trusted
