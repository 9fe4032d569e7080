"""Records of memory as commands show them."""

from typing import TYPE_CHECKING

from handrail.cli.output import Column, inert
from handrail.cli.remembered_rows import MemoryRow

if TYPE_CHECKING:
    from handrail.runtime.memory_acts import OnMemory
    from handrail.wire.memory import StoredRecord

VERSIONS = (
    Column("KEY", "key"),
    Column("VERSION", "version", right=True),
    Column("WRITTEN", "written"),
    Column("BY", "by"),
    Column("TASK", "task", absent="–"),
    Column("STATE", "state"),
    Column("VALUE", "value", absent="–"),
    Column("WHY", "reason", absent=""),
)


def memory_row(
    stored: "StoredRecord", memory: "OnMemory", *, present: bool, score: float | None = None
) -> MemoryRow:
    """Give one version, its value in the clear if anybody can still read it."""
    from handrail.errors import SealBroken
    from handrail.memory.sealing import opened
    from handrail.wire.memory import key_in_words
    from handrail.wire.rfc3339 import rfc3339

    try:
        clear = opened(stored, memory.keys)
        lost = "forgotten"
    except SealBroken:
        clear, lost = None, "cannot be opened"
    return MemoryRow(
        space=stored.space,
        key=key_in_words(stored.key),
        version=stored.version,
        value=None if clear is None else clear.value,
        state=lost if clear is None else _state(stored, present=present),
        by=stored.agent,
        task=stored.task_id or None,
        message=stored.message_id or None,
        written=rfc3339(stored.written_ms),
        expires=None if stored.expires_ms is None else rfc3339(stored.expires_ms),
        derived_from=list(stored.derived_from),
        confidence=stored.confidence,
        label=stored.label,
        tool=stored.tool_call or None,
        model=stored.model or None,
        takes_back=stored.rollback_of,
        reason=_reason(stored),
        score=score,
    )


def shown_value(value: object) -> str:
    """Give a value for a person: texts as they are, the rest as JSON."""
    import orjson

    if isinstance(value, str):
        return inert(value)
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _reason(stored: "StoredRecord") -> str | None:
    # A removal of before reasons had a place of their own has it where others say their mark.
    return stored.reason or (stored.flagged if stored.removed else None) or None


def _state(stored: "StoredRecord", *, present: bool) -> str:
    if stored.removed:
        return "removed"
    if stored.quarantined:
        return "quarantined"
    if stored.flagged is not None:
        return f"flagged: {stored.flagged}"
    return "present" if present else "earlier"
