"""`handrail show`: the story of one task, from the ledger."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    if money := money_in_words(facts, [one.event for one in told]):
        note(inert(money))
    show_rows("story", rows, EVENT_COLUMNS, shape, empty="Nothing has happened yet.")


def money_in_words(facts: "TaskFacts", events: "Sequence[object]") -> str:
    """Say what a task has cost, what people have given it, and what was left; else nothing.

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
    return " ".join([*said, *_raised_in_words(events), *warned])


def _raised_in_words(events: "Iterable[object]") -> list[str]:
    """Say by how much people have raised the budget of a task, and who has not."""
    from handrail.ledger.event import PersonAnswered, PersonAsked, RequestKind
    from handrail.rails.budget import in_words

    asked: set[str] = set()
    given: dict[str, int] = {}
    for event in events:
        if isinstance(event, PersonAsked) and event.kind is RequestKind.BUDGET:
            asked.add(event.request)
        elif isinstance(event, PersonAnswered) and event.request in asked:
            asked.discard(event.request)
            micros = _amount_of(event.decision)
            if micros is not None:  # else nobody has decided: it was closed
                given[event.by] = given.get(event.by, 0) + micros
    said = [f"{by} has not raised its budget." for by, micros in given.items() if not micros]
    if total := sum(given.values()):
        each = ", ".join(f"{by} by {in_words(micros)}" for by, micros in given.items() if micros)
        said.insert(0, f"People have raised its budget by {in_words(total)}: {each}.")
    return said


def _amount_of(decision: str) -> int | None:
    from handrail.rails.budget import micros_of

    try:
        return micros_of(float(decision))
    except (ValueError, OverflowError):
        return None
