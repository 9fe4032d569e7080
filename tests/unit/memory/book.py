"""A book of memory for tests of plans: it takes commands as a keeper does and keeps versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from handrail.contract.memory import RULES, MemoryClass
from handrail.memory.changes import Planner, Rules
from handrail.wire.memory import Command, Op, StoredRecord, full_key

SPACES: Rules = {
    "facts": RULES[MemoryClass.FACT],
    "tastes": RULES[MemoryClass.PREFERENCE],
    "decisions": RULES[MemoryClass.DECISION],
    "working": RULES[MemoryClass.WORKING],
}


def planner(
    *, now_ms: int = 10_000, rules: Rules = SPACES, forgotten: frozenset[str] = frozenset()
) -> Planner:
    return Planner(
        by="person:ada",
        reason="a test",
        rules=rules,
        now_ms=now_ms,
        opens=lambda record: record.value not in forgotten,
    )


@dataclass
class Book:
    """Present records, and every version there ever was."""

    now: dict[tuple[str, str], StoredRecord] = field(default_factory=dict)
    versions: list[StoredRecord] = field(default_factory=list)
    conflicts: int = 0

    def take(self, command: Command, *, task: str = "", message: str = "", **more: object) -> None:
        """Apply a command if what it expects is so."""
        place = (command.space, command.key)
        present = self.now.get(place)
        if command.expect is not None and command.expect != (present.version if present else 0):
            self.conflicts += 1
            return
        before = self.versions and [v for v in self.versions if (v.space, v.key) == place]
        removed = command.op is Op.REMOVE
        keeps = command.op is not Op.PUT and present is not None
        facts: dict[str, object] = {
            "space": command.space,
            "key": command.key,
            "version": (before[-1].version if before else 0) + 1,
            "type_name": "fact.v1",
            "value": present.value if keeps and present and not removed else command.value,
            "applied": len(self.versions),
            "written_ms": len(self.versions),
            "agent": command.by,
            "task_id": task,
            "message_id": message,
            "sealed": command.sealed,
            "derived_from": command.derived_from,
            "rollback_of": command.rollback_of,
            "builds_on": command.builds_on,
            "flagged": command.reason if command.op is Op.FLAG else None,
            "previous": "digest" if before else None,
            "removed": removed,
        }
        record = StoredRecord(**(facts | more))
        self.versions.append(record)
        if removed:
            self.now.pop(place, None)
        else:
            self.now[place] = record

    def put(self, where: str, value: object, **more: object) -> StoredRecord:
        """Put a value under `space/key`; more are facts of the version."""
        space, _, key = where.partition("/")
        subject = more.pop("subject", None)
        derived = tuple(more.pop("derived_from", ()))
        command = Command(
            op=Op.PUT,
            space=space,
            key=full_key("acme", key, subject=subject if isinstance(subject, str) else None),
            by=str(more.pop("by", "clerk")),
            value=value,
            derived_from=derived,
        )
        self.take(command, **more)
        return self.versions[-1]

    def read(self) -> Mapping[tuple[str, str], object]:
        """Give what a reader would be given."""
        return {place: record.value for place, record in self.now.items()}
