"""What a handler wants put before a model from memory, what it is given, and the account of it.

A *manifest* says which versions are in the text, with their scores and tokens, and what was left
out and why; from it and from the history the text is made again byte for byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from handrail.contract.memory import SEARCH_K, Memory, Record

RECALLS_COUNT_MAX: Final = 8  #: parts of one prompt
RECALL_K_MAX: Final = 50  #: records of one part
RECALL_TOKENS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Recall:
    """One part of a prompt: records of a space under a heading, the best first.

    First those of `keys`, then up to `k` that match words of `query`. `tokens_max` is the most that
    this part may take of the whole budget, its heading included.
    """

    space: Memory[Any]
    query: str = ""
    keys: Sequence[str] = ()
    k: int = SEARCH_K
    heading: str = ""  #: none: it says that this is remembered, and in which space
    tokens_max: int | None = None
    subject: str | None = None

    @property
    def title(self) -> str:
        """What stands above its records."""
        return self.heading or f"Remembered in {self.space.name}:"


@dataclass(frozen=True, slots=True)
class Recalled:
    """A text of memory for a prompt. Give it to `ctx.model(..., context=...)`."""

    text: str
    tokens: int
    records: tuple[Record[Any], ...]  #: those in the text, in its order
    dropped: tuple[str, ...]  #: a sentence for each record that was left out
    step: str  #: under which the ledger has its manifest

    @property
    def references(self) -> tuple[str, ...]:
        """Name the versions in the text, for `derived_from` of what is made from them."""
        return tuple(record.reference for record in self.records)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record that is in the text or was left out."""

    space: str
    key: str  #: in full
    version: int
    score: float
    tokens: int  #: that it takes, or would have taken
    dropped: str = ""  #: why; nothing when it is in the text


@dataclass(frozen=True, slots=True)
class SlotManifest:
    """What became of one part. One of which nothing is in the text has no heading there."""

    name: str
    heading: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is needed to say what was put before a model, and to make it again."""

    budget: int
    tokens: int
    sha256: str  #: of the text
    slots: tuple[SlotManifest, ...] = field(default=())
    rule: str = ""  #: by which tokens are counted
    form: int = 1  #: of the text
