"""`handrail run`: one process with one agent or several, in the foreground."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from handrail.cli.place import Place, place_options
from handrail.errors import SpacesUndeclared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handrail.contract.agent import Agent


_KEPT = {"registrar": "the states of tasks", "keeper": "memory"}


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="AGENT|FILE…")
@place_options
def run(place: Place, names: tuple[str, ...]) -> int:
    """Run one or several agents in this process until Ctrl-C.

    Start the same agent in three terminals, and three share its work at once. FILE is a file in the
    project's folder `agents`, or one that stands alone; `.` means every agent of the project.
    `registrar` is the single writer of task states, `keeper` that of memory; it goes without where
    the team has no memory.
    """
    from handrail.runtime.deadman import end_with_supervisor

    end_with_supervisor()
    from handrail.cli.broker import bootstrap_of
    from handrail.cli.team import team_and_agents
    from handrail.runtime.keeper import KEEPER
    from handrail.runtime.log_lines import set_up_logging
    from handrail.runtime.serving import REGISTRAR, Serving, run_loop, serve

    set_up_logging()
    settings = place.settings()
    os.environ["HANDRAIL_PROJECT"] = str(settings.project_dir)
    wanted = [name for name in names if name not in {REGISTRAR, KEEPER}]
    if wanted or KEEPER in names:
        team, agents = team_and_agents(settings, wanted)
        description, tool_files = team.description, team.loaded.tool_files
    else:
        from handrail.contract.team import TeamDescription
        from handrail.runtime.discovery import ToolFiles

        agents, description = [], TeamDescription(())
        tool_files = ToolFiles(settings.project_dir)
    writers = [name for name in (REGISTRAR, KEEPER) if name in names]
    if KEEPER in writers and not description.spaces:
        writers.remove(KEEPER)
        if not writers and not agents:
            raise SpacesUndeclared
    serving = Serving(
        settings=settings,
        bootstrap=bootstrap_of(settings),
        name=_process_name(names),
        team=description,
        agents=agents,
        tool_files=tool_files,
        writers=writers,
        on_ready=lambda _: _say_ready(agents, writers),
    )
    run_loop(serve(serving))
    return 0


def _process_name(names: "Sequence[str]") -> str:
    """Give the name that a supervisor chose, else one that no other process has."""
    from handrail.runtime.child import NOTE_VARIABLE

    if given := os.environ.get(NOTE_VARIABLE):
        return Path(given).stem
    return f"{Path(names[0]).stem}-{os.getpid()}"


def _say_ready(agents: "Sequence[Agent[..., object]]", writers: "Sequence[str]") -> None:
    reading = [f"{agent.name} reads {agent.reads.name}" for agent in agents]
    said = ", ".join([*reading, *(f"the {writer} keeps {_KEPT[writer]}" for writer in writers)])
    click.echo(f"Ready: {said}. Ctrl-C stops in order.", err=True)
