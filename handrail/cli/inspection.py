"""Looks into one topic: partitions, the messages it carries, its last records."""

from typing import TYPE_CHECKING

import orjson

from handrail.cli.broker import connected
from handrail.cli.output import Shape, note, show_rows
from handrail.cli.records import COLUMNS, line_of, record_row
from handrail.errors import HandrailError, ProjectNotFound, TopicUnknown
from handrail.wire.record import Record, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings


async def inspect_topic(settings: "Settings", topic: str, last: int, shape: Shape) -> None:
    """Show what is known of a topic, and its last records."""
    async with connected(settings) as bus:
        name = await full_name(settings, bus, topic)
        offsets = await bus.admin.offsets(name)
        records = await last_records(bus, name, offsets, last)
    if shape is Shape.TABLE:
        _say_schema(settings, name.removeprefix(f"{settings.namespace}."))
        ends = ", ".join(f"{p}: {first}–{end}" for p, (first, end) in sorted(offsets.items()))
        note(f"{name} has {len(offsets)} partitions, with offsets {ends}.")
    rows = [record_row(record) for record in records]
    if shape is Shape.TABLE and rows:
        for row in rows:
            print_line(line_of(row))
        return
    show_rows("records", rows, COLUMNS, shape, empty="There is no record on it.")


def print_line(line: str) -> None:
    """Write one line of data."""
    import click

    click.echo(line)


async def full_name(settings: "Settings", bus: "Bus", topic: str) -> str:
    """Give the broker's name of a topic, with or without the namespace; raises TopicUnknown."""
    there = await bus.admin.topics()
    for name in (f"{settings.namespace}.{topic}", topic):
        if name in there:
            return name
    own = f"{settings.namespace}."
    known = sorted(name.removeprefix(own) for name in there if name.startswith(own))
    raise TopicUnknown(wanted=topic, known=", ".join(known) or "none yet")


async def last_records(
    bus: "Bus", topic: str, offsets: "Mapping[int, tuple[int, int]]", count: int
) -> list[Record]:
    """Give the newest records of a topic, oldest of them first.

    Each partition is read from so far back that transaction markers, which take up offsets, are
    made up for; a compacted topic may give fewer.
    """
    found: list[Record] = []
    for partition, (first, end) in offsets.items():
        start = max(first, end - 3 * count)
        where = TopicPartition(topic, partition)
        if start < end:
            found += [record async for record in bus.fetch(where, start, end)]
    found.sort(key=lambda record: (record.timestamp_ms, record.partition, record.offset))
    return found[-count:] if count > 0 else []


def _say_schema(settings: "Settings", topic: str) -> None:
    """Show which messages the team declares for a topic, if there is a team here."""
    from handrail.cli.team import loaded_team

    try:
        declared = loaded_team(settings).topics.get(topic)
    except ProjectNotFound:
        return
    except HandrailError as error:
        note(f"{error.what} The topic is shown without its messages.")
        return
    if declared is None:
        return
    for name, model in declared.models.items():
        schema = orjson.dumps(model.adapter.json_schema(), option=orjson.OPT_INDENT_2).decode()
        note(f"It carries {name}:\n{schema}")
