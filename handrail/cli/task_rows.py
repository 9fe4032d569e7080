"""Turns what the projection knows into the rows that commands give out."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from handrail.cli.output import Column
from handrail.cli.rows import EventRow, TaskRow
from handrail.ledger.explanation import why
from handrail.ledger.story import agent_of, sentence
from handrail.wire.rfc3339 import rfc3339

if TYPE_CHECKING:
    from handrail.ledger.queries import Told
    from handrail.ledger.task_state import TaskFacts

TASK_COLUMNS = (
    Column("TASK", "id"),
    Column("STATE", "state"),
    Column("REFERENCE", "reference", absent="–"),
    Column("CHANGED", "changed"),
    Column("OPEN", "open", right=True),
    Column("WHY", "reason", absent=""),
)
EVENT_COLUMNS = (Column("TIME", "time"), Column("WHAT HAPPENED", "sentence"))


def when(time_ms: int | None) -> str | None:
    """Give a time as RFC 3339; None for one that nobody knows."""
    return None if time_ms is None else rfc3339(time_ms)


def task_row(facts: "TaskFacts") -> TaskRow:
    """Give the row of a task."""
    began = facts.submitted_ms if facts.submitted_ms is not None else facts.accepted_ms
    return TaskRow(
        id=facts.task_id,
        reference=facts.reference,
        state=facts.state.value,
        submitted=when(began),
        changed=when(facts.updated_ms),
        open=facts.open,
        reason=why(facts),
        priority=facts.priority or "normal",
    )


def event_rows(events: "Sequence[Told]") -> list[EventRow]:
    """Give the rows of a task's events, in order."""
    return [
        EventRow(
            time=rfc3339(told.event.time_ms),
            task=told.event.task_id,
            event=type(told.event).__name__,
            agent=agent_of(told.event),
            sentence=sentence(told.event),
            facts=dataclasses.asdict(told.event),
        )
        for told in events
    ]
