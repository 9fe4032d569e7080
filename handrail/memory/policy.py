"""Says in words what a team has decided about its memory: for each space, and for people.

Everything is read from the declaration, so that what is shown is what the keeper does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from handrail.contract.memory import DAY_S, WORKING_AFTER_TASK_S, Memory, MemoryClass
from handrail.memory.gate import takes_as_it_is
from handrail.wire.label import Integrity

_MINUTE_S, _HOUR_S = 60.0, 3600.0
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SpacePolicy:
    """The memory policy of one space, each part one sentence or a list of names."""

    space: str
    keeps: str  #: its memory class
    purpose: str
    persists: str
    expires: str
    changes: str
    readers: Sequence[str]  #: none: every agent
    writers: Sequence[str]
    untrusted: str
    personal: str
    quota: str

    def sentences(self) -> list[str]:
        """Give it as sentences, the most important first."""
        return [
            f"Persists {self.persists}.",
            f"{self.changes}.",
            f"{self.expires}.",
            f"Read by {_who(self.readers)}; written by {_who(self.writers)}.",
            f"{self.untrusted}.",
            f"{self.personal}.",
            f"At most {self.quota} for each tenant.",
        ]


#: Whose words may not be taken as they are, the least trusted first.
_ORIGINS: Final = {
    Integrity.UNTRUSTED: "untrusted input",
    Integrity.INTERNAL: "the team's own agents",
    Integrity.USER: "people",
}
_PERSISTS: Final = {
    MemoryClass.WORKING: "until a day after the deadline of its task, whenever that ends",
    MemoryClass.FACT: "until it is superseded",
    MemoryClass.PREFERENCE: "until it is erased",
    MemoryClass.PROCEDURE: "until it is revoked",
    MemoryClass.ARTIFACT: "until it is removed, whether or not what it points to is still there",
    MemoryClass.DECISION: "for ever",
}


def policy_of(space: Memory[Any]) -> SpacePolicy:
    """Give the policy of one space."""
    rules = space.rules
    writers: Sequence[str] = space.access.writers if rules.by_agents else ("people",)
    return SpacePolicy(
        space=space.name,
        keeps=space.keeps.value,
        purpose=space.purpose,
        persists=_PERSISTS[space.keeps],
        expires=_expires(space),
        changes=_changes(space),
        readers=space.access.readers,
        writers=writers,
        untrusted=_untrusted(space),
        personal=_personal(space),
        quota=f"{space.quota.records} records and {space.quota.bytes / _MIB:.0f} MiB",
    )


def _expires(space: Memory[Any]) -> str:
    if space.ttl_s is not None:
        return f"Expires {_span(space.ttl_s)} after it was written"
    if space.keeps is MemoryClass.WORKING:
        return f"Expires {_span(WORKING_AFTER_TASK_S)} after the deadline of its task"
    review_s = space.rules.review_s
    return f"Never expires; wants a look after {_span(review_s)}" if review_s else "Never expires"


def _changes(space: Memory[Any]) -> str:
    if not space.rules.changes:
        gone = "it may be removed" if space.rules.erasable else "nor be removed"
        return f"Can never be changed, {gone}"
    if space.rules.compares:
        return "Changed only by whoever names the version that they change"
    return "Changed by its own task, the last write wins"


def _untrusted(space: Memory[Any]) -> str:
    origins = [one for one in _ORIGINS if not takes_as_it_is(space, one)]
    if not origins:
        return "What comes from untrusted input is stored with a label that says so"
    what = f"What comes from {' or '.join(_ORIGINS[one] for one in origins)}"
    if space.keeps is not MemoryClass.FACT:
        return f"{what} is never stored"
    anew = " or writes it anew" if takes_as_it_is(space, Integrity.USER) else ""
    return f"{what} is in quarantine until a person endorses it{anew}"


def _personal(space: Memory[Any]) -> str:
    if space.is_personal:
        return "About a person: sealed with that person's key, and gone when they are forgotten"
    return "Holds nothing about a person; no key of a person seals it"


def _who(names: Sequence[str]) -> str:
    return ", ".join(names) or "every agent"


def _span(seconds: float) -> str:
    for unit_s, unit in ((DAY_S, "days"), (_HOUR_S, "hours"), (_MINUTE_S, "minutes")):
        if seconds >= unit_s and seconds % unit_s == 0:
            count = int(seconds / unit_s)
            return f"{count} {unit[:-1] if count == 1 else unit}"
    return f"{seconds:g} seconds"
