"""How a task ended, and what came out: its state from the projection, its result from the topic."""

from typing import TYPE_CHECKING

import click
import orjson

from handrail.cli.output import Column, Shape, inert, note, show_rows
from handrail.cli.rows import ResultRow

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings
    from handrail.errors import TaskFailed
    from handrail.ledger.task_state import TaskFacts
    from handrail.wire.record import Record

COLUMNS = (Column("TASK", "task"), Column("STATE", "state"), Column("RESULT", "result"))
#: A field of a result that is its text for people, written as it is instead of as JSON.
TEXT_FIELDS = ("markdown", "text")

OK, FAILED, STILL_RUNNING, WAITING_FOR_PERSON = 0, 1, 6, 7


def exit_code_of(facts: "TaskFacts") -> int:
    """Give the exit code that says how a task stands."""
    from handrail.ledger.task_state import TaskState

    match facts.state:
        case TaskState.COMPLETED:
            return OK
        case TaskState.AUTH_REQUIRED | TaskState.INPUT_REQUIRED:
            return WAITING_FOR_PERSON
        case TaskState.SUBMITTED | TaskState.WORKING:
            return STILL_RUNNING
        case _:
            return FAILED


def failure_of(facts: "TaskFacts") -> "TaskFailed | None":
    """Give the failure of a task whose work has failed; None for any other."""
    from handrail.errors import TaskCanceled, TaskFailed, TaskRejected
    from handrail.ledger.explanation import why
    from handrail.ledger.task_state import TaskState

    kinds = {
        TaskState.FAILED: TaskFailed,
        TaskState.REJECTED: TaskRejected,
        TaskState.CANCELED: TaskCanceled,
    }
    kind = kinds.get(facts.state)
    return None if kind is None else kind(task=facts.task_id, reason=inert(why(facts)))


async def show_outcome(settings: "Settings", bus: "Bus", facts: "TaskFacts", shape: Shape) -> int:
    """Write the result alone to standard output, everything else beside it; give the exit code.

    As a table, a result that holds a text for people is written as that text.
    """
    from handrail.cli.records import readable, value_of
    from handrail.ledger.explanation import why

    record = await result_record(settings, bus, facts)
    value = None if record is None else value_of(record.value)
    row = ResultRow(
        task=facts.task_id,
        reference=facts.reference,
        state=facts.state.value,
        type=None if record is None else readable(record.header("ce_type")),
        result=value,
        reason=why(facts),
    )
    if shape is not Shape.TABLE:
        show_rows("result", [row], COLUMNS, shape, empty="")
    elif record is not None:
        click.echo(for_people(value))
    return say_end(facts, shape)


def say_end(facts: "TaskFacts", shape: Shape) -> int:
    """Say how a task stands, a failure in the form of all failures; give the exit code."""
    from handrail.cli.failure import report
    from handrail.ledger.explanation import why

    failure = failure_of(facts)
    if failure is not None:
        return report(failure)
    if shape is Shape.TABLE:
        note(f"Task {facts.task_id}: {inert(why(facts))}")
    return exit_code_of(facts)


def for_people(value: object) -> str:
    """Give a result as a person reads it: its text if it has one, else JSON."""
    if isinstance(value, dict):
        for name in TEXT_FIELDS:
            text = value.get(name)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            if isinstance(text, str):
                return "\n".join(inert(line) for line in text.rstrip().splitlines())
    if isinstance(value, str):
        return "\n".join(inert(line) for line in value.rstrip().splitlines())
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


async def result_record(settings: "Settings", bus: "Bus", facts: "TaskFacts") -> "Record | None":
    """Find the last result of a task on its topic; None when it has brought none forth."""
    from handrail.ledger.task_record import RESULTS, result_key
    from handrail.wire.record import TopicPartition

    if not facts.results or facts.result_id is None:
        return None
    topic, key = f"{settings.namespace}.{RESULTS}", result_key(facts)
    where = TopicPartition(topic, await bus.partition_of(topic, key))
    began_ms = facts.accepted_ms if facts.accepted_ms is not None else 0
    start = await bus.offset_at(where, began_ms)
    found: Record | None = None
    async for record in bus.fetch(where, start, await bus.end_offset(where)):
        if record.key == key and record.header("ce_id") == facts.result_id.encode():
            found = record
    return found
