"""What the id of a message follows from."""

from collections.abc import Iterator

from handrail.ledger.event import Event, Finished, WroteKind
from handrail.wire.ids import handoff_id

HANDED_ON = frozenset({WroteKind.HANDOFF, WroteKind.RESULT, WroteKind.OUTPUT})


def underived(event: Event) -> Iterator[str]:
    """Say of what a run has handed on which id does not follow from the run."""
    if not isinstance(event, Finished):
        return
    follow = {
        handoff_id(event.invocation, event.run, index=index) for index in range(len(event.wrote))
    }
    for one in event.wrote:
        if one.kind in HANDED_ON and one.id not in follow:
            yield f"{one.id} on {one.topic} does not follow from {event.invocation}"
