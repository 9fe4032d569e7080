"""How work is asked for, declared once for every kind of client.

`submit` gives what the client hands out: a task, or what is awaited for one. With a topic the
message is checked to be what the topic carries; a topic's name takes any plain value.
"""

from abc import ABC, abstractmethod
from typing import Any, Generic, Literal, TypeAlias, TypeVar, overload

from handrail.contract.topic import Topic
from handrail.errors import SubmissionInvalid

M = TypeVar("M")
PriorityWord: TypeAlias = Literal["normal", "high"]
Handed_co = TypeVar("Handed_co", covariant=True)


def known_priority(word: str) -> PriorityWord:
    """Give a priority that there is. Raises SubmissionInvalid."""
    if word == "high":
        return "high"
    if word == "normal":
        return "normal"
    raise SubmissionInvalid(
        detail=f"there is no priority {word!r:.80}",
        cure='give priority="high", or "normal", which is what a task has without one',
    )


class Submitting(ABC, Generic[Handed_co]):
    """Something that takes work for a team."""

    @overload
    def submit(
        self,
        topic: Topic[M, Any],
        message: M,
        *,
        reference: str | None = None,
        deadline_s: float | None = None,
        priority: PriorityWord = "normal",
    ) -> Handed_co: ...
    @overload
    def submit(
        self,
        topic: str,
        message: object,
        *,
        reference: str | None = None,
        deadline_s: float | None = None,
        priority: PriorityWord = "normal",
    ) -> Handed_co: ...

    def submit(
        self,
        topic: Topic[Any, Any] | str,
        message: object,
        *,
        reference: str | None = None,
        deadline_s: float | None = None,
        priority: PriorityWord = "normal",
    ) -> Handed_co:
        """Ask for work; done once the broker has it on all in-sync replicas.

        A topic may be given by its name when it belongs to the team; the message may then be
        plain JSON values. `reference` is the caller's own name for the task, at most 256
        characters: submitted again within 24 hours it is the same task, and nothing runs twice.
        `deadline_s` is asked for in seconds from now; the team's own limit caps it. A task of
        `priority="high"` passes others by on every topic that declares `priorities=True`.

        Raises MessageMisfit, TooLarge past 900 KiB, SubmissionInvalid, TopicUnknown,
        TopicsMissing, BrokerUnreachable. After BrokerUnreachable nobody knows whether the
        submission arrived: submit again with the same reference.
        """
        return self._submit(topic, message, reference, deadline_s, priority)

    @abstractmethod
    def _submit(
        self,
        topic: Topic[Any, Any] | str,
        message: object,
        reference: str | None,
        deadline_s: float | None,
        priority: str,
    ) -> Handed_co:
        """Do it."""
