"""`handrail demo`: the shipped research desk, on a real Kafka, answers one real question."""

import asyncio
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Shape, note
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.cli.team import CheckedTeam
    from handrail.runtime.supervisor import Event
    from handrail.runtime.team_up import UpPlan

#: Three that the documents answer, and one that nothing answers: the brief says so.
QUESTION = (
    "How long are dead letters retained? Which error does a fenced producer get?"
    " Who introduced sagas? What does a Kafka broker cost per month?"
)


@click.command()
@click.argument("question", required=False, default=QUESTION)
@place_options
def demo(place: Place, question: str) -> int:
    """Start a local Kafka and the shipped team, ask one question over its documents, stop.

    Six agents and a registrar run as processes of their own. What the brief says is quoted from
    the documents that ship with Handrail; without a model's key nothing is invented.
    """
    from handrail.bus.settings_file import load_settings
    from handrail.cli.team import checked_team

    started_s = time.monotonic()
    folder = lay_out(place.folder / ".handrail" / "demo")
    flags = {"broker.bootstrap": place.broker, "namespace": place.namespace}
    settings = load_settings(folder, {key: value for key, value in flags.items() if value})
    there = Place(folder, place.broker, place.namespace)
    team = checked_team(settings)
    code = asyncio.run(_demo(settings, team, there, question, started_s))
    note(f"Everything has stopped. It took {time.monotonic() - started_s:.1f} s in all.")
    return code


def lay_out(folder: Path) -> Path:
    """Put the shipped team into a folder as it is now; its broker's data stay as they are."""
    from handrail.cli.init import desk_files

    for old in ("agents", "topics", "tools", "memory", "desk", "tests"):
        shutil.rmtree(folder / old, ignore_errors=True)
    for name, content in desk_files("demo"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder


async def _demo(
    settings: "Settings", team: "CheckedTeam", there: Place, question: str, started_s: float
) -> int:
    from handrail.cli.broker import ShownProgress
    from handrail.cli.live_team import line_of
    from handrail.cli.team import layout_of
    from handrail.cli.up import on_signals
    from handrail.runtime.team_up import UpPlan, child_specs
    from handrail.runtime.topics import needed

    def tell(event: "Event") -> None:
        if event.sentence:
            note(line_of(event))

    plan = UpPlan(
        settings,
        needed(team.description, layout_of(settings)),
        child_specs(
            list(team.loaded.agents),
            {},
            there.flags(),
            remembers=bool(team.description.spaces),
        ),
        command="demo",
        progress=ShownProgress(),
        on_event=tell,
    )
    stop, hurry = asyncio.Event(), asyncio.Event()
    on_signals(stop, hurry)
    asking = asyncio.create_task(_ask(plan, team, question, started_s, hurry), name="demo")
    stopping = asyncio.create_task(stop.wait(), name="stop of the demo")
    await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not asking.done():
        note("Stopping in order.")
        asking.cancel()
    stopping.cancel()
    try:
        return await asking
    except asyncio.CancelledError:
        return 130


async def _ask(
    plan: "UpPlan", team: "CheckedTeam", question: str, started_s: float, hurry: asyncio.Event
) -> int:
    from handrail.runtime.team_up import team_up

    note("Starting a local Kafka and six agents, each in its own process.")
    async with team_up(plan, hurry) as running:
        note(f"Kafka at {running.bootstrap}. Its topics are made; the agents are joining.")
        await running.supervisor.all_ready()
        note(f"The team is ready after {time.monotonic() - started_s:.1f} s.")
        return await _one_task(plan.settings, team, question)


async def _one_task(settings: "Settings", team: "CheckedTeam", question: str) -> int:
    from handrail.cli.message import intake_of, message_of
    from handrail.cli.submit import Submission, send_task, wait_for

    topic = intake_of(team.description)
    note(f"\nAsking: {question}\n")
    row = await send_task(settings, Submission(topic, message_of(topic, question), None, None))
    code = await wait_for(settings, row.task, Shape.TABLE)
    note(f"\nThe same story again: handrail --project {settings.project_dir} show {row.task}")
    return code
