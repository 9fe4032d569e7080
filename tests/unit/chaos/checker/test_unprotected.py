"""Consume, process, produce without protection: a kill loses or doubles, and the check says so."""

from collections.abc import Callable

import orjson
import pytest

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import TopicSpec
from handrail.chaos.checker.check import check
from handrail.chaos.checker.report import report
from handrail.chaos.checker.violation import Harm
from handrail.chaos.history import (
    AgentFacts,
    Effect,
    Fault,
    Happening,
    History,
    Run,
    Submission,
)
from handrail.testing.ground import MEMORY_STARTS_MS
from handrail.wire.ids import task_id_of
from handrail.wire.record import Outgoing, TopicPartition
from tests.unit.chaos.checker.runs import TickingClock, recorded

ORDERS, RESULTS = TopicPartition("plain.orders", 0), TopicPartition("plain.results", 0)
COUNT = 6
EVERY = 3  #: records for each automatic commit


class Dies(Exception):
    """The process is killed here."""


class PlainLoop:
    """What most people write first: positions are committed by themselves, now and then."""

    def __init__(self, broker: InProcessBroker, now_ms: Callable[[], int]) -> None:
        self.effects: list[Effect] = []
        self.committed = 0
        self._bus = InProcessBus(broker)
        self._now_ms = now_ms

    async def run(self, *, commit_first: bool, dies_at: int | None = None) -> None:
        end = await self._bus.end_offset(ORDERS)
        records = [one async for one in self._bus.fetch(ORDERS, self.committed, end)]
        for index, record in enumerate(records):
            if commit_first and index % EVERY == 0:
                self.committed = min(end, record.offset + EVERY)
            number = orjson.loads(record.value or b"")["number"]
            self._pay(number)
            if record.offset == dies_at:
                raise Dies
            await self._bus.sender().send(
                Outgoing(RESULTS.topic, record.key, orjson.dumps({"paid": number}), (), 0)
            )
            if not commit_first and index % EVERY == EVERY - 1:
                self.committed = record.offset + 1

    def _pay(self, number: int) -> None:
        for happened in (Happening.BEGUN, Happening.EFFECTED, Happening.ANSWERED):
            seen = Effect(
                time_ms=self._now_ms(),
                key=f"pay-{number}",
                tool="pay",
                happened=happened,
                effect="unsafe",
            )
            self.effects.append(seen)


@pytest.mark.parametrize("commit_first", [True, False], ids=["commits first", "commits after"])
async def test_a_plain_loop_with_automatic_commits_fails_the_check(commit_first: bool) -> None:
    now_ms = TickingClock(MEMORY_STARTS_MS).now_ms
    broker = InProcessBroker(now_ms)
    for where in (ORDERS, RESULTS):
        broker.create(TopicSpec(where.topic, 1))
    sender = InProcessBus(broker).sender()
    for number in range(COUNT):
        key, body = f"order-{number}".encode(), orjson.dumps({"number": number})
        await sender.send(Outgoing(ORDERS.topic, key, body, (), 0))

    loop = PlainLoop(broker, now_ms)
    with pytest.raises(Dies):
        await loop.run(commit_first=commit_first, dies_at=4)
    await loop.run(commit_first=commit_first)
    history = History(
        run=Run(
            namespace="plain",
            started_ms=MEMORY_STARTS_MS,
            ended_ms=now_ms(),
            agents=(AgentFacts(name="payer", inboxes=("orders",)),),
            intake="orders",
            settled=True,
        ),
        records={where: recorded(where, broker.log(where)) for where in (ORDERS, RESULTS)},
        effects=loop.effects,
        faults=[Fault(time_ms=now_ms(), fault="kill", target="payer")],
        submissions=[
            Submission(
                time_ms=0,
                task=task_id_of("default", f"order-{number}"),
                topic="orders",
                partition=0,
                offset=number,
                reference=f"order-{number}",
                results=1,
            )
            for number in range(COUNT)
        ],
    )

    found = check(history)
    assert {"I1", "I2"} <= {one.invariant for one in found}
    assert report(history, found).by_harm[Harm.LOST].count > 0
    if not commit_first:
        assert "I5" in {one.invariant for one in found}, "two payments for one order"
