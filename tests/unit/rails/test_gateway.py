"""The gateway: its order, its words, and that it never lets through what it could not judge."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from handrail import Approval, Effect, Level, Limit, Reach, State, tool
from handrail.contract.failure import Refused, RetryClass
from handrail.contract.remote import Approved, remote_tool
from handrail.contract.tool import Tool
from handrail.rails.cedar import CedarPolicy
from handrail.rails.gateway import Call, Go, NeedsApproval, Rails, Stage, Stopped, judge
from handrail.rails.limits import CallLimits
from handrail.rails.policy import Access, Denied, NoPolicy
from handrail.rails.policy_files import policy_in
from handrail.testing.tools import unconfined

FOLDER = Path(__file__).parents[3] / "deploy" / "policy"


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.EXTERNAL,
    permission="billing:refund",
    approval=Approval(when="amount > 200", by="role:finance"),
    limit=Limit(per_tenant=2, rate="3/min"),
    sandbox=Level.STANDARD,
)
async def refund(order: str, amount: Decimal) -> str:
    """Send money back."""
    return f"{order} {amount}"


@tool(effect=Effect.READ)
async def look(order: str) -> str:
    """Look an order up."""
    return order


class Refusing(NoPolicy):
    """Says no to everything, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def judge(self, access: Access) -> Denied | None:
        if self._error is not None:
            raise self._error
        return Denied("r1", f"Not {access.action}", "Ask.")


class Approving(NoPolicy):
    """Says that somebody has to approve everything."""

    def __init__(self, by: str) -> None:
        self._by = by

    def judge(self, access: Access) -> Denied | None:
        return None if access.context["approved"] else Denied("r2", "No", "Ask.", self._by)


def call(**changes: Any) -> Call:
    asked = Call(
        tool=refund,
        arguments={"order": "42", "amount": "20"},
        agent="clerk",
        asked_by="ben",
        tenant="default",
        task_id="t1",
        now_ms=1_000,
    )
    return replace(asked, **changes)


def stopped(found: object) -> Iterator[Any]:
    assert isinstance(found, Stopped)
    yield from (found.stage, found.refused.state)


def test_what_may_be_done_goes_on_with_the_arguments_as_the_contract_reads_them() -> None:
    found = judge(call(), unconfined(policy_in(FOLDER)))

    assert found == Go({"order": "42", "amount": Decimal(20)})


def test_each_stage_says_no_before_those_behind_it() -> None:
    full, bad = CallLimits(), {"order": "42"}
    with full.running("refund", "default", Limit(per_tenant=1), 0):
        worst = Rails(policy=Refusing(), limits=full)
        says_no = [
            judge(call(arguments=bad, tool=_limited), worst),
            judge(call(tool=_limited), worst),
            judge(call(tool=_limited), replace(worst, policy=NoPolicy())),
            judge(call(arguments={"order": "1", "amount": 300}), Rails()),
            judge(call(), Rails()),
        ]

    assert list(stopped(says_no[0])) == [Stage.CONTRACT, State.INVALID_INPUT]
    assert list(stopped(says_no[1])) == [Stage.POLICY, State.DENIED_BY_POLICY]
    assert list(stopped(says_no[2])) == [Stage.BUDGET, State.RATE_LIMITED]
    assert isinstance(says_no[3], NeedsApproval)
    assert list(stopped(says_no[4])) == [Stage.SANDBOX, State.SANDBOX_UNAVAILABLE]


@pytest.mark.parametrize("by", ["role:finance", "anyone"])
@pytest.mark.parametrize("asked_by", ["ben", None])
def test_nobody_is_asked_to_approve_what_its_rate_refuses_whoever_wants_an_approval(
    by: str, asked_by: str | None
) -> None:
    full = CallLimits()
    with full.running("refund", "default", Limit(per_tenant=1), 0):
        asks = replace(unconfined(Approving(by)), limits=full)
        found = judge(call(tool=_limited, asked_by=asked_by), asks)
        free = judge(call(tool=_limited), replace(asks, limits=CallLimits()))

    assert list(stopped(found)) == [Stage.BUDGET, State.RATE_LIMITED]
    assert isinstance(free, NeedsApproval)


class _Held(Tool[..., str]):
    """A tool that may not be called now."""

    def held(self) -> Refused | None:
        return Refused(State.DENIED_BY_POLICY, "It is in quarantine.")


def test_a_tool_that_may_not_be_called_now_is_stopped_first_whatever_its_arguments() -> None:
    held = _Held(refund.function, refund.contract)
    for arguments in ({"order": "42", "amount": "20"}, {"order": "42", "amount": 300}, {}):
        found = judge(call(tool=held, arguments=arguments), Rails(policy=Refusing()))

        assert isinstance(found, Stopped)
        assert (found.stage, found.refused.detail) == (Stage.CONTRACT, "It is in quarantine.")


