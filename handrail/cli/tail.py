"""`handrail tail`: messages as they come, of one topic or of one task."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Shape, note, output_option, show_line
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings
    from handrail.wire.record import Record, TopicPartition

POLL_S = 0.5
BESIDE = ("answers", "journal")  #: topics of the engine whose records are no messages


@click.command()
@click.argument("topic", required=False)
@place_options
@click.option(
    "--task", metavar="ID", help="Only messages of this task, on every topic of the team."
)
@click.option(
    "-n",
    "--last",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Begin so many records back.",
)
@output_option
def tail(place: Place, topic: str | None, task: str | None, last: int, shape: Shape) -> int:
    """Show messages of a topic, or of a task, as they come, until Ctrl-C."""
    if (topic is None) == (task is None):
        message = "Name either a TOPIC or a task with --task ID."
        raise click.UsageError(message, click.get_current_context())
    asyncio.run(_tail(place.settings(), topic, task, last, shape))
    return 0


async def _tail(
    settings: "Settings", topic: str | None, task: str | None, last: int, shape: Shape
) -> None:
    from handrail.cli.broker import connected
    from handrail.cli.inspection import full_name, last_records

    async with connected(settings) as bus:
        if topic is not None:
            names = [await full_name(settings, bus, topic)]
        else:
            names = _of_messages(settings, list(await bus.admin.topics()))
        wanted = None if task is None else await _task_id(settings, task)
        positions: dict[TopicPartition, int] = {}
        before: list[Record] = []
        for name in names:
            offsets = await bus.admin.offsets(name)
            positions |= _ends(name, offsets)
            before += await last_records(bus, name, offsets, last if wanted is None else 10_000)
        for record in sorted(before, key=lambda record: record.timestamp_ms):
            _show(record, wanted, shape)
        await _follow(bus, positions, wanted, shape)


async def _follow(
    bus: "Bus", positions: "dict[TopicPartition, int]", wanted: str | None, shape: Shape
) -> None:
    reader = await bus.tail(positions)
    try:
        if shape is Shape.TABLE:
            note("Waiting for more; Ctrl-C ends.")
        while True:
            for record in await reader.poll(timeout_s=POLL_S):
                _show(record, wanted, shape)
    finally:
        await reader.close()


def _show(record: "Record", wanted: str | None, shape: Shape) -> None:
    from handrail.cli.records import line_of, readable, record_row

    if wanted is not None and readable(record.header("ce_taskid")) != wanted:
        return
    row = record_row(record)
    if shape is Shape.TABLE:
        click.echo(line_of(row))
    else:
        show_line(row)


def _ends(topic: str, offsets: "Mapping[int, tuple[int, int]]") -> "dict[TopicPartition, int]":
    from handrail.wire.record import TopicPartition

    return {TopicPartition(topic, partition): end for partition, (_, end) in offsets.items()}


def _of_messages(settings: "Settings", there: list[str]) -> list[str]:
    own = f"{settings.namespace}."
    skipped = ("ledger", "tasks", "control", "blobs")
    return sorted(
        name
        for name in there
        if name.startswith(own)
        and name.removeprefix(own) not in skipped
        and name.rpartition(".")[2] not in BESIDE
    )


async def _task_id(settings: "Settings", wanted: str) -> str:
    from handrail.cli.projection import current_projection, known_task

    async with current_projection(settings) as (projection, bus):
        return (await known_task(settings, projection, bus, wanted)).task_id
