"""The people around one simulated team: they answer what is asked, mend what broke, and cancel.

A person acts some time after the ledger or a dead letter has told of it. Now and then a person
does the same twice, which must change nothing.
"""

import re
from collections import Counter
from collections.abc import Callable
from random import Random

import orjson

from handrail.bus.in_process import InProcessBus
from handrail.lane.switches import Cancel
from handrail.ledger.event import (
    Dropped,
    DropReason,
    PersonAsked,
    Redriven,
    RedriveRefused,
    RequestKind,
)
from handrail.ledger.event_record import decode
from handrail.runtime.cancel import write_cancel
from handrail.runtime.dead_letters import DeadId, FoundLetter, ask_to_settle
from handrail.runtime.doubts import decide
from handrail.runtime.people import give_answer
from handrail.wire.dead_letter import DeadLetter, Reason
from handrail.wire.human import Request
from handrail.wire.record import Record, TopicPartition
from tests.simulation.kafka import SimBroker
from tests.simulation.loop import WORLD, SimLoop
from tests.simulation.plan import Plan
from tests.simulation.processes import NAMESPACE
from tests.simulation.team import HOLD, MENDED_STEP, Receivers, Shape, said

SOMEBODY = "somebody"
ALSO_SENT_BACK, MENDED = 0.3, 0.5  #: of the letters of questions; at the first time
TWICE = 0.4  #: share of what people do that they do twice
LOOKS_AGAIN_S = 0.1
DAY_MS = 86_400_000
LEDGER, DEAD = ".ledger", ".dead"
ENDS = (
    b"handrail_finished.v1",
    b"handrail_dropped.v1",
    b"handrail_dead_lettered.v1",
    b"handrail_rejected.v1",
    b"handrail_part_gathered.v1",
)
ASKED, REDRIVEN = b"handrail_person_asked.v1", b"handrail_redriven.v1"
DROPPED = b"handrail_dropped.v1"
REFUSED = b"handrail_redrive_refused.v1"
_STEP = re.compile(r"(\w+)\(number=(\d+), step=(\d+)\)")


