"""What becomes of a use of memory that a worker itself refuses, before anything is sent."""

import pytest

from handrail import NEW, Access, Context, Memory, MemoryClass, Refused, agent, results
from handrail.errors.memory import MemoryKeyInvalid
from handrail.ledger.memory_event import BEFORE_SENDING, MemoryRefused
from handrail.testing import Team
from handrail.testing.accounting import read_all
from tests.promises.memory import TeamOf, commands, note, told
from tests.promises.step_tools import jobs, ledger

lore = Memory("lore", carries=str, keeps=MemoryClass.FACT)
sealed_off = Memory(
    "sealed_off", carries=str, keeps=MemoryClass.FACT, access=Access(("other",), ("other",))
)
TOKEN = "ghp_" + "a1B2c3D4e5F6" * 3  #: of the form of a real one
TELEPHONE = "+491701234567"

tried: dict[str, int] = {}


@agent(reads=jobs, writes=results)
async def eager(text: str, ctx: Context) -> str:
    """Be refused three times, then act, fail once, and perhaps be refused for good."""
    with pytest.raises(Refused):
        ctx.memory(sealed_off).get("k")
    with pytest.raises(MemoryKeyInvalid):
        ctx.memory(lore).append("canary@example.org", text)
    with pytest.raises(MemoryKeyInvalid):
        await ctx.memory(lore).put(f"tel/{TELEPHONE}", text, expect=NEW)
    with pytest.raises(Refused):
        await ctx.memory(lore).put("token", f"Take {TOKEN}", expect=NEW)
    await ctx.call(note, text)
    tried[text] = tried.get(text, 0) + 1
    if tried[text] == 1:
        raise ConnectionError
    if text == "dies":
        ctx.memory(sealed_off).append("k", text)
    return text


@agent(reads=told)
async def other(text: str) -> None:
    return None


async def refused(team: Team, task: str) -> list[tuple[str, str, str]]:
    all_told = [one for one in await ledger(team) if isinstance(one, MemoryRefused)]
    assert all((one.by, one.partition) == ("eager", BEFORE_SENDING) for one in all_told)
    return [(one.space, one.op, one.reason) for one in all_told if one.task_id == task]


async def test_what_a_worker_refuses_of_memory_is_told_once_however_often_its_handler_runs(
    team_of: TeamOf,
) -> None:
    tried.clear()
    keys = [("lore", "append", "key"), ("lore", "put", "key")]
    each = [("sealed_off", "get", "right"), *keys, ("lore", "put", "secret")]

    async with team_of(eager, other, tools=[note], memory=[lore, sealed_off]) as team:
        team.allow(note)
        await team.kill(eager, at="after_outcome_commit/note")
        lives = await team.submit(jobs, "lives")
        await team.restart(eager)
        assert await lives.result(str) == "lives"
        dies = await team.submit(jobs, "dies")
        await dies.until("failed")

        assert tried == {"lives": 2, "dies": 2}
        assert await refused(team, lives.id) == each
        assert await refused(team, dies.id) == [*each, ("sealed_off", "append", "right")]
        assert await commands(team) == 0
        for record in await read_all(team.bus, team.full("ledger")):
            said = record.value or b""
            assert b"canary" not in said
            assert TELEPHONE.encode() not in said
            assert TOKEN.encode() not in said
