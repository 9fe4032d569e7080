"""`handrail submit`: gives the team a task, and waits for its result when asked to."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.interrupted import run_until_interrupted
from handrail.cli.output import Shape, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import SentRow

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.contract.topic import Topic

UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType):
    """A time span such as 90s, 10m, 2h or 7d; a bare number counts seconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Give it in seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value).strip())
        if match is None or float(match[1]) == 0:
            self.fail(f"{value!r} is no time span; write 90s, 10m, 2h or 7d.", param, ctx)
        return float(match[1]) * UNITS_S[match[2]]


@dataclass(frozen=True, slots=True)
class Submission:
    """A task as it is to be submitted."""

    topic: "Topic[Any, Any]"
    message: Any
    reference: str | None
    deadline_s: float | None
    priority: str = "normal"
    budget: str | None = None
    asked_by: str | None = None  #: None: whoever runs the command


budget_option = click.option(
    "--budget",
    metavar="AMOUNT",
    help="What it may spend on models and on tools with a cost: 0.50.",
)
as_option = click.option(
    "--as",
    "asked_by",
    metavar="NAME",
    help="On whose behalf: their rights count; it is believed.  [default: your login]",
)


@click.command()
@click.argument("text", required=False)
@place_options
@click.option("-f", "--file", metavar="FILE", help="Read it from a file; - is standard input.")
@click.option(
    "--docs",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Answer from the documents of this folder; it is registered as a collection first.",
)
@click.option("--collection", metavar="NAME", help="Answer from this collection of documents.")
@click.option("--wait", is_flag=True, help="Follow the task and write its result.")
@click.option("--deadline", type=Duration(), metavar="TIME", help="How long it may take: 10m, 2h.")
@click.option("--reference", metavar="TEXT", help="Your own name; the same one is the same task.")
@click.option(
    "--priority",
    type=click.Choice(["normal", "high"]),
    default="normal",
    show_default=True,
    help="Whether it passes others by, on topics with priorities=True.",
)
@budget_option
@as_option
@output_option
def submit(place: Place, **given: Any) -> int:  # noqa: ANN401  # the options above
    """Give the team a task: TEXT, a file, or standard input.

    What is given becomes the message of the team's intake: plain text where that is enough, else
    JSON. Without --wait the task's id is written and nothing is waited for.
    """
    from handrail.cli.documents import register
    from handrail.cli.message import given_text, intake_of, message_of
    from handrail.cli.team import checked_team

    settings = place.settings()
    topic = intake_of(checked_team(settings).description)
    text = given_text(given["text"], given["file"], "submit")
    collection = given["collection"]
    if given["docs"] is not None:
        collection = register(settings, given["docs"], collection)
    extra = {"collection": collection} if collection is not None else {}
    task = Submission(
        topic,
        message_of(topic, text, extra),
        given["reference"],
        given["deadline"],
        given["priority"],
        given["budget"],
        given["asked_by"],
    )
    if task.priority == "high" and not topic.priorities:
        note(
            f"Topic {topic.name} has one inbox only, so this task waits its turn there; topics"
            " that declare priorities=True serve it first."
        )
    return run_submission(settings, task, wait=given["wait"], shape=given["shape"])


def run_submission(settings: "Settings", task: Submission, *, wait: bool, shape: Shape) -> int:
    """Submit a task; with `wait`, follow it to its end and write its result. Give the exit code."""
    sent: list[SentRow] = []
    try:
        return run_until_interrupted(_submit(settings, task, sent, wait=wait, shape=shape))
    except KeyboardInterrupt:
        if not sent:
            raise
        from handrail.cli.watch import detached

        return detached(sent[0].task)


async def _submit(
    settings: "Settings", task: Submission, sent: list[SentRow], *, wait: bool, shape: Shape
) -> int:
    row = await send_task(settings, task)
    sent.append(row)
    if not wait:
        show_sent(row, shape)
        return 0
    note(f"Task {row.task}. Ctrl-C stops waiting, not the task.")
    return await wait_for(settings, row.task, shape)


async def send_task(settings: "Settings", task: Submission) -> SentRow:
    """Submit a task; returns once the broker has it."""
    from handrail.cli.broker import connected
    from handrail.runtime.client import Client
    from handrail.runtime.submitting import known_priority

    folder, namespace, asked_by = settings.project_dir, settings.namespace, task.asked_by
    async with (
        connected(settings) as bus,
        Client(folder, bus=bus, namespace=namespace, asked_by=asked_by) as client,
    ):
        handle = await client.submit(
            task.topic,
            task.message,
            reference=task.reference,
            deadline_s=task.deadline_s,
            priority=known_priority(task.priority),
            budget=task.budget,
        )
        urgent = task.priority == "high"
        inbox = task.topic.inboxes[-1] if urgent else task.topic.name
        return SentRow(
            task=handle.id,
            topic=f"{namespace}.{inbox}",
            reference=task.reference,
            priority=task.priority,
        )


async def wait_for(settings: "Settings", task_id: str, shape: Shape) -> int:
    """Follow a task to its end, then write its result; give the exit code."""
    from handrail.cli.outcome import show_outcome
    from handrail.cli.projection import current_projection, known_task
    from handrail.cli.watch import follow_task

    async with current_projection(settings) as (projection, bus):
        await known_task(settings, projection, bus, task_id)
        facts = await follow_task(settings, projection, bus, task_id, Shape.TABLE)
        return await show_outcome(settings, bus, facts, shape)


def show_sent(row: SentRow, shape: Shape) -> None:
    """Write the id of a task that was submitted: alone, so that a script can take it."""
    if shape is not Shape.TABLE:
        show_rows("sent", [row], (), shape, empty="")
        return
    note(f"Submitted to {row.topic}. Follow: handrail watch {row.reference or row.task}")
    click.echo(row.task)
