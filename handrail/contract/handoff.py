"""A message together with the topic it is for: what a handler returns when the type is not enough."""

from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

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
        if not isinstance(other, Handoff):
            return NotImplemented
        return bool(self.topic == other.topic and self.message == other.message)

    __hash__ = None  # type: ignore[assignment]  # messages need not be hashable

    def __repr__(self) -> str:
        """Show topic and message."""
        return f"Handoff({self.topic!r}, {self.message!r})"
