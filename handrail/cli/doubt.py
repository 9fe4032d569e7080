"""`handrail doubt`: steps of which nobody knows whether they happened, and what was found out."""

import asyncio
import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.person_rows import DoubtRow
from handrail.cli.place import Place, place_options
from handrail.errors import DoubtUnknown

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.ledger.event import PersonAnswered, PersonAsked
    from handrail.ledger.projection import Projection

COLUMNS = (
    Column("TASK", "task"),
    Column("STEP", "step"),
    Column("AGENT", "agent"),
    Column("ASKED", "asked"),
    Column("WHAT IS IN DOUBT", "text"),
)
TASKS_COUNT_MAX = 1_000
TAKEN_WITHIN_S = 15.0
NOT_TAKEN_YET = 6


@click.group()
def doubt() -> None:
    """Steps in doubt: list, resolve."""


@doubt.command(name="list")
@place_options
@output_option
def list_doubts(place: Place, shape: Shape) -> int:
    """List the steps of which nobody knows whether they happened."""
    rows = asyncio.run(_list(place.settings()))
    show_rows("doubts", rows, COLUMNS, shape, empty="Nothing is in doubt.")
    return 0


@doubt.command()
@click.argument("task", metavar="ID|REFERENCE")
@place_options
@click.option(
    "--happened",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="It happened; FILE holds its result as JSON.",
)
@click.option("--did-not-happen", is_flag=True, help="It did not happen; it may be tried again.")
@click.option("--step", metavar="STEP", help="Which step, if several are in doubt.")
@click.option("--by", metavar="NAME", help="Who found it out.  [default: your login]")
def resolve(
    place: Place,
    task: str,
    happened: Path | None,
    did_not_happen: bool,  # noqa: FBT001 - Click hands flags over like this
    step: str | None,
    by: str | None,
) -> int:
    """Say what became of a step in doubt, once you have found out at the other side.

    The task goes on from there. Say that it did not happen only if you are sure: it is tried again.
    """
    if (happened is None) is not did_not_happen:
        message = "Give either --happened FILE or --did-not-happen."
        raise click.UsageError(message, click.get_current_context(silent=True))
    data = None if happened is None else happened.read_bytes()
    taken = asyncio.run(_resolve(place.settings(), task, step, data, by or getpass.getuser()))
    if taken is None:
        note("It is on its way; the agent will take it once it runs.")
        return NOT_TAKEN_YET
    note(f"Taken: {inert(taken.by)} decided that {taken.decision}. The task goes on.")
    return 0


async def _list(settings: "Settings") -> list[DoubtRow]:
    from handrail.cli.projection import current_projection
    from handrail.ledger.queries import TaskFilter, tasks
    from handrail.ledger.task_state import TaskState

    async with current_projection(settings) as (projection, _):
        waiting = TaskFilter(state=TaskState.INPUT_REQUIRED)
        found = tasks(projection, waiting, TASKS_COUNT_MAX)
        return [_row(one) for facts in found for one in _open(projection, facts.task_id)]


async def _resolve(
    settings: "Settings", wanted: str, step: str | None, data: bytes | None, by: str
) -> "PersonAnswered | None":
    from handrail.cli.projection import current_projection, known_task
    from handrail.ledger.event import PersonAnswered
    from handrail.ledger.queries import events
    from handrail.runtime.clock import WallClock
    from handrail.runtime.doubts import decide, step_of
    from handrail.runtime.follow import catch_up

    async with current_projection(settings) as (projection, bus):
        facts = await known_task(settings, projection, bus, wanted)
        found = [one for one in _open(projection, facts.task_id) if step in (None, step_of(one))]
        if len(found) != 1:
            steps = ", ".join(step_of(one) for one in found)
            reason = (
                f"several are: steps {steps}; name one with --step."
                if found
                else "it waits for nothing of the kind, or for another step."
            )
            raise DoubtUnknown(wanted=wanted, reason=reason)
        (asked,) = found
        result = None if data is None else _result(settings, asked, data)
        now_ms = WallClock().now_ms()
        await decide(bus, settings.namespace, asked, result, by, now_ms)
        over_s = asyncio.get_running_loop().time() + TAKEN_WITHIN_S
        while asyncio.get_running_loop().time() < over_s:
            await catch_up(bus, settings.namespace, projection)
            for told in events(projection, facts.task_id):
                if isinstance(told.event, PersonAnswered) and told.event.request == asked.request:
                    return told.event
            await asyncio.sleep(0.2)
    return None


def _result(settings: "Settings", asked: "PersonAsked", data: bytes) -> bytes:
    """Check a result against what the tool says that it gives back, and write it as recorded."""
    from pydantic import ValidationError

    from handrail.cli.team import checked_team
    from handrail.contract.explain import invalid_in_words

    tools = {tool.name: tool for tool in checked_team(settings).description.tools}
    tool = tools.get(asked.act or "")
    if tool is None:
        note(f"{asked.act} is no tool of this project, so its result is not checked here.")
        return data
    try:
        return tool.as_record(tool.contract.returns.validate_json(data))
    except ValidationError as error:
        message = f"This is no result of {tool.name}: {invalid_in_words(error)}"
        raise click.UsageError(message, click.get_current_context(silent=True)) from error


def _open(projection: "Projection", task_id: str) -> "list[PersonAsked]":
    from handrail.ledger.queries import events
    from handrail.runtime.doubts import open_doubts

    return open_doubts(told.event for told in events(projection, task_id))


def _row(asked: "PersonAsked") -> DoubtRow:
    from handrail.runtime.doubts import step_of
    from handrail.wire.rfc3339 import rfc3339

    return DoubtRow(
        task=asked.task_id,
        step=step_of(asked),
        agent=asked.agent,
        act=asked.act,
        asked=rfc3339(asked.time_ms),
        text=asked.text,
    )
