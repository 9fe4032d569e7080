"""kill -9 at every moment of a step repeats nothing recorded and doubles nothing unsafe.

Each process kills itself at a named moment; what its tools have done stands in a file that is on
the disk before the tool returns.
"""

import os
import random
import sys
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from handrail.bus.kafka import KafkaBus
from handrail.lane.journal import Entry, Kind, decode_entry
from handrail.ledger.event import PersonAsked, StepWasted
from handrail.ledger.event_record import decode
from handrail.runtime.failpoint import VARIABLE, Moment
from handrail.testing.accounting import read_all
from handrail.wire.ids import id_of_foreign
from handrail.wire.record import Outgoing
from tests.faults.troupe import RUN, Member, handrail, project
from tests.waiting import until

KILLS = int(os.environ.get("HANDRAIL_STEP_KILLS", "22"))
SEED = int(os.environ.get("HANDRAIL_SEED", "0")) or random.randrange(1, 10**6)
BILLS_PER_KILL = 2
PARTITIONS = 2
STEPS = {"look": "1", "think": "2", "pay": "3"}  #: tool → the path of its step
MOMENTS = [
    f"{moment}:{count}"
    for moment, counts in {
        Moment.AFTER_POLL: (1,),
        Moment.AFTER_FENCE: (1, 2),
        Moment.AFTER_EPOCH_COMMIT: (1, 2),
        Moment.AFTER_ANSWERS_READ: (1, 2),
        Moment.AFTER_INTENT_PRODUCED: (1, 2),
        Moment.AFTER_OUTCOME_PRODUCED: (1, 2),
        Moment.AFTER_FINAL_PRODUCED: (1,),
        Moment.AFTER_INTENT_COMMIT: (1, 2, 3, 4),
        Moment.AFTER_ACT: (2, 3, 5, 6),
        Moment.AFTER_OUTCOME: (2, 4, 5, 6),
        Moment.AFTER_OUTCOME_COMMIT: (1, 3, 5, 6),
        Moment.BEFORE_FINAL: (1, 2),
        Moment.AFTER_FINAL_COMMIT: (1, 2),
    }.items()
    for count in counts
]
#: Between the licence of an unsafe act and the commit of what came of it.
IN_THE_WINDOW = (
    "after_intent_commit/pay:1",
    "after_intent_commit/pay:2",
    "after_act/pay:1",
    "after_act/pay:2",
)


@dataclass(frozen=True)
class Payers:
    """The payers' project, what they have done, and what they have written down."""

    bus: KafkaBus
    namespace: str
    folder: Path

    @property
    def effects(self) -> Path:
        """The file in which every act leaves a line."""
        return self.folder / "effects.txt"

    def acts(self) -> Counter[tuple[str, int]]:
        """Count what was done, by tool and bill."""
        text = self.effects.read_text() if self.effects.exists() else ""
        return Counter((what, int(n)) for what, n in map(str.split, text.splitlines()))

    async def submit(self, first: int, count: int) -> None:
        """Hand bills in, as a foreign client does."""
        for number in range(first, first + count):
            body = orjson.dumps({"number": number})
            key = f"bill-{number}".encode()
            await self.bus.sender().send(Outgoing(f"{self.namespace}.bills", key, body))

    async def journal(self) -> dict[bytes, Entry]:
        """Give the live records of the journal."""
        live: dict[bytes, Entry] = {}
        for record in await read_all(self.bus, f"{self.namespace}.payer.journal"):
            entry = decode_entry(record)
            live.pop(record.key or b"", None)
            if entry is not None:
                live[entry.key] = entry
        return live

    async def numbers(self) -> Mapping[str, int]:
        """Give the bill of each invocation."""
        return {
            id_of_foreign(one.topic, one.partition, one.offset): orjson.loads(one.value or b"")[
                "number"
            ]
            for one in await read_all(self.bus, f"{self.namespace}.bills")
        }

    async def recorded(self) -> set[tuple[str, int]]:
        """Give the acts whose outcome is committed now: (tool, bill)."""
        numbers = await self.numbers()
        outcomes = [e for e in (await self.journal()).values() if e.kind is Kind.OUTCOME]
        return {(str(one.facts["name"]), numbers[one.invocation]) for one in outcomes}

    async def paid(self) -> set[int]:
        """Give the bills that have a result."""
        records = await read_all(self.bus, f"{self.namespace}.results")
        bodies = [orjson.loads(one.value or b"{}") for one in records]
        return {body["number"] for body in bodies if "words" in body}

    async def in_doubt(self) -> set[int]:
        """Give the bills that wait for a person."""
        numbers = await self.numbers()
        entries = (await self.journal()).values()
        return {numbers[one.invocation] for one in entries if one.kind is Kind.IN_DOUBT}

    async def all_ended(self, count: int) -> bool:
        """Whether every bill is paid or waits for a person."""
        return len(await self.paid() | await self.in_doubt()) == count


@pytest.fixture
async def payers(broker: str, bus: KafkaBus, tmp_path: Path) -> Payers:
    namespace = f"p{uuid.uuid4().hex[:8]}"
    team = Path(__file__).parent / "payers"
    folder = project(tmp_path / "team", broker, namespace, PARTITIONS, team=team, intake="bills")
    handrail(folder, "topics", "apply")
    return Payers(bus, namespace, folder)


