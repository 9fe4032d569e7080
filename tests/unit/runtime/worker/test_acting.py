"""How a store of secrets that hangs is asked, and where what a tool says is looked through."""

import asyncio
import threading
import traceback

import pytest
from pydantic import BaseModel, field_serializer

from handrail import Effect, Refused, State, ToolContext, tool
from handrail.models.port import ModelReply, ModelRequest
from handrail.runtime.worker.acting import StepRunner
from handrail.runtime.worker.retrying import seconds_max
from handrail.runtime.worker.store_threads import THREADS_COUNT_MAX
from tests.waiting import until

CALLS = list[str]()
CTX = ToolContext(idem_key="k", task_id="t", tenant="default", deadline_ms=None)
MANY = 64  #: more than the threads that any executor of the event loop has here


@tool(effect=Effect.UNSAFE, secrets=["secret://{tenant}/psp"], timeout_s=0.01)
async def hasty(ctx: ToolContext) -> str:
    """Have no time."""
    CALLS.append("hasty")
    return ctx.secrets["psp"]


@tool(effect=Effect.UNSAFE, secrets=["secret://{tenant}/psp"], timeout_s=600)
async def patient(ctx: ToolContext) -> str:
    """Have much time."""
    return ctx.secrets["psp"]


class Long(BaseModel):
    """A result that says in which thread it is written."""

    said: str

    @field_serializer("said")
    def _written(self, said: str) -> str:
        CALLS.append(threading.current_thread().name)
        return said


class Loud(Exception):
    """An error that says in which thread it is read."""

    def __str__(self) -> str:
        """Say so."""
        CALLS.append(threading.current_thread().name)
        return f"no login with {self.args[0]}"


@tool(effect=Effect.READ, secrets=["secret://{tenant}/psp"])
async def tells(ctx: ToolContext) -> Long:
    """Give much."""
    return Long(said=f"login with {ctx.secrets['psp']}")


@tool(effect=Effect.READ, secrets=["secret://{tenant}/psp"])
async def fails(ctx: ToolContext) -> str:
    """Fail."""
    raise Loud(ctx.secrets["psp"])


class NoModel:
    name = "none"

    async def respond(self, request: ModelRequest) -> ModelReply:
        raise AssertionError(request)


class Vault:
    """Hangs until it may answer."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = threading.Event()

    def read(self, tenant: str, name: str) -> str | None:
        self.asked += 1
        assert self.answers.wait(60), "nobody lets it answer"
        return None

    def place(self, tenant: str, name: str) -> str:
        return f"the vault, {tenant}/{name}"


class Prompt(Vault):
    """Answers at once."""

    def read(self, tenant: str, name: str) -> str | None:
        return "a-secret"


async def test_what_a_tool_with_secrets_says_is_looked_through_beside_the_event_loop() -> None:
    CALLS.clear()
    runner = StepRunner(NoModel(), Prompt())

    told = await runner.tool(tells, CTX, {})
    with pytest.raises(Loud) as lost:
        await runner.tool(fails, CTX, {})
    threads = CALLS.copy()
    CALLS.clear()

    assert told.said == "login with [secret psp]"
    assert threads
    assert threading.current_thread().name not in threads
    assert lost.value.args == ("[secret psp]",)
    assert lost.value.__context__ is None


async def test_a_store_that_hangs_refuses_the_call_and_has_said_of_no_secret_that_it_lacks() -> (
    None
):
    vault = Vault()
    runner = StepRunner(NoModel(), vault)
    try:
        lacks = await runner.lacks(hasty, "default")
        with pytest.raises(Refused, match="hasty was not called: the store of secrets") as no:
            await runner.tool(hasty, CTX, {})
    finally:
        vault.answers.set()

    assert lacks is None
    assert no.value.state is State.DEPENDENCY_UNAVAILABLE
    assert CALLS == []


class Broken(Prompt):
    """Fails, in words that hold what it keeps."""

    def read(self, tenant: str, name: str) -> str | None:
        raise ConnectionError(f"a-secret of {tenant}/{name}")


async def test_a_store_that_fails_refuses_the_call_without_its_own_words() -> None:
    with pytest.raises(Refused) as no:
        await StepRunner(NoModel(), Broken()).tool(patient, CTX, {})

    assert no.value.state is State.DEPENDENCY_UNAVAILABLE
    assert no.value.detail == (
        "patient was not called: the store of secrets could not be asked (ConnectionError)"
    )
    assert "a-secret" not in "".join(traceback.format_exception(no.value))


async def test_a_store_that_hangs_holds_up_no_other_store_and_no_other_work() -> None:
    vault = Vault()
    hanging = StepRunner(NoModel(), vault)
    asking = [asyncio.create_task(hanging.lacks(patient, "default")) for _ in range(MANY)]
    try:
        await until(lambda: vault.asked == THREADS_COUNT_MAX)
        async with asyncio.timeout(30):
            other = await StepRunner(NoModel(), Prompt()).lacks(patient, "default")
            work = await asyncio.to_thread(lambda: "done")

        assert (other, work) == (None, "done")
        for one in asking[THREADS_COUNT_MAX:]:
            one.cancel()  # they have not begun, and never do
        await asyncio.gather(*asking[THREADS_COUNT_MAX:], return_exceptions=True)
    finally:
        vault.answers.set()
    told = await asyncio.gather(*asking[:THREADS_COUNT_MAX])
    assert [no and no.state for no in told] == [State.PRECONDITION_FAILED] * THREADS_COUNT_MAX
    assert vault.asked == THREADS_COUNT_MAX


def test_what_the_store_may_take_is_part_of_the_time_of_a_call() -> None:
    assert seconds_max(patient) == 2 * 600
