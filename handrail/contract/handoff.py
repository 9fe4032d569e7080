"""A message together with its topic: what a handler returns when the type alone is not enough."""

from typing import TYPE_CHECKING, Any, Generic, TypeGuard, TypeVar

if TYPE_CHECKING:
    from handrail.contract.topic import Topic

T_co = TypeVar("T_co", covariant=True)


class Handoff(Generic[T_co]):
    """One message for one topic, which the agent must have declared in `writes=`.

    Needed where two topics of an agent carry the same type; for `results`, where any type goes;
    and to send a list as one message, since a returned list otherwise opens a fan-out.
    """

    __slots__ = ("message", "topic")

    def __init__(self, topic: "Topic[T_co, Any]", message: T_co) -> None:
        """Pair a topic with a message that it carries."""
        self.topic = topic
        self.message = message

    def __eq__(self, other: object) -> bool:
        """Two handoffs are equal when topic and message are."""
        if not is_handoff(other):
            return NotImplemented
        return bool(self.topic == other.topic and self.message == other.message)

    __hash__ = None  # type: ignore[assignment]  # messages need not be hashable

    def __repr__(self) -> str:
        """Show topic and message."""
        return f"Handoff({self.topic!r}, {self.message!r})"


def is_handoff(value: object) -> TypeGuard[Handoff[Any]]:
    """Say whether a returned value is a Handoff."""
    return isinstance(value, Handoff)
