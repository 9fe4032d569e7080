"""The requests to people of one lane, and how they are closed.

A request that is open when its invocation ends, by its deadline or a cancel, is closed in the same
transaction, so that nobody is asked for what nobody waits for.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from handrail.lane.journal import Entry
from handrail.lane.steps import WAITS_FOR_PERSON
from handrail.ledger.event import Event, PersonAnswered
from handrail.wire.human import HUMAN, Closed
from handrail.wire.record import Outgoing

if TYPE_CHECKING:
    from handrail.runtime.worker.ground import LaneGround

NOBODY = "handrail"  #: who closes what no person has answered


def request_id(intent: Entry) -> str:
    """Name the request that a step has opened."""
    return request_of(intent.invocation, intent.path, int(str(intent.facts["attempt"])))


def request_of(invocation: str, path: str, attempt: int) -> str:
    """Name the request that a step opens at this attempt: an answer counts for its own only."""
    return f"{invocation}/{path}/{attempt}"


def answered_event(ground: "LaneGround", intent: Entry, closed: Closed) -> Event:
    """Give the event that says how a request was closed."""
    return PersonAnswered(
        task_id=str(intent.facts["task"]),
        tenant=str(intent.facts["tenant"]),
        time_ms=ground.worker.clock.now_ms(),
        request=closed.request,
        by=closed.by,
        decision=closed.decision,
    )


def request_closed(ground: "LaneGround", intent: Entry, closed: Closed) -> list[Outgoing]:
    """Give the records that close a request, the event with them."""
    topic, now_ms = ground.worker.team.full(HUMAN), ground.worker.clock.now_ms()
    event = ground.saying.record(answered_event(ground, intent, closed))
    return [*closed.outgoing(topic, now_ms), event]


def all_closed(ground: "LaneGround", invocation: str, because: str) -> Sequence[Outgoing]:
    """Give what closes the open requests of an invocation that is about to end."""
    return [
        record
        for intent in ground.lane.steps.questions(invocation)
        if intent.facts.get("waits") == WAITS_FOR_PERSON
        for record in request_closed(ground, intent, Closed(request_id(intent), NOBODY, because))
    ]
