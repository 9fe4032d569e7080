"""What waits for a person because nobody knows whether a step happened, and how it is decided."""

from collections.abc import Iterable

from handrail.bus.port import Bus
from handrail.ledger.event import Event, PersonAnswered, PersonAsked, RequestKind
from handrail.wire.decision import Decision


def open_doubts(events: Iterable[Event]) -> list[PersonAsked]:
    """Give the doubts that are open, from the events of a task in their order."""
    found: dict[str, PersonAsked] = {}
    for event in events:
        if isinstance(event, PersonAsked) and event.kind is RequestKind.DOUBT:
            found[event.request] = event
        elif isinstance(event, PersonAnswered):
            found.pop(event.request, None)
    return list(found.values())


def step_of(doubt: PersonAsked) -> str:
    """Give the path of the step that a doubt is about."""
    return doubt.request.rsplit("/", 2)[1]


async def decide(
    bus: Bus, namespace: str, doubt: PersonAsked, result: bytes | None, by: str, now_ms: int
) -> None:
    """Tell the lane that the step happened with this result (JSON), or, with None, that it did not.

    The lane takes the first decision that it reads; a later one changes nothing. Raises TooLarge
    and what the sender raises.
    """
    assert doubt.reply_to is not None, "a lane says where decisions go to"
    topic, _, partition = doubt.reply_to.rpartition("/")
    decision = Decision(doubt.request, result is not None, result or b"null", by)
    record = decision.outgoing(f"{namespace}.{topic}", int(partition), now_ms)
    await bus.sender().send(record)