def test_a_further_try_takes_a_place_in_its_window_and_none_beside_itself() -> None:
    calls, limit = CallLimits(), Limit(per_tenant=1, rate="2/min")
    with calls.running("refund", "default", limit, 0):
        taken = [calls.once_more("refund", "default", limit, at) for at in (1, 2, 60_000, 60_001)]

    assert taken == [True, False, True, True]
    assert calls.wait_ms("refund", "default", limit, 60_002) > 0


@tool(effect=Effect.UNSAFE, name="refund", limit=Limit(per_tenant=1))
async def _limited(order: str, amount: Decimal) -> str:
    """Send money back, one at a time."""
    return f"{order} {amount}"


def test_what_nobody_could_judge_does_not_take_place_and_shows_nothing_raw() -> None:
    found = judge(call(), unconfined(Refusing(RuntimeError("password=hunter2"))))

    assert isinstance(found, Stopped)
    assert (found.stage, found.refused.state) == (Stage.POLICY, State.INTERNAL)
    assert "hunter2" not in str(found.refused)


def test_what_is_asked_for_by_nobody_is_judged_as_anonymous() -> None:
    found = judge(call(asked_by=None), unconfined(policy_in(FOLDER)))

    assert isinstance(found, Stopped)
    assert "nobody-unnamed-spends" in found.refused.detail


def test_an_approval_that_the_policy_asks_for_is_asked_by_the_contract_or_by_the_rule() -> None:
    rails = unconfined(policy_in(FOLDER))
    found = judge(call(arguments={"order": "42", "amount": "150"}), rails)
    approved = judge(call(arguments={"order": "42", "amount": "150"}, approved=True), rails)

    assert isinstance(found, NeedsApproval)
    assert found.approval.by == "role:finance"
    assert isinstance(approved, Go)


@pytest.mark.parametrize(
    ("terms", "by"),
    [
        ({"approval": Approval(by="anyone", by_asker=True)}, ("role:cfo", "anyone")),
        ({"approval": Approval(when="amount > 200", by="role:finance")}, ("role:cfo",)),
        ({"approval": Approval(by="role:finance")}, ("role:cfo", "role:finance")),
        ({"effect": None}, ("role:cfo", "anyone")),
        ({}, ("role:cfo",)),
    ],
)
def test_whom_a_rule_names_the_contract_cannot_replace(
    terms: dict[str, Any], by: tuple[str, ...]
) -> None:
    said: dict[str, Any] = {"effect": Effect.UNSAFE, "name": "refund", **terms}

    @tool(**said)
    async def other(order: str, amount: Decimal) -> str:
        """Send money back."""
        return f"{order} {amount}"

    found = judge(call(tool=other), unconfined(Approving("role:cfo")))

    assert isinstance(found, NeedsApproval)
    assert (found.by, found.approval.by, found.approval.by_asker) == (by, "role:cfo", False)


def test_where_several_rules_ask_for_an_approval_all_of_them_are_met() -> None:
    rules = '@id("all") permit (principal, action, resource);' + "".join(
        f'@id("{role}") @title("No") @remedy("Ask.") @approval("role:{role}")'
        " forbid (principal, action, resource)"
        " unless { context.approved };"
        for role in ("clerk", "cfo")
    )

    found = judge(call(), unconfined(CedarPolicy.of(rules, {})))

    assert isinstance(found, NeedsApproval)
    assert set(found.by) == {"role:clerk", "role:cfo"}


def test_what_a_role_has_to_approve_and_nobody_has_asked_for_by_name_is_refused_in_words() -> None:
    found = judge(call(arguments={"order": "42", "amount": 250}, asked_by=None), unconfined())

    assert list(stopped(found)) == [Stage.APPROVAL, State.UNAUTHENTICATED]
    assert isinstance(found, Stopped)
    assert "nobody said who" in found.refused.detail


@pytest.mark.parametrize("named", ["fay", "role:finance"])
def test_whoever_has_to_approve_by_name_may_be_who_asked_where_nobody_said_who(named: str) -> None:
    @tool(effect=Effect.UNSAFE, name="refund", approval=Approval(by=named))
    async def of_contract(order: str, amount: Decimal) -> str:
        """Send money back."""
        return f"{order} {amount}"

    nameless = call(tool=of_contract, asked_by=None)
    by_rule = call(asked_by=None)

    assert list(stopped(judge(nameless, unconfined()))) == [
        Stage.APPROVAL,
        State.UNAUTHENTICATED,
    ]
    assert list(stopped(judge(by_rule, unconfined(Approving(named))))) == [
        Stage.APPROVAL,
        State.UNAUTHENTICATED,
    ]


