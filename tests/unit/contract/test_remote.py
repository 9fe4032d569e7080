"""A tool of a server that is held: its arguments are read, and it is not called."""

from dataclasses import replace
from typing import Any

import pytest

from handrail import Effect, Refused, State, ToolContext, remote_tool
from handrail.contract.remote import Approved, Withheld

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
CONTEXT = ToolContext(idem_key="k", task_id="t", tenant="default", deadline_ms=1)

APPROVED = Approved(
    description="Say how warm it is.",
    input_schema=SCHEMA,
    digest="d",
    effect=Effect.READ,
    approval=None,
    timeout_s=1.0,
    call=lambda _: pytest.fail("it was called"),
)


@pytest.mark.parametrize(
    "told", [replace(APPROVED, held=lambda: Withheld("it shouts")), Withheld("it shouts")]
)
async def test_what_is_held_reads_its_arguments_says_so_and_does_not_run(
    told: Approved | Withheld,
) -> None:
    warm = remote_tool("sky", "warm")
    warm.tell(told)

    assert warm.checked({"city": "Oslo"}) == {"city": "Oslo"}
    held = warm.held()
    assert held is not None
    assert held.state is State.DENIED_BY_POLICY
    with pytest.raises(Refused, match="it shouts"):
        await warm.run(CONTEXT, {"city": "Oslo"})


def test_nothing_is_held_of_a_tool_that_no_process_has_told_or_that_is_approved() -> None:
    warm = remote_tool("sky", "warm")
    assert warm.held() is None

    warm.tell(APPROVED)

    assert warm.held() is None
