"""What one schedule says of questions to people, dead letters, redrives and cancels."""

from collections import Counter
from collections.abc import Mapping, Sequence

from handrail.lane.journal import Kind, entry_key
from handrail.ledger.event import (
    CancelAsked,
    DeadLettered,
    Dropped,
    Event,
    Finished,
    PersonAsked,
    Redriven,
    Rejected,
    RequestKind,
)
from handrail.wire.dead_letter import Reason
from handrail.wire.human import request_key
from tests.simulation.kafka import Written
from tests.simulation.loop import SimProcess
from tests.simulation.team import HARD_TOOLS, Act, Order, fell, stumble

HEARD_S = 2.0  #: after a cancel every process that is well has heard of it; markers may take 1.5 s
DEATHS_MAX = 12  #: by one handoff that kills its process, with deaths that come from outside

assert set(HARD_TOOLS) == {fell.name, stumble.name}


class TroubleBook:
    """Takes in what was committed, in its order, and says what is wrong."""

    def __init__(self) -> None:
        """Know of nothing."""
        self.problems: list[str] = []
        self.late: set[str] = set()  #: which have died of their deadline
        self._last_ends: dict[str, Finished | DeadLettered | Dropped] = {}
        self._canceled_s: dict[str, float] = {}  # task → when it was canceled
        self._requests: dict[bytes, bool] = {}  # key → is open
        self._sent_back: Counter[tuple[str, int, int]] = Counter()

    def take(self, event: Event, written: Written) -> None:
        """Take in one event of the ledger with the transaction that it belongs to."""
        if isinstance(event, DeadLettered | Rejected) and event.reason == Reason.DEADLINE:
            self.late.add(event.invocation if isinstance(event, DeadLettered) else event.ce_id)
        match event:
            case Finished(invocation=of) | DeadLettered(invocation=of) | Dropped(ce_id=of):
                self._last_ends[of] = event
                if isinstance(event, DeadLettered) and not _on(written, ".dead"):
                    self.problems.append(f"{of} has died and left no dead letter beside it")
            case CancelAsked():
                self._canceled_s.setdefault(event.task_id, written.decided_s)
            case Redriven():
                self._take_back(event, written)
            case PersonAsked(kind=RequestKind.QUESTION | RequestKind.BUDGET):
                self._take_question(event, written)
            case _:
                return

    def take_request(self, key: bytes, *, is_open: bool) -> None:
        """Take in a record of the topic on which people are asked."""
        if key.endswith(b"/request"):
            self._requests[key] = is_open

    def _take_back(self, event: Redriven, written: Written) -> None:
        letter = event.topic, event.partition, event.dead
        self._sent_back[letter] += 1
        if self._sent_back[letter] > 1:
            self.problems.append(f"dead letter {letter} was sent back more than once")
        wanted = {
            entry_key(event.invocation, Kind.REDRIVEN, event.dead),
            entry_key(event.invocation, Kind.PARKED),
        }
        torn = wanted - _keys(written)
        if torn:
            self.problems.append(f"{event.invocation} was sent back without {sorted(torn)}")

    def _take_question(self, event: PersonAsked, written: Written) -> None:
        path = event.request.rsplit("/", 2)[1]
        intent = f"{event.invocation}/{Kind.INTENT}/{path}".encode()
        torn = {request_key(event.request), intent} - _keys(written)
        if torn:
            self.problems.append(f"a person was asked {event.request} without {sorted(torn)}")

    # ---- the whole

    def judge(
        self,
        orders: Sequence[Order],
        results: Mapping[str, Sequence[bytes]],
        acts: Sequence[Act],
        harmed: set[SimProcess],
    ) -> list[str]:
        """Give what is wrong with orders that met trouble, besides what they answered."""
        for order in orders:
            end = self._last_ends.get(f"order-{order.number}")
            self._end_is_right(order, end)
            found = results.get(f"task-{order.number}", ())
            if not isinstance(end, Finished) and found:
                self.problems.append(f"order {order.number} did not finish and gave {found}")
        self._nothing_after_cancels(acts, harmed)
        self.problems += [
            f"{key!r} still waits for a person"
            for key, is_open in self._requests.items()
            if is_open
        ]
        return self.problems

    def is_finished(self, order: Order) -> bool:
        """Say whether an order came to its good end."""
        return isinstance(self._last_ends.get(f"order-{order.number}"), Finished)

    def _end_is_right(self, order: Order, end: object) -> None:
        canceled = f"task-{order.number}" in self._canceled_s
        kills, stumbles = fell.name in order.steps, stumble.name in order.steps
        match end:
            case Finished():
                right = not kills
            case Dropped():
                right = canceled
            case DeadLettered(reason=reason):
                quarantined = kills and reason == Reason.POISON
                right = quarantined or (canceled and stumbles and reason == Reason.ATTEMPTS)
            case _:
                right = False
        if not right:
            self.problems.append(f"order {order.number} {order.steps} ended with {end}")

    def _nothing_after_cancels(self, acts: Sequence[Act], harmed: set[SimProcess]) -> None:
        for act in acts:
            canceled_s = self._canceled_s.get(f"task-{act.number}")
            if canceled_s is None or act.process in harmed or act.at_s < canceled_s + HEARD_S:
                continue
            self.problems.append(
                f"{act.tool} {act.number}.{act.step} began {act.at_s - canceled_s:.1f} s after"
                f" its task was canceled, by {act.process.name}"
            )


def _keys(written: Written) -> set[bytes | None]:
    return {entry.key for _, entry in written.entries if entry.value is not None}


def _on(written: Written, topic: str) -> bool:
    return any(where.topic.endswith(topic) for where, _ in written.entries)
