"""`handrail show`: the story of one task, from the ledger."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Shape, note, output_option, show_rows
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from handrail.bus.settings import Settings
    from handrail.ledger.task_state import TaskFacts


@click.command()
@click.argument("task", metavar="ID|REFERENCE")
@place_options
@output_option
def show(place: Place, task: str, shape: Shape) -> int:
    """Tell what happened to a task, one sentence an event. TASK is an id or a reference."""
    asyncio.run(_show(place.settings(), task, shape))
    return 0


async def _show(settings: "Settings", wanted: str, shape: Shape) -> None:
    from handrail.cli.projection import current_projection, known_task
    from handrail.cli.task_rows import EVENT_COLUMNS, event_rows, task_row
    from handrail.ledger.queries import asked_first, events

    async with current_projection(settings) as (projection, bus):
        facts = await known_task(settings, projection, bus, wanted)
        told = asked_first(events(projection, facts.task_id))
    rows = event_rows(told)
    row = task_row(facts)
    urgent = f", {row.priority} priority" if row.priority != "normal" else ""
    note(f"Task {row.id}{f' ({row.reference})' if row.reference else ''}: {row.state}{urgent}.")
    note(row.reason or "")
    if money := money_in_words(facts, (one.event for one in told)):
        note(money)
    show_rows("story", rows, EVENT_COLUMNS, shape, empty="Nothing has happened yet.")


def money_in_words(facts: "TaskFacts", events: "Iterable[object]") -> str:
    """Say what a task has cost, and what was left when most of its budget was used; else nothing.

    The ledger does not keep the budget that a task was given, before most of it is used.
    """
    from handrail.ledger.rail_event import BudgetWarned
    from handrail.rails.budget import in_words

    said: list[str] = []
    if facts.cost_micros or facts.cost_unknown:
        more = ", and calls whose price nobody knows" if facts.cost_unknown else ""
        said.append(f"It has cost {in_words(facts.cost_micros)}{more}.")
    warned: list[str] = []
    for event in events:
        if isinstance(event, BudgetWarned):
            left, limit = in_words(event.left_micros), in_words(event.limit_micros)
            warned = [f"Of a budget of {limit}, {event.agent} has told that {left} is left."]
    return " ".join([*said, *warned])
