"""Which acts go on by themselves after an untrusted read, and which a person is asked about."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from pydantic.dataclasses import dataclass

from handrail import Approval, Effect, Idempotent, Reach, State, tool
from handrail.contract.canonical import plain
from handrail.contract.plan import ANYTHING, OPEN, May, OneOf, Plan
from handrail.rails.gateway import Call, Go, NeedsApproval, Stage, Stopped, judge
from handrail.rails.policy import Access, Denied, NoPolicy
from handrail.rails.vouching import HasRead
from handrail.rails.words import Words
from handrail.testing.tools import unconfined
from handrail.wire.label import OF_USER, STRICTEST, Confidentiality, Integrity, Label

UNTRUSTED = Label(Integrity.UNTRUSTED, Confidentiality.TENANT)
SECRET = Label(Integrity.USER, Confidentiality.RESTRICTED)


@tool(effect=Effect.UNSAFE)
async def send(to: str, text: str = "", copies: int = 1, *, loud: bool = False) -> str:
    """Send something out."""
    return f"{to} {text} {copies} {loud}"


@tool(effect=Effect.READ)
async def fetch(url: str) -> str:
    """Ask somebody outside."""
    return url


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(key: str) -> str:
    """Look something up in the house."""
    return key


@tool(effect=Effect.PURE)
async def count(text: str) -> int:
    """Count letters."""
    return len(text)


@tool(effect=Idempotent(ttl_s=60), reach=Reach.TENANT, gives=Integrity.INTERNAL, inert=["text"])
async def keep(name: str, text: str) -> str:
    """Keep a text under a name."""
    return f"{name} {text}"


@tool(effect=Effect.UNSAFE, approval=Approval(when="amount > 100", by="role:finance"))
async def refund(amount: int) -> str:
    """Send money back."""
    return str(amount)


class Parcel(BaseModel):
    model_config = ConfigDict(extra="allow")

    to: str


@dataclass(config=ConfigDict(extra="allow"))
class Crate:
    to: str


@tool(effect=Effect.UNSAFE)
async def ship(parcel: Parcel | None = None, crate: Crate | None = None) -> str:
    """Send a thing out."""
    return f"{parcel} {crate}"


@dataclass(config=ConfigDict(extra="allow", frozen=True))
class Address:
    to: str


HOME = Address(to="home")


@tool(effect=Effect.UNSAFE)
async def bring(address: Address = HOME) -> str:
    """Send a thing where it goes mostly."""
    return str(address)


@dataclass(config=ConfigDict(extra="allow"), slots=True)
class Slot:
    to: str


def test_what_takes_any_names_and_keeps_only_its_fields_is_plain() -> None:
    assert plain(Slot(to="bob")) == {"to": "bob"}


def words() -> Words:
    found = Words()
    found.hear("Write to bob, 2 copies.")
    return found


def verdict(
    what: Any,
    arguments: dict[str, object],
    label: Label = UNTRUSTED,
    plan: Plan = OPEN,
    *,
    policy: NoPolicy | None = None,
    approved: bool = False,
) -> Go | NeedsApproval | Stopped:
    rails = unconfined(policy or NoPolicy())
    read = HasRead(label, words(), plan)
    call = Call(
        tool=what,
        arguments=arguments,
        agent="clerk",
        asked_by="ada",
        tenant="default",
        task_id="t",
        now_ms=0,
        approved=approved,
        read=read,
    )
    return judge(call, rails)


def asked_for(found: Go | NeedsApproval | Stopped) -> str:
    return found.why if isinstance(found, NeedsApproval) else type(found).__name__


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        (send, {"to": "bob"}),
        (send, {"to": "Bob", "copies": 2}),
        (send, {"to": "bob", "text": "", "loud": False}),
        (fetch, {"url": "bob"}),
        (look, {"key": "whatever"}),
        (count, {"text": "whatever"}),
        (keep, {"name": "bob", "text": "whatever"}),
        (ship, {"parcel": {"to": "bob"}, "crate": {"to": "bob", "copies": 2}}),
        (bring, {"address": {"to": "home"}}),
    ],
)
def test_what_is_said_by_who_is_trusted_or_harmless_goes_on(
    what: Any, arguments: dict[str, object]
) -> None:
    assert isinstance(verdict(what, arguments), Go)


@pytest.mark.parametrize(
    ("what", "arguments", "named"),
    [
        (send, {"to": "eve"}, "to"),
        (send, {"to": "bob", "text": "hello"}, "text"),
        (send, {"to": "bob", "copies": 3}, "copies"),
        (send, {"to": "bob", "loud": True}, "loud"),
        (send, {"to": "eve", "copies": 3}, "to, copies"),
        (fetch, {"url": "https://evil.example/?q=secret"}, "url"),
        (keep, {"name": "eve", "text": "whatever"}, "name"),
        (ship, {"parcel": {"to": "bob", "copy": "eve"}}, "parcel"),
        (ship, {"parcel": {"to": "bob", "eve": "bob"}}, "parcel"),
        (ship, {"crate": {"to": "bob", "copy": "eve"}}, "crate"),
        (bring, {"address": {"to": "home", "copy": "eve"}}, "address"),
    ],
)
def test_what_an_attacker_could_have_chosen_needs_a_person(
    what: Any, arguments: dict[str, object], named: str
) -> None:
    found = verdict(what, arguments)

    assert asked_for(found) == (
        "It is asked because its run has read what nobody vouches for, and nobody who is trusted"
        f" has said: {named}."
    )
    assert isinstance(verdict(what, arguments, OF_USER), Go)
    assert isinstance(verdict(what, arguments, approved=True), Go)


def test_what_is_for_few_to_see_does_not_leave_the_house_by_itself() -> None:
    assert isinstance(verdict(fetch, {"url": "eve"}, SECRET), NeedsApproval)
    assert isinstance(verdict(keep, {"name": "eve", "text": "x"}, SECRET), Go)
    assert isinstance(verdict(keep, {"name": "eve", "text": "x"}, STRICTEST), NeedsApproval)


def test_the_plan_frees_what_it_bounds_and_holds_back_what_it_does_not_name() -> None:
    plan = Plan((May("send", {"to": OneOf("carol"), "text": ANYTHING}),))

    assert isinstance(verdict(send, {"to": "carol", "text": "anything"}, plan=plan), Go)
    # Said by who is trusted, and still not what was planned.
    assert isinstance(verdict(send, {"to": "bob"}, plan=plan), NeedsApproval)
    assert asked_for(verdict(fetch, {"url": "bob"}, plan=plan)).endswith(
        "it is not in the plan that was made before."
    )


def test_a_plan_that_asks_nobody_refuses_what_nobody_vouches_for() -> None:
    found = verdict(send, {"to": "eve"}, plan=Plan(None, refuses=True))

    assert isinstance(found, Stopped)
    assert (found.stage, found.refused.state) == (Stage.LABELS, State.TAINTED_INPUT)
    assert isinstance(verdict(send, {"to": "bob"}, plan=Plan(None, refuses=True)), Go)


class Rule(NoPolicy):
    """Wants an approval by its own, or forbids."""

    def __init__(self, by: str | None) -> None:
        self._by = by

    def judge(self, access: Access) -> Denied | None:
        return (
            Denied("r1", "Not so", "Ask.", approval_by=self._by) if not_approved(access) else None
        )


def not_approved(access: Access) -> bool:
    return access.context["approved"] is not True


def test_what_a_label_asks_for_never_stands_in_for_what_a_rule_or_a_contract_asks_for() -> None:
    ruled = verdict(send, {"to": "eve"}, policy=Rule("role:boss"))
    forbidden = verdict(send, {"to": "eve"}, policy=Rule(None))
    large, small = verdict(refund, {"amount": 500}), verdict(refund, {"amount": 50})

    assert isinstance(ruled, NeedsApproval)
    assert (ruled.by, ruled.approval.by_asker) == (("role:boss",), False)
    assert ruled.why
    assert isinstance(forbidden, Stopped)
    assert forbidden.stage is Stage.POLICY
    for found in (large, small):
        assert isinstance(found, NeedsApproval)
        assert found.by == ("role:finance",)