async def die_at(payers: Payers, member: Member, moment: str) -> None:
    """Run a process until it kills itself."""
    member.start(**{VARIABLE: moment, "EFFECTS_FILE": str(payers.effects)})
    await until(lambda: member.died, within_s=60, what=f"dies at {moment}; {member.log_file}")
    assert member.process.returncode == -9, member.log_file.read_text()[-2000:]
    await member.kill(payers.bus)


async def test_kills_at_every_moment_of_a_step_repeat_nothing_recorded_and_double_nothing_unsafe(
    payers: Payers, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = random.Random(SEED)
    moments = [choice.choice(IN_THE_WINDOW) for _ in range(KILLS)]
    moments += choice.sample(MOMENTS, min(len(MOMENTS), KILLS // 2))
    choice.shuffle(moments)
    member = Member(payers.folder, "payer", "payer")
    repeated: list[str] = []
    known: dict[tuple[str, int], int] = {}
    for number, moment in enumerate(moments):
        await payers.submit(number * BILLS_PER_KILL, BILLS_PER_KILL)
        await die_at(payers, member, moment)
        acts = payers.acts()
        repeated += [f"{act} before {moment}" for act, n in known.items() if acts[act] > n]
        known = {act: acts[act] for act in await payers.recorded()}
    count = len(moments) * BILLS_PER_KILL

    member.start(EFFECTS_FILE=str(payers.effects))
    try:
        await until(lambda: payers.all_ended(count), within_s=60, what="all paid or in doubt")
    finally:
        member.close()
    acts, paid, doubts = payers.acts(), await payers.paid(), await payers.in_doubt()
    repeated += [f"{act} at the end" for act, n in known.items() if acts[act] > n]
    ledger = [decode(one) for one in await read_all(payers.bus, f"{payers.namespace}.ledger")]
    wasted = [event for event in ledger if isinstance(event, StepWasted)]
    asked = [event for event in ledger if isinstance(event, PersonAsked)]
    with capsys.disabled():
        sys.stdout.write(
            f"\nseed {SEED}: {len(moments)} kills, {count} bills: {len(paid)} paid,"
            f" {len(doubts)} in doubt, {len(wasted)} paid steps asked again\n"
        )

    assert repeated == []
    assert [act for act, n in acts.items() if act[0] == "pay" and n > 1] == []
    assert {n for what, n in acts if what == "pay"} >= paid
    assert doubts.isdisjoint(paid)
    assert {event.request for event in asked} == {
        f"{entry.invocation}/{entry.path}/1"
        for entry in (await payers.journal()).values()
        if entry.kind is Kind.IN_DOUBT
    }
    assert sum(n for act, n in acts.items() if act[0] == "think") <= count + len(wasted)


async def test_a_person_at_the_command_line_ends_a_doubt(payers: Payers) -> None:
    member = Member(payers.folder, "payer", "payer")
    for number in (0, 1):
        await payers.submit(number, 1)
        await die_at(payers, member, "after_act/pay")
    member.start(EFFECTS_FILE=str(payers.effects))
    result = payers.folder / "result.json"
    try:
        await until(lambda: payers.all_ended(2), within_s=60, what="both wait for a person")
        before = rows(handrail(payers.folder, "doubt", "list", "-o", "json"))
        result.write_text('"paid by hand"')
        resolve = ("doubt", "resolve")
        handrail(payers.folder, *resolve, "bill-0", "--happened", str(result), "--by", "Ada")
        handrail(payers.folder, *resolve, "bill-1", "--did-not-happen")
        await until(lambda: both_paid(payers), within_s=60, what="both are paid")
        after = rows(handrail(payers.folder, "doubt", "list", "-o", "json"))
    finally:
        member.close()

    assert [(row["step"], row["act"]) for row in before] == [("3", "pay"), ("3", "pay")]
    assert after == []
    told = handrail(payers.folder, "show", "bill-0").decode()
    assert "Ada decided: it happened." in told
    acts = payers.acts()
    assert (acts["pay", 0], acts["pay", 1]) == (1, 2), "what a person denies is tried again"


async def both_paid(payers: Payers) -> bool:
    return await payers.paid() == {0, 1}


def rows(document: bytes) -> list[dict[str, str]]:
    found: list[dict[str, str]] = orjson.loads(document)["items"]
    return found


@pytest.mark.parametrize(
    ("plant", "moment", "shows"),
    [
        ("no intent", "after_act/pay", "doubled"),
        ("no outcome", "after_outcome_commit:3", "in doubt although recorded"),
        ("one path", "after_outcome_commit:3", "diverged"),
        ("outcome acts again", "after_outcome_commit:3", "doubled"),
    ],
)
async def test_a_planted_fault_in_the_protocol_of_steps_shows(
    payers: Payers, plant: str, moment: str, shows: str
) -> None:
    program = (sys.executable, str(Path(__file__).parent / "planted_steps.py"), plant)
    await payers.submit(0, 1)
    await die_at(payers, Member(payers.folder, "planted", "payer", program), moment)

    successor = Member(payers.folder, "payer", "payer", program if "again" in plant else RUN)
    successor.start(EFFECTS_FILE=str(payers.effects))

    async def found() -> str:
        if payers.acts()["pay", 0] > 1:
            return "doubled"
        if await payers.in_doubt():
            return "in doubt although recorded"
        dead = await read_all(payers.bus, f"{payers.namespace}.payer.dead")
        return "diverged" if dead else ""

    try:
        assert await until(found, within_s=60, what="the fault shows") == shows
    finally:
        successor.close()
