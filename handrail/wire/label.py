"""How far content can be trusted and who may see it: a closed lattice, and its only operation.

Pure. Guarantees: joining is associative, commutative and idempotent, and never gives a label that
is better than one of those joined; reading is total, and what cannot be read is read as the most
restrictive label. Nothing here raises a label: that takes a person.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

LABEL_CHARS_MAX: Final = 100  #: of what can be a label; nothing longer is looked into
SHOWN_CHARS_MAX: Final = 40
LABELS_COUNT_MAX: Final = 256  #: that are remembered as read; there are a dozen good ones

_BETWEEN = re.compile(r"[\s,;]+")


class Integrity(StrEnum):
    """How far the origin of what is written can be trusted, best first."""

    SYSTEM = "system"
    USER = "user"
    INTERNAL = "internal"
    UNTRUSTED = "untrusted"

    @property
    def rank(self) -> int:
        """0 is the most trusted."""
        return _INTEGRITIES[self]


class Confidentiality(StrEnum):
    """Who may see it, the widest circle first."""

    PUBLIC = "public"
    TENANT = "tenant"
    RESTRICTED = "restricted"

    @property
    def rank(self) -> int:
        """0 is what everybody may see."""
        return _CONFIDENTIALITIES[self]


_INTEGRITIES = {one: rank for rank, one in enumerate(Integrity)}
_CONFIDENTIALITIES = {one: rank for rank, one in enumerate(Confidentiality)}
_INTEGRITY_WORDS = {one.value: one for one in Integrity}
_CONFIDENTIALITY_WORDS = {one.value: one for one in Confidentiality}


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of where something comes from. The default restricts nothing."""

    integrity: Integrity = Integrity.SYSTEM
    confidentiality: Confidentiality = Confidentiality.PUBLIC

    def join(self, other: "Label") -> "Label":
        """Give the label of what was made from both."""
        return Label(
            max(self.integrity, other.integrity, key=_INTEGRITIES.__getitem__),
            max(self.confidentiality, other.confidentiality, key=_CONFIDENTIALITIES.__getitem__),
        )

    def covers(self, other: "Label") -> bool:
        """Say whether it restricts at least as much as another one."""
        return self.join(other) == self

    @property
    def is_trusted(self) -> bool:
        """Whether nobody outside can have had a hand in it."""
        return self.integrity is not Integrity.UNTRUSTED

    def __str__(self) -> str:
        """Give it as it stands in a header."""
        return f"{self.integrity} {self.confidentiality}"


NOTHING_READ: Final = Label()  #: of what was made from nothing; joined, it changes nothing
STRICTEST: Final = Label(Integrity.UNTRUSTED, Confidentiality.RESTRICTED)
OF_USER: Final = Label(Integrity.USER, Confidentiality.TENANT)
OF_TEAM: Final = Label(Integrity.INTERNAL, Confidentiality.TENANT)
OF_PEOPLE: Final = Label(Integrity.SYSTEM, Confidentiality.RESTRICTED)  #: of who it is about
OF_OUTSIDE: Final = Label(Integrity.UNTRUSTED, Confidentiality.PUBLIC)


def label_of(text: str | None, *, absent: Label = STRICTEST) -> Label:
    """Read a label; of several words of a kind the most restrictive counts.

    `absent` is what a missing label means. A label without a word of who may see it is the
    tenant's; with any word that is none of the seven it is the strictest.
    """
    if text is None:
        return absent
    # A long one is no label, and must not fill what is remembered.
    return STRICTEST if len(text) > LABEL_CHARS_MAX else _read(text)


@lru_cache(maxsize=LABELS_COUNT_MAX)
def _read(text: str) -> Label:
    if misread(text) is not None:
        return STRICTEST
    words = _words(text)
    integrities = [_INTEGRITY_WORDS[one] for one in words if one in _INTEGRITY_WORDS]
    circles = [_CONFIDENTIALITY_WORDS[one] for one in words if one in _CONFIDENTIALITY_WORDS]
    return Label(
        max(integrities, key=_INTEGRITIES.__getitem__),
        max(circles, key=_CONFIDENTIALITIES.__getitem__, default=Confidentiality.TENANT),
    )


def misread(text: str) -> str | None:
    """Say in words why a label is read as the strictest; None for one that is understood."""
    words = [] if len(text) > LABEL_CHARS_MAX else _words(text)
    known = [one for one in words if one in _INTEGRITY_WORDS or one in _CONFIDENTIALITY_WORDS]
    if len(known) == len(words) and any(one in _INTEGRITY_WORDS for one in words):
        return None
    shown = text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"
    return (
        f"{shown!r} is no label that Handrail knows, so it is read as `{STRICTEST}`: a label names"
        f" one of {', '.join(_INTEGRITY_WORDS)} and one of {', '.join(_CONFIDENTIALITY_WORDS)}"
    )


def joined(labels: Iterable[Label]) -> Label:
    """Give the label of what was made from all of these."""
    found = NOTHING_READ
    for label in labels:
        found = found.join(label)
    return found


def _words(text: str) -> list[str]:
    return [word for word in _BETWEEN.split(text) if word]
