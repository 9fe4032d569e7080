"""`handrail topics`: what topics the team needs, what is on them, and how they are made."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from handrail.cli.numbers import COUNT
from handrail.cli.output import Column, Shape, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import PlanRow, TopicRow
from handrail.errors import BrokerUnreachable

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.runtime.topics import Difference, NeededTopic

COLUMNS = (
    Column("TOPIC", "name"),
    Column("FOR", "purpose"),
    Column("KEY", "key"),
    Column("PARTITIONS", "partitions", right=True),
    Column("KEPT", "cleanup"),
    Column("STATE", "state"),
)
PLAN_COLUMNS = (Column("CHANGE", "change"), Column("TOPIC", "topic"), Column("WHAT", "what"))


@click.group()
def topics() -> None:
    """The topics of the team: list, inspect, plan, apply."""


@topics.command(name="list")
@place_options
@output_option
def list_topics(place: Place, shape: Shape) -> int:
    """List every topic the team needs, what it is for, and whether the broker has it so."""
    rows = asyncio.run(_list(place.settings()))
    show_rows("topics", rows, COLUMNS, shape, empty="This team needs no topics.")
    return 0


@topics.command()
@place_options
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["table", "json", "jsonl", "sh"]),
    default="table",
    show_default=True,
    help="How the plan is written; sh gives the commands for Kafka's own tools.",
)
def plan(place: Place, form: str) -> int:
    """Say how the broker's topics differ from what the team needs; change nothing."""
    from handrail.cli.broker import bootstrap_of

    settings = place.settings()
    differences = asyncio.run(_plan(settings))
    rows = _plan_rows(differences, bootstrap_of(settings))
    if form == "sh":
        for row in rows:
            click.echo(row.command)
        return 0
    show_rows("plan", rows, PLAN_COLUMNS, Shape(form), empty="Every topic is as it should be.")
    return 0


@topics.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@place_options
@output_option
def apply(place: Place, file: Path | None, shape: Shape) -> int:
    """Make the topics as the team needs them. Partition counts are never changed.

    FILE is a file of agents that stands alone; left out, the team of the project is meant.
    """
    from handrail.cli.broker import bootstrap_of

    settings = place.settings()
    done = asyncio.run(_apply(settings, file))
    rows = _plan_rows(done, bootstrap_of(settings))
    show_rows("plan", rows, PLAN_COLUMNS, shape, empty="Every topic was as it should be already.")
    if rows and shape is Shape.TABLE:
        note(f"{len(rows)} changes were made.")
    return 0


@topics.command()
@click.argument("topic")
@place_options
@click.option(
    "-n", "--last", type=COUNT, default=10, show_default=True, help="At most so many records."
)
@output_option
def inspect(place: Place, topic: str, last: int, shape: Shape) -> int:
    """Show a topic's partitions, the messages it carries, and its last records."""
    from handrail.cli.inspection import inspect_topic

    asyncio.run(inspect_topic(place.settings(), topic, last, shape))
    return 0


def topics_of(settings: "Settings", file: Path | None = None) -> "list[NeededTopic]":
    """Give the topics that the team of a project, or of one file, needs."""
    from handrail.cli.team import checked_team, layout_of
    from handrail.runtime.topics import needed

    return needed(checked_team(settings, file).description, layout_of(settings))


async def _plan(settings: "Settings") -> "list[Difference]":
    from handrail.cli.broker import connected
    from handrail.runtime.topics import plan as make_plan

    wanted = topics_of(settings)
    async with connected(settings) as bus:
        return await make_plan(bus.admin, wanted)


async def _apply(settings: "Settings", file: Path | None) -> "list[Difference]":
    from handrail.cli.broker import connected
    from handrail.runtime.topics import apply as make_so

    wanted = topics_of(settings, file)
    async with connected(settings) as bus:
        return await make_so(bus.admin, wanted)


async def _list(settings: "Settings") -> list[TopicRow]:
    wanted = topics_of(settings)
    states: dict[str, str] = {}
    try:
        for difference in await _plan(settings):
            is_missing = difference.change in ("create", "waits")
            states[difference.topic] = "missing" if is_missing else "differs"
        known = "as planned"
    except BrokerUnreachable as error:
        note(f"{error.what} The topics are listed from the team's files alone.")
        known = "unknown"
    return [
        TopicRow(
            name=topic.spec.name,
            purpose=topic.purpose,
            key=topic.key,
            partitions=topic.spec.partitions,
            cleanup=topic.cleanup,
            state=states.get(topic.spec.name, known),
        )
        for topic in wanted
    ]


def _plan_rows(differences: "list[Difference]", bootstrap: str) -> list[PlanRow]:
    from handrail.runtime.topics import shell_command

    return [
        PlanRow(one.topic, one.sentence, one.change.value, shell_command(one, bootstrap))
        for one in differences
    ]
