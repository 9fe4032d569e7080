"""`handrail down`: stops what `up` or `dev` started, from any terminal."""

import sys

import click

from handrail.cli.output import note
from handrail.cli.place import Place, place_options
from handrail.errors import ConfirmationNeeded


@click.command()
@place_options
@click.option("--wipe", is_flag=True, help="Remove the local Kafka's data and all logs too.")
@click.option("--yes", is_flag=True, help="Do not ask before wiping.")
def down(place: Place, *, wipe: bool, yes: bool) -> int:
    """Stop the team of this project and its local Kafka; data are kept unless --wipe is given."""
    import shutil

    from handrail.bus.local_broker import LocalBroker
    from handrail.runtime.claim_of_project import ProjectClaim
    from handrail.runtime.team_up import LEAVE_S

    settings = place.settings()
    project = settings.project_dir
    if not (project / ".handrail").is_dir():
        note(f"Nothing was started in {project}.")
        return 0
    if wipe and not yes:
        _confirm(project.name)
    within_s = settings.drain_s + 2 * LEAVE_S + 20
    holder = ProjectClaim(project).end_holder(within_s=within_s)
    if holder is not None:
        note(f"Stopped the team (`handrail {holder.command}`, process {holder.pid}).")
    broker = LocalBroker(project)
    stopped = broker.stop()
    if stopped:
        note("Stopped the local Kafka.")
    if wipe:
        broker.wipe()
        for name in ("run", "logs", "projection", "references", "memory"):
            shutil.rmtree(project / ".handrail" / name, ignore_errors=True)
        note("Removed the local Kafka's data and all logs. Documents and briefs are untouched.")
    elif holder is None and not stopped:
        note("Nothing was running.")
    return 0


def _confirm(name: str) -> None:
    """Ask for the project's name before its data are removed."""
    if not sys.stdin.isatty():
        raise ConfirmationNeeded(
            action="removing the local Kafka's data cannot be taken back",
            command="handrail down --wipe",
        )
    note(f"This removes every task, result and log of {name} on this machine.")
    if click.prompt(f"Type {name} to go on", err=True, default="", show_default=False) != name:
        raise click.Abort
