"""Loads the team that a command works on: a project folder's, or that of files given by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from handrail.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handrail.bus.settings import Settings
    from handrail.contract.team import TeamDescription
    from handrail.runtime.discovery import LoadedTeam
    from handrail.runtime.topics import Layout


@dataclass(frozen=True, slots=True)
class CheckedTeam:
    """A team whose parts fit one another."""

    loaded: "LoadedTeam"
    description: "TeamDescription"


def checked_team(settings: "Settings", file: Path | None = None) -> CheckedTeam:
    """Load the team of a project, or of one file, and check it as a whole.

    Raises the errors of `handrail.runtime.discovery`, and TeamInvalid.
    """
    from handrail.runtime.discovery import load_single_file, load_team

    if file is None and not any((settings.project_dir / "agents").glob("*.py")):
        file = _file_of_last_run(settings)
    loaded = load_single_file(file) if file else load_team(settings.project_dir)
    description = loaded.description(intake=settings.intake)
    description.check()
    return CheckedTeam(loaded, description)


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


def warn_of_idle(settings: "Settings", scale: dict[str, int]) -> None:
    """Say which agents get more processes than there are partitions to share."""
    for agent, processes in scale.items():
        if processes > settings.partitions:
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


def one_team(settings: "Settings", names: "Sequence[str]") -> CheckedTeam:
    """Give the team that these names belong to: the one file they name, else the project's."""
    files = [Path(name) for name in names if is_file_name(name)]
    if len(files) != 1:
        return checked_team(settings)
    remember_file(settings, files[0])
    return checked_team(settings, files[0])
