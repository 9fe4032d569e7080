"""No record that matters can be taken from a recorded run, or be there twice, without being found.

Every kind of record that the product writes stands in one of the lists here, those too of which a
single one may be missing, with the reason.
"""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from handrail.chaos.checker.check import check
from handrail.chaos.checker.reading import JOURNAL, reading
from handrail.chaos.history import Fate, History
from handrail.ledger.event_record import LEDGER
from handrail.wire.record import Record
from tests.unit.chaos.checker.changes import added, without
from tests.unit.chaos.checker.days import busy_day
from tests.unit.chaos.checker.runs import Shop

MISSED_WHEN_ONE_IS_GONE = (
    "bills",
    "made",
    "orders",
    "pieces",
    "results",
    "cashier.answers",
    "cutter.dead",
    "journal epoch",
    "journal intent",
    "journal in_doubt",
    "journal parked",
    "journal gathered",
    "journal gather_closed",
    "journal outcome",
    "journal end of accepted",
    "journal end of intent",
    "journal end of outcome",
    "journal end of in_doubt",
    "journal end of parked",
    "journal end of gathered",
    "ledger Accepted",
    "ledger Finished",
    "ledger StepWasted",
    "ledger PartGathered",
    "ledger PersonAsked",
    "ledger PersonAnswered",
    "ledger DeadLettered",
)
MAY_BE_GONE: Mapping[str, str] = {
    "journal accepted": "the next one of its invocation says the same and more",
    "journal progress": "the next one says the same and more",
    "journal end of end": "it only makes the end of what is read",
    "ledger Submitted": "a submitter tells it apart from its record",
    "tasks": "an older row of a task is superseded",
}
FOUND_WHEN_ONE_IS_THERE_TWICE = (
    "bills",
    "made",
    "orders",
    "pieces",
    "cutter.dead",
    "journal epoch",
    "journal gathered",
    "ledger Finished",
    "ledger StepWasted",
    "ledger PartGathered",
    "ledger PersonAsked",
    "ledger PersonAnswered",
    "ledger DeadLettered",
)


@pytest.fixture(scope="module")
def day() -> History:
    """What a busy day left behind, recorded once."""

    async def lived() -> History:
        async with Shop() as shop:
            await busy_day(shop)
            return shop.history()

    return asyncio.run(lived())


def by_kind(history: History) -> Mapping[str, Sequence[Record]]:
    """Sort the committed records by what they are."""
    found: dict[str, list[Record]] = {}
    lines = {(line.record.where, line.record.offset): line for line in reading(history).lines()}
    told = {(t.record.where, t.record.offset): t.event for t in reading(history).told}
    for where, log in history.records.items():
        topic = where.topic.removeprefix(f"{history.run.namespace}.")
        for seen in log:
            record = seen.record
            if seen.fate is not Fate.COMMITTED:
                continue
            name = topic
            if topic.endswith(JOURNAL):
                line = lines[where, record.offset]
                ended = f"end of {line.key.decode().split('/')[-2]}"
                name = f"journal {line.entry.kind if line.entry else ended}"
            elif topic == LEDGER:
                name = f"ledger {type(told[where, record.offset]).__name__}"
            found.setdefault(name, []).append(record)
    return found


def test_every_kind_of_record_is_judged_here(day: History) -> None:
    known = {*MISSED_WHEN_ONE_IS_GONE, *MAY_BE_GONE}

    assert set(by_kind(day)) - known == set()


@pytest.mark.parametrize("kind", MISSED_WHEN_ONE_IS_GONE)
def test_a_record_that_is_gone_is_missed(day: History, kind: str) -> None:
    there = by_kind(day)[kind]

    assert check(without(day, there[len(there) // 2])) != []


@pytest.mark.parametrize("kind", FOUND_WHEN_ONE_IS_THERE_TWICE)
def test_a_record_that_is_there_twice_is_found(day: History, kind: str) -> None:
    there = by_kind(day)[kind]

    assert check(added(day, there[len(there) // 2])) != []
