"""`handrail up`: the broker if none is given, the topics, every agent as its own process."""

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

import click

from handrail.cli.output import inert, note, on_terminal
from handrail.cli.place import Place, place_options
from handrail.errors import ScaleWrong

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handrail.cli.live_team import LiveTeam
    from handrail.runtime.team_up import RunningTeam, UpPlan


@click.command()
@place_options
@click.option(
    "--scale",
    multiple=True,
    metavar="AGENT=N",
    help="Start N processes of an agent; they share its work. May be given several times.",
)
@click.option("--together", is_flag=True, help="One process for everything, for small machines.")
@click.option("--keep-broker", is_flag=True, help="Leave a local Kafka running at the end.")
def up(place: Place, scale: tuple[str, ...], *, together: bool, keep_broker: bool) -> int:
    """Start the team and look after it until Ctrl-C.

    Starts a local Kafka unless a broker is given, makes the topics, and runs each agent as a
    process of its own. A process that ends is started again. Ctrl-C stops everything in order;
    a second Ctrl-C stops it at once, and neither loses any work.
    """
    from handrail.cli.broker import ShownProgress
    from handrail.cli.live_team import LiveTeam
    from handrail.cli.team import checked_team, lacks_secrets, layout_of, say_notes, warn_of_scale
    from handrail.runtime.log_lines import set_up_logging
    from handrail.runtime.team_up import UpPlan, child_specs
    from handrail.runtime.topics import needed

    # That a broker is gone is told in words; aiokafka 0.14 would say it at every try.
    set_up_logging(logging.ERROR, foreign=logging.CRITICAL)
    if together and scale:
        reason = "--together runs all agents in one process, and --scale gives one several."
        raise ScaleWrong(given=" ".join(scale), reason=reason)
    settings = place.settings()
    team = checked_team(settings)
    processes = {**settings.scale, **scale_of(scale, list(team.loaded.agents))}
    warn_of_scale(settings, processes, list(team.loaded.agents))
    say_notes(team.description)
    for lack in lacks_secrets(settings, team.loaded.tools.values()):
        note(f"Warning: {inert(lack)}; calls that need it are refused. See `handrail doctor`.")
    specs = child_specs(
        list(team.loaded.agents),
        processes,
        place.flags(),
        together=together,
        remembers=bool(team.description.spaces),
    )
    live = LiveTeam([spec.name for spec in specs])
    plan = UpPlan(
        settings,
        needed(team.description, layout_of(settings)),
        specs,
        keep_broker=keep_broker,
        progress=ShownProgress(),
        on_event=live.tell,
    )
    return asyncio.run(_up(plan, live))


def scale_of(given: "Sequence[str]", agents: "Sequence[str]") -> "Mapping[str, int]":
    """Read `AGENT=N` pairs; raises ScaleWrong."""
    found: dict[str, int] = {}
    for pair in given:
        name, sign, number = pair.partition("=")
        if not sign or not number.isdigit() or not 0 <= int(number) <= 1_000:  # noqa: PLR2004
            reason = "it is written AGENT=N with a number from 0 to 1000."
            raise ScaleWrong(given=pair, reason=reason)
        if name not in agents:
            reason = f"this team has no agent called {name}; its agents are {', '.join(agents)}."
            raise ScaleWrong(given=pair, reason=reason)
        found[name] = int(number)
    return found


async def _up(plan: "UpPlan", live: "LiveTeam") -> int:
    from handrail.runtime.team_up import team_up

    stop, hurry = asyncio.Event(), asyncio.Event()
    on_signals(stop, hurry)
    running = asyncio.current_task()
    assert running is not None
    cut = asyncio.create_task(_cancel_on(stop, running), name="stop while starting")
    try:
        async with team_up(plan, hurry) as team:
            cut.cancel()
            await _look_after(team, live, stop)
            live.close()
            note("Stopping in order. Ctrl-C once more stops at once; nothing is lost either way.")
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        cut.cancel()
        live.close()
    note("Everything has stopped.")
    return 0


async def _cancel_on(stop: asyncio.Event, running: "asyncio.Task[object]") -> None:
    await stop.wait()
    running.cancel()


async def _look_after(team: "RunningTeam", live: "LiveTeam", stop: asyncio.Event) -> None:
    live.open(team.supervisor, team.bootstrap, on_terminal=on_terminal())
    tasks: list[asyncio.Task[object]] = [
        asyncio.create_task(stop.wait(), name="stop"),
        asyncio.create_task(team.supervisor.failed(), name="a child that cannot be kept"),
        asyncio.create_task(live.show(), name="live view"),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def on_signals(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    """Let the first SIGINT or SIGTERM set `stop` and the next one `hurry`."""

    def asked() -> None:
        if stop.is_set():
            hurry.set()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked)
