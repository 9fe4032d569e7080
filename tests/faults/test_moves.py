"""Processes come and go while long calls for money are under way, and no call is made twice.

Each move is real: a process of the team joins its group, or is asked by SIGTERM to leave it. What
the provider was asked stands in a file that is on the disk before a call begins. With
`HANDRAIL_CALL_S=60 HANDRAIL_MOVES=8 HANDRAIL_ORDERS=120` the calls are as long as those of a model.
"""

import asyncio
import os
import signal
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from handrail.bus.kafka import KafkaBus
from handrail.ledger.event import Rested, StepWasted
from handrail.ledger.event_record import decode
from handrail.testing.accounting import read_all
from handrail.wire.record import Outgoing
from tests.faults.troupe import RUN, Member, handrail, project
from tests.waiting import until

CALL_S = float(os.environ.get("HANDRAIL_CALL_S", "4"))
MOVES = int(os.environ.get("HANDRAIL_MOVES", "30"))
ORDERS = int(os.environ.get("HANDRAIL_ORDERS", "60"))
PROCESSES = 2
PARTITIONS = 6


@dataclass(frozen=True)
class Call:
    """One call at the provider; without an end it was cut off, or is under way."""

    order: int
    step: int
    begun_s: float
    ended_s: float | None


@dataclass(frozen=True)
class Renters:
    """The renters' project, and what the provider knows of them."""

    bus: KafkaBus
    namespace: str
    folder: Path

    @property
    def file(self) -> Path:
        """The provider's book."""
        return self.folder / "calls.txt"

    def calls(self) -> list[Call]:
        """Give every call that was ever begun."""
        begun: list[tuple[tuple[str, ...], float]] = []
        ended: dict[tuple[str, ...], float] = {}
        text = self.file.read_text() if self.file.exists() else ""
        for what, *named, at_s in map(str.split, text.splitlines()):
            if what == "begun":
                begun.append((tuple(named), float(at_s)))
            else:
                ended[tuple(named)] = float(at_s)
        return [Call(int(named[0]), int(named[1]), at_s, ended.get(named)) for named, at_s in begun]

    def under_way(self) -> int:
        """Count the calls that have begun and not ended."""
        return sum(call.ended_s is None for call in self.calls())

    async def submit(self, first: int, count: int) -> None:
        """Hand orders in, as a foreign client does."""
        for number in range(first, first + count):
            key = f"order-{number}".encode()
            body = orjson.dumps({"number": number})
            await self.bus.sender().send(Outgoing(f"{self.namespace}.orders", key, body))

    async def done(self) -> Counter[int]:
        """Count the results of each order."""
        records = await read_all(self.bus, f"{self.namespace}.results")
        bodies = [orjson.loads(one.value or b"{}") for one in records]
        return Counter(body["number"] for body in bodies if "words" in body)

    async def wasted(self) -> int:
        """Count the calls of which the team itself says that they were made in vain."""
        ledger = [decode(one) for one in await read_all(self.bus, f"{self.namespace}.ledger")]
        return sum(isinstance(event, StepWasted) for event in ledger)

    def member(self, number: int, program: tuple[str, ...] = RUN) -> Member:
        """Name a process; it does not run yet."""
        return Member(self.folder, f"renter-{number}", "renter", program)

    async def begin(self, member: Member, call_s: float = CALL_S) -> None:
        """Start a process and wait until it has its partitions."""
        member.start(CALLS_FILE=str(self.file), CALL_S=str(call_s))
        what = f"{member.name} is ready; see {member.log_file}"
        await until(lambda: member.ready, within_s=60, what=what)


@pytest.fixture
async def renters(broker: str, bus: KafkaBus, tmp_path: Path) -> Renters:
    namespace = f"r{uuid.uuid4().hex[:8]}"
    team = Path(__file__).parent / "renters"
    folder = project(tmp_path / "team", broker, namespace, PARTITIONS, team=team, intake="orders")
    handrail(folder, "topics", "apply")
    return Renters(bus, namespace, folder)


