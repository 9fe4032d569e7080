"""What a handler is called with, and what its run hands on of it to whatever follows."""

from dataclasses import dataclass, replace
from typing import TypeVar

from handrail.lane.invocation import Invocation
from handrail.rails.budget import read_budget, together, written
from handrail.runtime.worker.burial import Buried
from handrail.runtime.worker.canceling import Canceled
from handrail.runtime.worker.ending import Doubtful, Ended, Suspended
from handrail.runtime.worker.run_labels import plans_together
from handrail.runtime.worker.waiting import RunSteps
from handrail.wire.envelope import Envelope
from handrail.wire.label import joined as all_joined
from handrail.wire.label import label_of
from handrail.wire.memory import joined
from handrail.wire.record import Record


@dataclass(frozen=True, slots=True)
class Given:
    """What a handler is called with."""

    record: Record  #: what its dead letter would hold
    envelope: Envelope
    message: object
    missing_count: int = 0

    def under(self, envelope: Envelope) -> "Given":
        """Give the same with this envelope."""
        # A copy costs about as much as whatever else a short handler does.
        return self if envelope is self.envelope else replace(self, envelope=envelope)


def with_spent_before(envelope: Envelope, invocation: Invocation) -> Envelope:
    """Let a question that is carried on from its letter spend all that it was lent this time.

    What it had spent before its asker has paid for, and it is counted again with its steps.
    """
    sent_back = invocation.redriven
    if sent_back is None or sent_back.spent is None or envelope.budget is None:
        return envelope
    lent, spent = read_budget(envelope.budget), read_budget(sent_back.spent)
    return envelope.but(budget=written((lent or 0) + (spent or 0)))


def having_seen(given: Given, steps: RunSteps) -> Given:
    """Give an input whose children see, and are labelled by, what its handler has read."""
    return given.under(steps.memory.carried_on(steps.labels.carried_on(given.envelope)))


E = TypeVar("E", bound=Buried | Doubtful | Suspended | Canceled)


def with_left(ended: E, steps: RunSteps) -> E:
    """Let the gather of what dies have what is left of its budget, and its letter say the rest."""
    if not isinstance(ended, Buried):
        return ended
    envelope = steps.budget.carried_on(ended.envelope)
    return replace(ended, envelope=envelope, spent=steps.budget.spent)


def with_spent(ended: Ended | Buried, spent: str | None) -> Ended | Buried:
    """Give what ended with what it has spent; None without a budget."""
    if spent is None:
        return ended
    if isinstance(ended, Buried):
        return replace(ended, spent=spent)
    return replace(ended, of_budget=spent)


def in_common(envelopes: list[Envelope]) -> Envelope:
    """What the gathered invocation inherits: its task, the outer fan-outs, the longest way."""
    first = envelopes[0]
    return first.but(
        fan_outs=first.fan_outs[:-1],
        hop=max(envelope.hop for envelope in envelopes),
        memory_read=joined(envelope.memory_read for envelope in envelopes),
        budget=together(envelope.budget for envelope in envelopes),
        label=str(all_joined(label_of(envelope.label) for envelope in envelopes)),
        plan=plans_together(envelope.plan for envelope in envelopes),
    )
