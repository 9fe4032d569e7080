"""What an undo, a retraction or a forgetting is about to do, before anything is done.

A plan is a value: commands that each name the version they change, and what stays as it is and why.
Carried out after somebody else has written, a command is a conflict and changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from handrail.contract.memory import ClassRules
from handrail.wire.memory import Command, Op, StoredRecord, key_in_words

RESTORES: Final = "restores version {version}"
REMOVES: Final = "removes it"
FLAGS: Final = "marks it as not to be trusted"

#: Space → what its class allows. A space that is declared no more is not in it.
Rules = Mapping[str, ClassRules]
Opens = Callable[[StoredRecord], bool]  #: whether the value of a version can still be read


@dataclass(frozen=True, slots=True)
class Change:
    """One record that a plan changes."""

    space: str
    key: str  #: as it stands in topics
    version: int  #: the present one
    does: str  #: in words
    command: Command


@dataclass(frozen=True, slots=True)
class Left:
    """One record that a plan leaves as it is, and why."""

    space: str
    key: str
    version: int
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it, in the order of spaces and keys."""

    changes: tuple[Change, ...]
    left: tuple[Left, ...]

    @property
    def is_empty(self) -> bool:
        """Say that nothing would change."""
        return not self.changes


@dataclass(frozen=True, slots=True)
class Planner:
    """What every plan of one person needs to know."""

    by: str  #: `person:NAME`
    reason: str
    rules: Rules
    now_ms: int
    opens: Opens

    def restore(self, current: StoredRecord, before: StoredRecord) -> Change:
        """Write an earlier version once more, in place of the present one."""
        command = Command(
            op=Op.PUT,
            space=before.space,
            key=before.key,
            by=self.by,
            type_name=before.type_name,
            value=before.value,
            sealed=before.sealed,
            expect=0 if current.removed else current.version,
            derived_from=before.derived_from,
            confidence=before.confidence,
            observed_ms=before.observed_ms,
            rollback_of=current.version,
            builds_on=before.version,
            expires_ms=before.expires_ms,
            label=before.label,
            quarantined=before.quarantined,
            flagged=before.flagged,
            reason=self.reason,
        )
        does = RESTORES.format(version=before.version)
        return Change(current.space, current.key, current.version, does, command)

    def remove(self, current: StoredRecord) -> Change:
        """Take a record away."""
        return self._change(current, Op.REMOVE, REMOVES)

    def flag(self, current: StoredRecord) -> Change:
        """Keep a record and say that it should not be trusted."""
        return self._change(current, Op.FLAG, FLAGS)

    def _change(self, current: StoredRecord, op: Op, does: str) -> Change:
        command = Command(
            op=op,
            space=current.space,
            key=current.key,
            by=self.by,
            expect=current.version,
            rollback_of=current.version if op is Op.REMOVE else None,
            reason=self.reason,
        )
        return Change(current.space, current.key, current.version, does, command)

    def expired(self, record: StoredRecord) -> bool:
        """Say whether nobody would be given this version now."""
        return record.expires_ms is not None and record.expires_ms <= self.now_ms


def left(record: StoredRecord, why: str) -> Left:
    """Leave a record as it is."""
    return Left(record.space, record.key, record.version, why)


def plan_of(found: list[Change | Left]) -> Plan:
    """Put what was found in the order in which people read it."""
    changes = [one for one in found if isinstance(one, Change)]
    others = [one for one in found if isinstance(one, Left)]
    return Plan(
        tuple(sorted(changes, key=lambda one: (one.space, key_in_words(one.key), one.key))),
        tuple(sorted(others, key=lambda one: (one.space, key_in_words(one.key), one.key))),
    )
