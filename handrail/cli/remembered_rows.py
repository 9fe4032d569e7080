"""The rows of what commands say of memory; part of the published schema, see rows.py."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """What a team has decided about one memory space."""

    space: str
    keeps: str  #: its memory class
    purpose: str
    persists: str
    expires: str
    changes: str
    readers: list[str]  #: names of agents; none: every agent
    writers: list[str]
    untrusted: str
    personal: str
    quota: str


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """One version of one record of memory."""

    space: str
    key: str
    version: int
    value: Any  #: null for a version that removed it, and for one whose subject was forgotten
    state: str  #: present, earlier, removed, quarantined, flagged or forgotten
    by: str
    task: str | None
    message: str | None
    written: str
    expires: str | None
    derived_from: list[str]
    confidence: float | None
    label: str | None
    tool: str | None  #: the last that had answered when it was written: its step and its name
    model: str | None  #: the same of models
    takes_back: int | None  #: the version that it takes back
    reason: str | None  #: why a person did so, as they said
    score: float | None  #: of a search; a higher one is a better match


@dataclass(frozen=True, slots=True)
class MemoryListRow:
    """One present record of memory without its value."""

    space: str
    key: str
    subject: str | None  #: a digest of whom it is about
    scratch_of: str | None  #: the task that it belongs to
    version: int
    by: str
    task: str | None
    written: str
    expires: str | None
    state: str  #: in words
    quarantined: bool
    flagged: str | None  #: why it is not to be trusted
    review: str | None  #: when somebody should look at it
    due: bool  #: that time is over


@dataclass(frozen=True, slots=True)
class MemorySpaceRow:
    """How many records a memory space holds, and how many of them want somebody."""

    space: str
    keeps: str  #: its memory class
    records: int
    due: int
    quarantined: int
    flagged: int


@dataclass(frozen=True, slots=True)
class MemoryChangeRow:
    """One record that an act on memory changes, or leaves as it is."""

    space: str
    key: str
    version: int  #: the present one
    does: str  #: in words
    state: str  #: planned, done, conflict, refused or left
    why: str | None


@dataclass(frozen=True, slots=True)
class MemoryDiffRow:
    """One field in which two versions of a record differ; null: it is not there."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class MemoryReceiptRow:
    """The receipt of a person who was forgotten, or what would be forgotten."""

    subject: str
    digest: str  #: what stands for them in topics
    records: int
    versions: int
    elsewhere: int  #: records made from what was known of them
    left: int
    key_destroyed: bool
    time: str | None
    state: str  #: done, or planned
    by: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class MemoryManifestRow:
    """One record that a model was given, or that was left out."""

    prompt: int  #: number of the text within its task, from 1
    agent: str
    step: str
    space: str
    key: str
    version: int
    score: float
    tokens: int
    left_out: str | None  #: why
    invocation: str
    budget: int
    sha256: str  #: of the whole text


@dataclass(frozen=True, slots=True)
class MemoryRefusedRow:
    """How often memory has refused somebody for one reason."""

    space: str
    reason: str
    by: str
    count: int
    last: str