async def test_no_paid_call_is_made_twice_while_processes_come_and_go(
    renters: Renters, capsys: pytest.CaptureFixture[str]
) -> None:
    members = [renters.member(number) for number in range(PROCESSES)]
    moves_s: list[float] = []
    submitted = 0
    try:
        await asyncio.gather(*(renters.begin(member) for member in members))
        for number in range(MOVES // 2):
            share = ORDERS * (number + 1) // (MOVES // 2)
            await renters.submit(submitted, share - submitted)
            submitted = share
            await until(lambda: renters.under_way() > 0, within_s=60, what="calls are under way")
            successor = renters.member(PROCESSES + number)
            members.append(successor)
            await renters.begin(successor)
            moves_s.append(time.time())
            members[number].signal(signal.SIGTERM)
            moves_s.append(time.time())
        leavers = members[: MOVES // 2]

        def all_left() -> bool:
            return all(member.died for member in leavers)

        within_s = 120 + 3 * CALL_S
        await until(all_left, within_s=within_s, what="those who were asked to leave have left")
        await until(lambda: _all_done(renters), within_s=within_s, what="every order is done")
        codes = {member.name: member.process.returncode for member in leavers}
    finally:
        for member in members:
            member.close()
    calls = renters.calls()
    at_stake = sum(_is_met(call, at_s) for call in calls for at_s in moves_s)
    distinct = sum(any(_is_met(call, at_s) for at_s in moves_s) for call in calls)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(moves_s)} moves, calls of {CALL_S:g} s: {len(calls)} calls, {distinct} of them"
            f" under way during a move ({at_stake} times), {len(calls) - 2 * ORDERS} wasted\n"
        )

    assert Counter((call.order, call.step) for call in calls) == {
        (number, step): 1 for number in range(ORDERS) for step in (1, 2)
    }
    assert await renters.done() == dict.fromkeys(range(ORDERS), 1)
    assert await renters.wasted() == 0
    assert set(codes.values()) == {0}, codes
    assert at_stake >= MOVES, "the moves met calls under way"


async def _all_done(renters: Renters) -> bool:
    return await _all_of(renters, ORDERS)


def _is_met(call: Call, at_s: float) -> bool:
    return call.begun_s < at_s and (call.ended_s is None or at_s < call.ended_s)


async def test_a_person_at_the_command_line_halts_an_agent_and_lets_it_go_on(
    renters: Renters,
) -> None:
    member = renters.member(1)
    try:
        await renters.begin(member)
        await renters.submit(0, 2)
        await until(lambda: renters.under_way() == 2, within_s=60, what="calls are under way")
        handrail(renters.folder, "agents", "pause", "renter", "--reason", "too dear", "--by", "Ada")
        await until(lambda: _told(renters), within_s=60, what="the orders say why they wait")
        assert {call.step for call in renters.calls()} == {1}, "what has begun ends, no more begins"
        handrail(renters.folder, "agents", "resume", "renter")
        await until(lambda: _all_of(renters, 2), within_s=60, what="both orders are done")
    finally:
        member.close()
    assert len(renters.calls()) == 4, "each order makes its two calls once"


async def _told(renters: Renters) -> bool:
    """Say whether both orders wait for a pause to be lifted."""
    ledger = [decode(one) for one in await read_all(renters.bus, f"{renters.namespace}.ledger")]
    rests = [event for event in ledger if isinstance(event, Rested)]
    return len({event.task_id for event in rests if "too dear" in event.sentence}) == 2


async def _all_of(renters: Renters, count: int) -> bool:
    return set(await renters.done()) == set(range(count))


@pytest.mark.parametrize("plant", ["nobody waits", "classes before answers", "acts are cut off"])
async def test_a_planted_fault_in_how_lanes_are_let_go_wastes_a_call(
    renters: Renters, plant: str
) -> None:
    program = (sys.executable, str(Path(__file__).parent / "planted_moves.py"), plant)
    leaver, successor = renters.member(1, program), renters.member(2, program)
    # Where it matters that calls are under way, they are until a slow machine's successor is there.
    call_s = CALL_S if plant == "classes before answers" else 10 * CALL_S
    try:
        await renters.begin(leaver, call_s)
        await renters.submit(0, 4)
        await until(lambda: renters.under_way() == 4, within_s=60, what="calls are under way")
        leaver.signal(signal.SIGTERM)
        if plant == "classes before answers":
            await until(lambda: leaver.died, within_s=60, what="what came of them was told")
        await renters.begin(successor)

        def twice() -> bool:
            calls = Counter((call.order, call.step) for call in renters.calls())
            return max(calls.values()) > 1

        await until(twice, within_s=60, what="the fault shows")
    finally:
        leaver.close()
        successor.close()