@pytest.mark.parametrize("approval", [Approval(), Approval(by="fay", by_asker=True)])
def test_what_whoever_asked_may_approve_too_needs_no_name_of_theirs(approval: Approval) -> None:
    @tool(effect=Effect.UNSAFE, name="refund", approval=approval)
    async def other(order: str, amount: Decimal) -> str:
        """Send money back."""
        return f"{order} {amount}"

    assert isinstance(judge(call(tool=other, asked_by=None), unconfined()), NeedsApproval)


def test_a_tool_that_asks_for_an_approval_needs_it_though_the_policy_permits() -> None:
    found = judge(call(arguments={"order": "42", "amount": "250"}), unconfined())

    assert isinstance(found, NeedsApproval)


@tool(effect=Effect.UNSAFE, approval=Approval())
async def pay(amount: float, note: Any = "") -> str:
    """Pay."""
    return f"{amount} {note}"


@pytest.mark.parametrize(
    "arguments",
    [
        {"amount": float("nan")},
        {"amount": float("-inf")},
        {"amount": 1.0, "note": 2**64},
        {"amount": 1.0, "note": {"deep": ["half \ud800"]}},
    ],
)
def test_nobody_is_asked_to_approve_what_cannot_be_shown_to_the_letter(
    arguments: dict[str, Any],
) -> None:
    found = judge(call(tool=pay, arguments=arguments), Rails())

    assert isinstance(found, Stopped)
    assert (found.stage, found.refused.state) == (Stage.CONTRACT, State.INVALID_INPUT)
    assert "nobody can be shown its arguments as they are" in found.refused.detail


@tool(effect=Effect.UNSAFE, approval=Approval(free=["note"]))
async def open_account(note: str, access: dict[str, list[SecretStr]]) -> str:
    """Open an account."""
    return f"{note} {access}"


def test_nobody_is_asked_to_approve_a_secret_of_which_they_see_asterisks() -> None:
    given = {"note": "new", "access": {"password": ["of-whoever-asks"]}}

    found = judge(call(tool=open_account, arguments=given), Rails())

    assert isinstance(found, Stopped)
    assert (found.stage, found.refused.state) == (Stage.CONTRACT, State.INVALID_INPUT)
    assert "`secrets=` of its contract" in found.refused.detail
    assert "of-whoever-asks" not in found.refused.detail


async def no_call() -> bytes:
    """Nothing is called here."""
    raise AssertionError


@pytest.mark.parametrize(("count", "kind"), [(50, NeedsApproval), (51, Stopped)])
def test_nobody_is_asked_to_approve_more_arguments_than_are_seen_at_once(
    count: int, kind: type[object]
) -> None:
    open_to_all = remote_tool("sky", "open_to_all")
    open_to_all.tell(
        Approved(
            description="Take anything.",
            input_schema={"type": "object"},
            digest="d",
            effect=Effect.UNSAFE,
            approval=Approval(),
            timeout_s=1,
            call=lambda _: no_call(),
        )
    )
    given = {f"note{number}": 1 for number in range(count)}

    found = judge(call(tool=open_to_all, arguments=given), Rails())

    assert isinstance(found, kind)
    if isinstance(found, Stopped):
        assert found.refused.state is State.INVALID_INPUT
        assert "at most 50 are seen at once" in found.refused.detail


def test_more_calls_than_the_rate_allows_are_told_when_to_come_again() -> None:
    rails = unconfined()
    for _ in range(3):
        assert isinstance(judge(call(), rails), Go)
        with rails.limits.running("refund", "default", refund.terms.limit, 1_000):
            pass

    found = judge(call(now_ms=21_000), rails)

    assert isinstance(found, Stopped)
    assert (found.refused.state, found.refused.retry_after_s) == (State.RATE_LIMITED, 40.0)
    assert isinstance(judge(call(now_ms=21_000, tenant="acme"), rails), Go)
    assert isinstance(judge(call(now_ms=61_000), rails), Go)


def test_a_tool_without_terms_is_judged_by_its_contract_alone() -> None:
    assert judge(call(tool=look, arguments={"order": "42"}), Rails()) == Go({"order": "42"})


@pytest.mark.parametrize("state", State)
def test_every_state_has_words_and_says_what_may_be_done(state: State) -> None:
    refused = Refused(state)

    assert refused.title
    assert refused.remedy.endswith(".")
    assert isinstance(state.retry_class, RetryClass)
