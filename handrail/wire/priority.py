"""How soon a task is to be carried out, and which topics that means.

A topic that declares `priorities=True` has a second full inbox, `TOPIC.high`, whose lanes keep what
they know on `AGENT.high.answers`, `AGENT.high.journal` and `AGENT.high.dead`. Priority is the
task's: it travels with every handoff in `ce_priority`, through topics without a second inbox too.
"""

from enum import StrEnum
from typing import Final

HIGH_SUFFIX: Final = ".high"

#: On a normal submission that has passed through the second inbox: its reference was new there.
REFERENCE_IS_NEW: Final = ("ce_refisnew", b"1")


class Priority(StrEnum):
    """How soon, in words."""

    NORMAL = "normal"  #: never written: an envelope without a priority says it
    HIGH = "high"


def priority_of(header: str | None) -> Priority:
    """Read `ce_priority`; a word that nobody knows asks for nothing."""
    return Priority.HIGH if header == Priority.HIGH else Priority.NORMAL


def with_priority(name: str, priority: Priority) -> str:
    """Name the inbox of a topic that has two, or that beside which its lanes keep what they know.

    No topic and no agent has a name of its own that ends so.
    """
    return name + HIGH_SUFFIX if priority is Priority.HIGH else name


def without_priority(name: str) -> str:
    """Name the topic, or the agent, whose inbox or lanes these are."""
    return name.removesuffix(HIGH_SUFFIX)


def priority_in(name: str) -> Priority:
    """Say of which priority the inbox or the lanes of this name are."""
    return Priority.HIGH if name.endswith(HIGH_SUFFIX) else Priority.NORMAL
