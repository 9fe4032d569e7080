"""How work is asked for, declared once for every kind of client.

`submit` gives what the client hands out: a task, or what is awaited for one. With a topic the
message is checked to be what the topic carries; a topic's name takes any plain value.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, Literal, TypeAlias, TypeVar, overload

from handrail.contract.topic import Topic
from handrail.errors import SubmissionInvalid
from handrail.rails.budget import read_budget, written

M = TypeVar("M")
PriorityWord: TypeAlias = Literal["normal", "high"]
Amount: TypeAlias = str | float | Decimal
BUDGET_MAX = Decimal(1_000_000)
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


def known_budget(budget: Amount | None) -> str | None:
    """Give a budget as it travels. Raises SubmissionInvalid for what is no amount."""
    if budget is None:
        return None
    try:
        amount = Decimal(str(budget))
        fits = amount.is_finite() and 0 <= amount <= BUDGET_MAX
    except InvalidOperation:
        fits = False
    if not fits:
        raise SubmissionInvalid(
            detail=f"{budget!r:.80} is no budget",
            cure='give an amount such as "0.50", or none for a task that may spend what it needs',
        )
    return written(read_budget(str(budget)))


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked for a task beside its message."""

    reference: str | None
    deadline_s: float | None
    priority: str
    budget: str | None  #: as it travels


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
        budget: Amount | None = None,
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
        budget: Amount | None = None,
    ) -> Handed_co: ...

    def submit(
        self,
        topic: Topic[Any, Any] | str,
        message: object,
        *,
        reference: str | None = None,
        deadline_s: float | None = None,
        priority: PriorityWord = "normal",
        budget: Amount | None = None,
    ) -> Handed_co:
        """Ask for work; done once the broker has it on all in-sync replicas.

        A topic may be given by its name when it belongs to the team; the message may then be
        plain JSON values. `reference` is the caller's own name for the task, at most 256
        characters: submitted again within 24 hours it is the same task, and nothing runs twice.
        `deadline_s` is asked for in seconds from now; the team's own limit caps it. A task of
        `priority="high"` passes others by on every topic that declares `priorities=True`.
        `budget` is what the task may spend on models and on tools with a cost, such as `"0.50"`
        (US dollars, as far as models are concerned): none of them begins that it does not cover,
        and at its end a person is asked by how much it is raised.

        Raises MessageMisfit, TooLarge past 900 KiB, SubmissionInvalid, TopicUnknown,
        TopicsMissing, BrokerUnreachable. After BrokerUnreachable nobody knows whether the
        submission arrived: submit again with the same reference.
        """
        asking = Asking(reference, deadline_s, priority, known_budget(budget))
        return self.hand_in(topic, message, asking)

    def hand_in(self, topic: Topic[Any, Any] | str, message: object, asking: Asking) -> Handed_co:
        """Ask for work on terms that were put together before."""
        return self._submit(topic, message, asking)

    @abstractmethod
    def _submit(
        self,
        topic: Topic[Any, Any] | str,
        message: object,
        asking: Asking,
    ) -> Handed_co:
        """Do it."""
