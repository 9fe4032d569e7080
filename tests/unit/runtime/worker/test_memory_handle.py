"""What a handler's memory does where timing decides, and what a process opens for it."""

import asyncio
from pathlib import Path
from typing import cast

from handrail import Access, Context, Memory, MemoryClass, Topic, agent, results
from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.contract.team import TeamDescription
from handrail.errors.memory import NeedsMerge
from handrail.runtime.clock import WallClock
from handrail.runtime.memory_view import MemoryView
from handrail.runtime.worker.process_memory import MemoryPlace, ProcessMemory
from handrail.testing import Team
from handrail.testing.memory import TENANT, TESTER
from handrail.wire.codec import encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.memory import COMMAND_TYPE, COMMANDS, Command, Op, full_key
from handrail.wire.record import Outgoing

jobs = Topic("jobs", carries=str)
counts = Memory("counts", carries=int, keeps=MemoryClass.FACT)
private = Memory("private", carries=str, keeps=MemoryClass.FACT, access=Access(("other",), ()))


@agent(reads=jobs, writes=results)
async def plain(text: str) -> str:
    return text


def rival_of(team: Team, version: int) -> Outgoing:
    """Give a command that changes this version, as a person sends it."""
    key = full_key(TENANT, "hot")
    command = Command(
        op=Op.PUT,
        space=counts.name,
        key=key,
        by=TESTER,
        type_name=counts.type_name,
        value=100 * (version + 1),
        expect=version,
    )
    envelope = Envelope(f"rival-{version}", COMMAND_TYPE, "test", 0, "a-task", TENANT)
    body, headers = command.encode(), encode_headers(envelope)
    return Outgoing(team.full(COMMANDS), key.encode(), body, headers)


async def test_who_is_always_too_late_is_told_to_merge_after_three_rounds() -> None:
    heard: list[NeedsMerge] = []
    read: list[int | None] = []

    def slowly(old: int | None) -> int:
        # At once, while the update computes: its own command comes behind.
        assert isinstance(team.bus, InProcessBus)
        team.bus.broker.append(team.bus.place(rival_of(team, len(read))))
        read.append(old)
        return (old or 0) + 1

    @agent(reads=jobs, writes=results)
    async def late(text: str, ctx: Context) -> str:
        try:
            await ctx.memory(counts).update("hot", slowly)
        except NeedsMerge as error:
            heard.append(error)
            return "merge"
        return text

    async with Team(late, memory=[counts]) as team:
        task = await team.submit(jobs, "written")

        assert await task.result(str) == "merge"
    assert read == [None, 100, 200]
    assert "3 times" in str(heard[0])


def opened(tmp_path: Path, *spaces: Memory[object]) -> ProcessMemory:
    bus = InProcessBus(InProcessBroker(lambda: 0))
    team = TeamDescription([plain], spaces=spaces)
    place = MemoryPlace("ns", WallClock(), tmp_path / "memory")
    return ProcessMemory(bus, team, [plain], place)


async def test_a_process_whose_agents_may_read_nothing_opens_no_view(tmp_path: Path) -> None:
    memory = opened(tmp_path, private)

    await memory.start()
    await memory.close()

    assert memory.worker.reader is None
    assert not (tmp_path / "memory").exists()


async def test_a_process_opens_a_view_of_what_its_agents_may_read(tmp_path: Path) -> None:
    memory = opened(tmp_path, private, counts)

    assert memory.worker.reader is not None
    await memory.close()


class SlowView:
    """A view that is behind when it has started, and current once a test says so."""

    def __init__(self) -> None:
        self.may_be_current = asyncio.Event()
        self.has_started = asyncio.Event()

    async def start(self) -> None:
        self.has_started.set()

    async def until_current(self) -> None:
        await self.may_be_current.wait()

    async def close(self) -> None:
        """It holds nothing."""


async def test_a_process_has_started_once_all_of_memory_is_read(tmp_path: Path) -> None:
    memory = opened(tmp_path, private)
    slow = SlowView()
    memory.view = cast("MemoryView", slow)

    starting = asyncio.create_task(memory.start())
    await slow.has_started.wait()
    await asyncio.wait([starting], timeout=0)
    had_started = starting.done()
    slow.may_be_current.set()
    await starting
    await memory.close()

    assert not had_started
