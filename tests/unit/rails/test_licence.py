"""Which further calls an approval for the task covers."""

from dataclasses import replace
from typing import Any

import pytest

from handrail import Approval, Effect, tool
from handrail.contract.for_task import ForTask
from handrail.rails.binding import Binding
from handrail.rails.gateway import Call
from handrail.rails.licence import Licence
from handrail.rails.vouching import HasRead
from handrail.wire.label import STRICTEST


@tool(effect=Effect.UNSAFE, approval=Approval(by="fay", free=["text"]))
async def write(to: str, text: str = "") -> str:
    """Write to somebody."""
    return f"{to} {text}"


BOUND = Binding(
    request="inv/1.a0/1",
    tool="write",
    tool_version=write.version,
    policy_version="rules",
    arguments={"to": "bob", "text": "one"},
    task="t",
    tenant="default",
    expires_ms=1_000,
)
LICENCE = Licence(BOUND, BOUND.digest, "fay", ForTask(3, ("text",)))


def call(to: str = "bob", text: str = "one", **more: Any) -> Call:
    known: dict[str, Any] = {"agent": "clerk", "asked_by": "ada", "now_ms": 1}
    known |= {"tenant": "default", "task_id": "t"}
    return Call(tool=write, arguments={"to": to, "text": text}, **(known | more))


def why_not(one: Call, *, rules: str = "rules", now_ms: int = 1) -> str | None:
    return LICENCE.why_not(one, rules, now_ms)


def test_the_same_call_and_one_that_differs_in_what_is_free_are_covered() -> None:
    assert why_not(call()) is None
    assert why_not(call(text="two")) is None


@pytest.mark.parametrize(
    ("one", "rules", "now_ms"),
    [
        (call(to="eve"), "rules", 1),
        (call(task_id="another"), "rules", 1),
        (call(tenant="another"), "rules", 1),
        (call(), "other rules", 1),
        (call(text="two"), "other rules", 1),
        (call(), "rules", 1_000),
    ],
)
def test_nothing_else_is(one: Call, rules: str, now_ms: int) -> None:
    assert why_not(one, rules=rules, now_ms=now_ms) is not None


def test_what_the_contract_does_not_take_is_not_covered_and_raises_nothing() -> None:
    unfit = replace(call(), arguments={"to": "bob", "text": ["one"]})

    assert why_not(unfit) == "its contract does not take its arguments"


def test_another_contract_is_another_tool() -> None:
    older = replace(BOUND, tool_version="older")
    licence = Licence(older, older.digest, "fay", ForTask(3, ("text",)))

    assert licence.why_not(call(), "rules", 1) is not None


def test_what_was_not_shown_as_free_is_not_whatever_the_contract_says() -> None:
    narrow = replace(LICENCE, given=ForTask(3))
    wide = replace(LICENCE, given=ForTask(3, ("text", "to")))

    assert narrow.why_not(call(text="two"), "rules", 1) is not None
    assert wide.why_not(call(to="eve"), "rules", 1) is not None


def test_after_an_untrusted_read_what_differs_has_to_be_vouched_for() -> None:
    read = HasRead(STRICTEST)
    read.words.hear("say two")

    assert why_not(call(read=read)) is None
    assert why_not(call(text="two", read=read)) is None
    assert why_not(call(text="three", read=read)) is not None
