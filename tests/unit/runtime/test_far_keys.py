"""A store of keys of the team's own may be far away: it is never asked within the event loop."""

import asyncio
import hashlib
import secrets
import sys
from types import ModuleType
from typing import ClassVar

import pytest

from handrail import (
    NEW,
    Access,
    Context,
    Memory,
    MemoryClass,
    PersonalData,
    Recall,
    Topic,
    agent,
    results,
)
from handrail.memory.sealing import FoundOnce
from handrail.runtime.key_store import VARIABLE
from handrail.testing import Team

jobs = Topic("jobs", carries=str)
wishes = Memory(
    "wishes",
    carries=str,
    keeps=MemoryClass.PREFERENCE,
    access=Access(personal=PersonalData.SUBJECT),
)


class FarKeys:
    """Keys behind a network: whoever asks within an event loop keeps all others waiting."""

    kept: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[int] = 0

    def digest(self, tenant: str, subject: str) -> str:
        self._wait()
        return hashlib.sha256(f"{tenant}\0{subject}".encode()).hexdigest()[:32]

    def key(self, digest: str) -> bytes:
        self._wait()
        return self.kept.setdefault(digest, secrets.token_bytes(32))

    def find(self, digest: str) -> bytes | None:
        self._wait()
        return self.kept.get(digest)

    def destroy(self, digest: str) -> bool:
        raise AssertionError(f"nobody is forgotten or held here, but {digest} was to be")

    hold = release = held = destroy

    def _wait(self) -> None:
        type(self).asked += 1
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        raise AssertionError("asked within the event loop")


@agent(reads=jobs, writes=results)
async def host(text: str, ctx: Context) -> str:
    """Write, read, search and recall what is about a person."""
    space = ctx.memory(wishes)
    await space.put("meal", text, expect=NEW, subject="Ada")
    kept = await space.get("meal", subject="Ada")
    past = await space.history("meal", subject="Ada")
    await space.search("soup", subject="Ada")
    known = await ctx.recall(Recall(wishes, keys=["meal"], subject="Ada"), budget_tokens=100)
    assert kept is not None
    return f"{kept.value} {len(past)} {len(known.records)}"


async def test_a_store_of_the_teams_own_is_never_asked_within_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("far_keys")
    module.__dict__["open_store"] = FarKeys
    monkeypatch.setitem(sys.modules, "far_keys", module)
    monkeypatch.setenv(VARIABLE, "far_keys:open_store")

    async with Team(host, memory=[wishes]) as team:
        task = await team.submit(jobs, "soup")

        assert await task.result(str) == "soup 1 1"
    assert FarKeys.asked


async def test_within_one_read_a_store_is_asked_once_for_each_subject() -> None:
    asked: list[str] = []

    class Counted:
        def find(self, digest: str) -> bytes | None:
            asked.append(digest)
            return None

    once = FoundOnce(Counted())

    assert [once.find(one) for one in ("ada", "bob", "ada", "ada")] == [None] * 4
    assert asked == ["ada", "bob"]
