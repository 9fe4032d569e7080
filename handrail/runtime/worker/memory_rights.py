"""Which space a handler may have, and what it may do there, in words that name the file to change.

A space is what the team declares in memory/; a handler cannot bring one of its own.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from handrail.contract.failure import Refused, State
from handrail.contract.memory import Memory
from handrail.errors.memory import SpaceUnknown
from handrail.memory.asked import Refusal
from handrail.memory.gate import refused_copy, refused_echo, refused_text

M = TypeVar("M")

SUBJECT_CHARS_MAX = 256


class Right(StrEnum):
    """What somebody may be allowed."""

    READ = "read"
    WRITE = "write"


def known_space(spaces: Mapping[str, Memory[Any]], space: Memory[M]) -> Memory[M]:
    """Give the space back. Raises SpaceUnknown unless the team declares this very one."""
    declared = spaces.get(space.name)
    if declared is None:
        listed = ", ".join(sorted(spaces)) or "none"
        raise SpaceUnknown(space=space.name, detail=f"declared are: {listed}")
    if declared != space:
        raise SpaceUnknown(
            space=space.name, detail="the team declares one of that name that says something else"
        )
    return space


def check_right(agent: str, space: Memory[Any], right: Right) -> None:
    """Raise Refused when an agent may not do this."""
    if right is Right.WRITE and not space.rules.by_agents:
        raise Refused(
            State.NEEDS_APPROVAL,
            f"memory {space.name} holds {space.keeps}s, which people write and agents only read",
            remedy=f"Let a person write it: handrail memory put {space.name} KEY VALUE",
        )
    allowed = space.may_read(agent) if right is Right.READ else space.may_write(agent)
    if not allowed:
        listed = space.access.readers if right is Right.READ else space.access.writers
        raise Refused(
            State.DENIED_BY_POLICY,
            f"{agent} may not {right} memory {space.name}; those who may are {', '.join(listed)}",
            remedy=f"Name it in the access of {space.name}, in memory/, if it should.",
        )


def check_subject(space: Memory[Any], subject: str | None, *, has_keys: bool) -> None:
    """Raise Refused when it is not said whom a record is about, or said where nobody is."""
    if space.is_personal and not has_keys:
        raise Refused(
            State.DEPENDENCY_UNAVAILABLE,
            f"memory {space.name} holds personal data, and this process has no keys to seal it",
        )
    if space.is_personal != (subject is not None):
        detail = (
            f"memory {space.name} holds personal data, and nobody says whose"
            if space.is_personal
            else f"memory {space.name} holds no personal data, so it has no subjects"
        )
        cure = "Give subject=." if space.is_personal else "Leave subject= out."
        raise Refused(State.INVALID_INPUT, detail, remedy=cure)
    if subject is not None and not 0 < len(subject) <= SUBJECT_CHARS_MAX:
        raise Refused(State.INVALID_INPUT, f"a subject has 1 to {SUBJECT_CHARS_MAX} characters")


@dataclass(frozen=True, slots=True)
class Content:
    """What is about to be written, in the clear."""

    value: object
    full: str  #: the key, as topics have it
    derived_from: Sequence[str] = ()
    seen: Collection[str] = ()  #: its own digest, if a model was just told the very same
    is_change: bool = False  #: whether it takes the place of another value


def refused_content(
    space: Memory[Any], content: Content, personal: Collection[str]
) -> Refusal | None:
    """Refuse what the keeper would refuse for its words, before they leave the process.

    A command stays on its topic for a week, also a refused one: what is about a person, or is a
    secret, must not get there in the clear. `personal` are the spaces about people: of what is
    sealed only this process can say that it is an echo; all others the keeper refuses, and counts.
    """
    refusal = refused_copy(content.full, content.derived_from, personal)
    if refusal is None and space.is_personal:
        refusal = refused_echo(space, content.value, content.seen, is_change=content.is_change)
    return refusal or refused_text(space, content.value)
