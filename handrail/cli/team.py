"""Loads the team that a command works on: a project folder's, or that of files given by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.output import inert, note

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from handrail.bus.settings import Settings
    from handrail.contract.agent import Agent
    from handrail.contract.team import TeamDescription
    from handrail.contract.tool import Tool
    from handrail.runtime.discovery import LoadedTeam
    from handrail.runtime.topics import Layout

EVERY = "."  #: every agent of the project


@dataclass(frozen=True, slots=True)
class CheckedTeam:
    """A team whose parts fit one another."""

    loaded: "LoadedTeam"
    description: "TeamDescription"


def checked_team(settings: "Settings", file: Path | None = None) -> CheckedTeam:
    """Load the team of a project, or of one file, and check it as a whole.

    Raises the errors of `handrail.runtime.discovery`, and TeamInvalid.
    """
    file = file or _alone(settings)
    loaded = loaded_team(settings, file)
    # A file that stands alone need not have the intake of the project in whose folder it lies.
    inboxes = {agent.reads.name for agent in loaded.agents.values()}
    intake = settings.intake if file is None or settings.intake in inboxes else None
    description = loaded.description(intake=intake)
    description.check()
    return CheckedTeam(loaded, description)


def loaded_team(settings: "Settings", file: Path | None = None) -> "LoadedTeam":
    """Load the team of a project, or of the one file that was run last in a folder without.

    Raises the errors of `handrail.runtime.discovery`.
    """
    from handrail.runtime.discovery import load_single_file, load_team

    file = file or _alone(settings)
    return load_single_file(file) if file else load_team(settings.project_dir)


def _alone(settings: "Settings") -> Path | None:
    return None if _has_agents(settings) else _file_of_last_run(settings)


def has_team(settings: "Settings") -> bool:
    """Tell whether there is anything to load: agents, or the one file of the last run."""
    return _has_agents(settings) or _file_of_last_run(settings) is not None


def _has_agents(settings: "Settings") -> bool:
    return any((settings.project_dir / "agents").glob("*.py"))


def remember_file(settings: "Settings", file: Path) -> None:
    """Let later commands in this folder know which single file is its team."""
    mark = settings.project_dir / ".handrail" / "team-file"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(str(file.resolve()), encoding="utf-8")


def _file_of_last_run(settings: "Settings") -> Path | None:
    try:
        text = (settings.project_dir / ".handrail" / "team-file").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return Path(text) if Path(text).is_file() else None


def layout_of(settings: "Settings") -> "Layout":
    """Give what the settings say about topics."""
    from handrail.runtime.topics import Layout

    return Layout(
        namespace=settings.namespace,
        partitions=settings.partitions,
        replication=settings.replication,
    )


def lacks_secrets(settings: "Settings", tools: "Iterable[Tool[..., Any]]") -> "list[str]":
    """Say which secrets the team lacks, as sentences without a value. Raises SettingWrong."""
    from handrail.rails.mcp.server import read_servers
    from handrail.runtime.missing_secrets import missing_secrets
    from handrail.runtime.secret_store import ProjectSecrets

    store = ProjectSecrets(settings.project_dir)
    return missing_secrets(tools, read_servers(settings.mcp), store)


def warn_of_scale(
    settings: "Settings", scale: "Mapping[str, int]", agents: "Sequence[str]"
) -> None:
    """Say which agents get more processes than partitions to share, and which are not there."""
    for agent, processes in scale.items():
        if agent not in agents:
            note(
                f"Warning: scale.{inert(agent)} is without effect, since this team has no agent"
                f" called {inert(agent)}; its agents are {', '.join(agents)}."
                " Where it is set: handrail config show"
            )
        elif processes > settings.partitions:
            idle = processes - settings.partitions
            note(
                f"{agent}: {processes} processes share {settings.partitions} partitions,"
                f" so {idle} of them will wait idle until another one ends."
            )


def say_notes(description: "TeamDescription") -> None:
    """Say what is allowed but perhaps not meant, one line each."""
    for problem in description.notes():
        note(f"Note: {problem}")


def is_file_name(text: str) -> bool:
    """Tell a file of agents from the name of an agent."""
    return text.endswith(".py") or "/" in text


def is_of_project(settings: "Settings", file: Path) -> bool:
    """Tell a file of the project's own agents from one that stands alone."""
    return file.resolve().parent == (settings.project_dir / "agents").resolve()


def team_and_agents(
    settings: "Settings", names: "Sequence[str]"
) -> "tuple[CheckedTeam, list[Agent[..., Any]]]":
    """Give the team that these names belong to, and the agents that they name, each once.

    A name is an agent's, a file's or `.`, which is every agent. A file of the project's own agents
    names the agent in it; any other file stands alone and is a team of its own. Raises AgentUnknown
    and TeamFileMissing, and what `checked_team` raises.
    """
    from handrail.errors import TeamFileMissing

    files = {name: Path(name) for name in names if is_file_name(name)}
    for file in files.values():
        if not file.is_file():
            raise TeamFileMissing(file=file.absolute(), reason="nothing is there.")
    alone = [name for name, file in files.items() if not is_of_project(settings, file)]
    if alone and len(files) > 1:
        message = (
            f"{alone[0]} stands alone, so no other file can run beside it in one process."
            " Give each a process of its own, or put them into one folder `agents`."
        )
        raise click.UsageError(message, click.get_current_context(silent=True))
    if alone:
        remember_file(settings, files[alone[0]])
    team = checked_team(settings, files[alone[0]] if alone else None)
    wanted: list[str] = []
    for name in names:
        if name == EVERY or name in alone:
            wanted += team.loaded.agents
        elif name in files:
            here = files[name].resolve()
            wanted += [agent for agent, file in team.loaded.files.items() if file.resolve() == here]
        else:
            wanted.append(name)
    return team, team.loaded.chosen(dict.fromkeys(wanted))
