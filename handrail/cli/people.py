"""`handrail people` and `handrail answer`: what waits for a person, and what people answer."""

import asyncio
import getpass
from typing import TYPE_CHECKING

import click

from handrail.cli.message import given_value
from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.person_rows import RequestRow
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.ledger.event import PersonAsked
    from handrail.ledger.projection import Projection
    from handrail.runtime.people import Answered

COLUMNS = (
    Column("TASK", "task"),
    Column("STEP", "step"),
    Column("KIND", "kind"),
    Column("AGENT", "agent"),
    Column("ASKED", "asked"),
    Column("BY", "by"),
    Column("UNTIL", "expires", absent="it is decided"),
    Column("QUESTION", "text"),
    Column("ACT", "act", absent="–"),
    Column("REASON", "reason", absent="–"),
    Column("FOR THE TASK", "for_task", absent="–"),
    Column("ANSWER WITH", "command"),
    Column("OR WITH", "otherwise", absent="–"),
)
TASKS_COUNT_MAX = 1_000
NOT_TAKEN_YET = 6
SOMEBODY_WAS_FIRST = 5


@click.command()
@place_options
@output_option
def people(place: Place, shape: Shape) -> int:
    """List everything that waits for a person, and the command of each way to go on with it."""
    rows = asyncio.run(_list(place.settings()))
    show_rows("requests", rows, COLUMNS, shape, empty="Nothing waits for a person.")
    return 0


@click.command()
@click.argument("task", metavar="ID|REFERENCE")
@click.argument("value", metavar="VALUE|-")
@place_options
@click.option("--step", metavar="STEP", help="Which question, if the task asks several.")
@click.option("--by", metavar="NAME", help="Who answers.  [default: your login]")
def answer(place: Place, task: str, value: str, step: str | None, by: str | None) -> int:
    """Answer what a task asks of a person; the task goes on with it.

    VALUE is plain text, or JSON where the question wants more than text; - reads it from the
    standard input. What is no answer is refused in words, and nothing is sent. The first answer
    that the agent records counts; what it took is what is shown.
    """
    text = given_value(value)
    taken = asyncio.run(_answer(place.settings(), task, step, text, by or getpass.getuser()))
    if taken is None:
        note("It is on its way; the agent will take it once it runs.")
        return NOT_TAKEN_YET
    if not taken.is_ours:
        note(f"{inert(taken.by)} was first: {inert(_shown(taken.value))}. Your answer is not used.")
        return SOMEBODY_WAS_FIRST
    note(f"Taken: {inert(_shown(taken.value))}, by {inert(taken.by)}. The task goes on.")
    return 0


async def _list(settings: "Settings") -> list[RequestRow]:
    from handrail.cli.projection import current_projection
    from handrail.ledger.queries import TaskFilter, tasks
    from handrail.ledger.task_state import TaskState

    async with current_projection(settings) as (projection, _):
        waiting = [
            facts
            for state in (TaskState.AUTH_REQUIRED, TaskState.INPUT_REQUIRED)
            for facts in tasks(projection, TaskFilter(state=state), TASKS_COUNT_MAX)
        ]
        return [row_of(one) for facts in waiting for one in _open(projection, facts.task_id)]


async def _answer(
    settings: "Settings", wanted: str, step: str | None, text: str, by: str
) -> "Answered | None":
    from handrail.cli.projection import current_projection, known_task
    from handrail.runtime.clock import WallClock
    from handrail.runtime.people import checked_text, give_answer, one_request, taken

    async with current_projection(settings) as (projection, bus):
        facts = await known_task(settings, projection, bus, wanted)
        request = await one_request(bus, settings.namespace, facts, step)
        data, now_ms = checked_text(request, text), WallClock().now_ms()
        given = await give_answer(bus, settings.namespace, request, data, by, now_ms)
        return await taken(bus, settings.namespace, given)


def _open(projection: "Projection", task_id: str) -> "list[PersonAsked]":
    from handrail.ledger.event import PersonAnswered, PersonAsked
    from handrail.ledger.queries import events

    found: dict[str, PersonAsked] = {}
    for told in events(projection, task_id):
        if isinstance(told.event, PersonAsked):
            found[told.event.request] = told.event
        elif isinstance(told.event, PersonAnswered):
            found.pop(told.event.request, None)
    return list(found.values())


def row_of(asked: "PersonAsked") -> RequestRow:
    """Show a request with who may decide it, and each way to go on as a line to paste."""
    from handrail.contract.for_task import like_in_words
    from handrail.ledger.event import RequestKind
    from handrail.runtime.people import step_of
    from handrail.wire.rfc3339 import rfc3339

    step = step_of(asked.request)
    place = f"{asked.task_id} --step {step}"
    commands: dict[RequestKind, tuple[str, str | None]] = {
        RequestKind.DOUBT: (
            f"handrail doubt resolve {place} --happened FILE",
            f"handrail doubt resolve {place} --did-not-happen",
        ),
        RequestKind.APPROVAL: (f"handrail approve {place}", f"handrail deny {place}"),
        RequestKind.BUDGET: (
            f"handrail answer {asked.task_id} AMOUNT --step {step}",
            f"handrail answer {asked.task_id} 0 --step {step}",
        ),
    }
    question = f"handrail answer {asked.task_id} VALUE --step {step}", None
    command, otherwise = commands.get(asked.kind, question)
    return RequestRow(
        task=asked.task_id,
        step=step,
        kind=asked.kind.value,
        agent=asked.agent,
        asked=rfc3339(asked.time_ms),
        expires=None if asked.expires_ms is None else rfc3339(asked.expires_ms),
        text=asked.text,
        command=command,
        by=asked.decides or "anyone",
        otherwise=otherwise,
        act=asked.call,
        reason=asked.because,
        free=None if asked.free is None else [*asked.free],
        for_task=None if asked.free is None else f"further calls {like_in_words(asked.free)}",
    )


def _shown(value: object) -> str:
    import orjson

    return value if isinstance(value, str) else orjson.dumps(value).decode()
