"""Reads what stands on the topics that only the keeper writes; whatever it is, nothing raises.

What something else has written there and nobody can read says nothing of memory, but it lies over
what the keeper had written under the same key, and compaction takes that away.
"""

from dataclasses import dataclass
from typing import Final

import structlog

from handrail.errors.memory import MemoryRecordInvalid
from handrail.memory.deciding import digest_of
from handrail.memory.shelf import Place
from handrail.wire.memory import (
    APPLIED_KEY,
    FORGOTTEN_PREFIX,
    HOLD_PREFIX,
    AppliedMark,
    Command,
    StoredRecord,
)
from handrail.wire.record import Record

log = structlog.get_logger(__name__)

VERSION_HEADER, DIGEST_HEADER = "handrail-version", "handrail-digest"  #: of a tombstone
VERSION_DIGITS_MAX: Final = 18  #: what every database can hold
_HOLD: Final = HOLD_PREFIX.decode()
_FORGOTTEN: Final = FORGOTTEN_PREFIX.decode()


@dataclass(frozen=True, slots=True)
class Held:
    """A legal hold on a subject (as it stands before a key), or its end."""

    subject: str
    stands: bool


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The names of the keys of a subject that are destroyed; None: they need be known no more."""

    subject: str
    names: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class There:
    """A version that is there."""

    record: StoredRecord
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A removal; one that the keeper has not written does not say of which version."""

    place: Place
    version: int | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class Foreign:
    """Nothing that the keeper can have written, or a form that only a later version reads."""

    place: Place | None  #: over what it lies; None: over nothing that a command can be about
    why: str


Standing = AppliedMark | Held | Forgotten | There | Gone | Foreign


def read_own(record: Record, space: str) -> Standing:
    """Read one record of the topic of a space."""
    try:
        key = (record.key or b"").decode()
    except UnicodeDecodeError:
        return Foreign(None, "its key is no text")
    if key.startswith(_HOLD):
        return Held(key.removeprefix(_HOLD), stands=record.value is not None)
    is_own = record.key == APPLIED_KEY or key.startswith(_FORGOTTEN)
    place = None if is_own else Place(space, key)
    try:
        if key.startswith(_FORGOTTEN):
            names = None if record.value is None else Command.decode(record.value).keys
            return Forgotten(key.removeprefix(_FORGOTTEN), names)
        if place is None:
            return AppliedMark.decode(record.value)
        if record.value is None:
            return _gone(record, place)
        stored = StoredRecord.decode(record.value)
    except MemoryRecordInvalid as error:
        return Foreign(place, str(error.facts["detail"]))
    if (stored.space, stored.key) != place:
        return Foreign(place, f"it says that it is {stored.space[:80]} {stored.key[:80]!r}")
    if not 0 < stored.version < 10**VERSION_DIGITS_MAX:
        return Foreign(place, f"it says that it is version {stored.version}")
    return There(stored, len(record.value), digest_of(record.value))


def tell_passed_over(record: Record, foreign: Foreign) -> None:
    """Say in the log that a record is passed over, and why."""
    log.warning(
        "record of memory passed over",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        why=foreign.why,
    )


def of_removal(version: int, digest: str) -> tuple[tuple[str, bytes], ...]:
    """Give the headers of a tombstone: by them the number of the version outlives its value."""
    return ((VERSION_HEADER, str(version).encode()), (DIGEST_HEADER, digest.encode()))


def _gone(record: Record, place: Place) -> Gone:
    version = record.header(VERSION_HEADER) or b""
    if not version.isdigit() or len(version) > VERSION_DIGITS_MAX:
        return Gone(place, None, None)
    digest = (record.header(DIGEST_HEADER) or b"").decode("ascii", "replace")
    return Gone(place, int(version), digest or None)