class People:
    """Everybody who is asked by one team or watches over it."""

    def __init__(
        self,
        plan: Plan,
        broker: SimBroker,
        loop: SimLoop,
        receivers: Receivers,
        tell: Callable[[str], None],
    ) -> None:
        """Do nothing until something is told."""
        self.bus = InProcessBus(broker)
        self.ended_count = 0  #: handoffs that have ended and were not sent back since
        self.unheard_count = 0  #: dead letters that are to be sent back, and of which no lane spoke
        self._plan = plan
        self._broker = broker
        self._loop = loop
        self._receivers = receivers
        self._tell = tell
        self._sent_back = Counter[int]()  # letters of an order
        self._heard: set[bytes | None] = set()
        self._chance = Random(f"people {plan.seed}")

    def hear(self, record: Record) -> None:
        """Take in one committed record of any topic."""
        if record.topic.endswith(DEAD):
            self._find_dead(record)
        elif record.topic.endswith(LEDGER):
            kind, id_ = record.header("ce_type"), record.header("ce_id")
            if id_ in self._heard:
                return  # said twice, it has one name
            self._heard.add(id_)
            self.ended_count += kind in ENDS and not _comes_again(record)
            if kind == ASKED:
                self._asked(record)
            elif kind in (REDRIVEN, REFUSED):
                told = decode(record)
                assert isinstance(told, Redriven | RedriveRefused)
                self.ended_count -= kind == REDRIVEN
                self.unheard_count -= told.by == SOMEBODY

    def cancel(self, number: int) -> None:
        """Ask that the task of an order stop."""
        self._tell(f"a person cancels order {number}")
        now_ms = self._broker.now_ms
        until_ms = now_ms + 8 * DAY_MS
        cancel = Cancel(f"task-{number}", until_ms, False, "somebody", "", now_ms)
        self._loop.spawn(WORLD, write_cancel(self.bus, NAMESPACE, cancel, "default"))

    # ---- what is asked

    def _asked(self, record: Record) -> None:
        asked = decode(record)
        assert isinstance(asked, PersonAsked)
        found = _STEP.search(asked.text)
        assert found is not None, asked.text
        answer = self._decide if asked.kind is RequestKind.DOUBT else self._answer
        for at_s in self._times():
            name, number, step = found[1], int(found[2]), int(found[3])
            self._loop.in_world(
                at_s, lambda one=name, of=number, at=step: answer(asked, one, of, at)
            )

    def _decide(self, doubt: PersonAsked, name: str, number: int, step: int) -> None:
        happened = self._receivers.happened(number, step)
        self._tell(f"a person says of {name} {number}.{step}: happened={happened}")
        data = orjson.dumps(said(name, number, step)) if happened else None
        now_ms = self._broker.now_ms
        self._loop.spawn(WORLD, decide(self.bus, NAMESPACE, doubt, data, "somebody", now_ms))

    def _answer(self, asked: PersonAsked, name: str, number: int, step: int) -> None:
        self._tell(f"a person answers {name} {number}.{step}")
        request = Request(
            asked.request,
            asked.task_id,
            asked.tenant,
            asked.agent,
            asked.text,
            {},
            reply_to=asked.reply_to or "",
        )
        value, now_ms = orjson.dumps(said(name, number, step)), self._broker.now_ms
        self._loop.spawn(
            WORLD, give_answer(self.bus, NAMESPACE, request, value, "somebody", now_ms)
        )

    # ---- what has died

    def _find_dead(self, record: Record) -> None:
        letter = DeadLetter.from_record(record)
        is_sent_back = self._plan.shape in (Shape.TROUBLED, Shape.HELD)
        if not is_sent_back or letter.failure.reason is not Reason.ATTEMPTS:
            return  # it stays where it is
        number = int((letter.task or "").removeprefix("task-"))
        agent = record.topic.removeprefix(f"{NAMESPACE}.").removesuffix(DEAD)
        found = FoundLetter(DeadId(agent, record.partition, record.offset), letter)
        if agent == "holder" and self._chance.random() > ALSO_SENT_BACK:
            return  # it goes back with its question, which is asked anew
        times = self._times()
        self.unheard_count += len(times)
        for at_s in times:
            self._loop.in_world(at_s, lambda: self._send_back(found, number))

    def _send_back(self, found: FoundLetter, number: int) -> None:
        where = TopicPartition(f"{NAMESPACE}.{found.id.agent}{DEAD}", found.id.partition)
        if self._broker.log(where).last_stable <= found.id.offset:
            # Decided, and not yet to be seen: nobody can send back what nobody sees.
            self._loop.in_world(LOOKS_AGAIN_S, lambda: self._send_back(found, number))
            return
        self._tell(f"a person mends order {number} and sends {found.id} back")
        order = next(one for _, one in self._plan.orders if one.number == number)
        self._receivers.mended |= {(number, at) for at in range(1, len(order.steps) + 1)}
        self._sent_back[number] += 1
        if self._sent_back[number] > 1 or self._chance.random() < MENDED:
            holds = [at for at, name in enumerate(order.steps, start=1) if name == HOLD]
            self._receivers.mended |= {(number * 1000 + at, MENDED_STEP) for at in holds}
        now_ms = self._broker.now_ms
        self._loop.spawn(
            WORLD, ask_to_settle(self.bus, NAMESPACE, found, by=SOMEBODY, now_ms=now_ms)
        )

    def _times(self) -> list[float]:
        twice = self._chance.random() < TWICE
        return [self._plan.person_s, self._plan.person_s * self._chance.random() * 2][: 1 + twice]


def _comes_again(record: Record) -> bool:
    """Say whether it tells of a question that was asked anew: what it names has its own end."""
    told = decode(record) if record.header("ce_type") == DROPPED else None
    return isinstance(told, Dropped) and told.reason is DropReason.REPEAT
