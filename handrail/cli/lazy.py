"""The root command, which imports a command's file only when that command is called."""

import importlib

import click

from handrail.cli.commands import COMMANDS, Entry


class LazyGroup(click.Group):
    """A group whose commands are listed from a table and loaded one at a time."""

    # The parameter is Click's, who passes it by name.
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Give the names, without importing anything."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the file of one command; None when there is no such command."""
        entry = COMMANDS.get(cmd_name)
        return None if entry is None else load(entry)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """List the commands by group, in the order in which one meets them."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            groups.setdefault(entry.group, []).append((name, entry.summary))
        width = max(len(name) for name in COMMANDS)
        for group, rows in groups.items():
            with formatter.section(group.capitalize()):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in rows])


def load(entry: Entry) -> click.Command:
    """Import the file of one command and give the command."""
    module, _, attribute = entry.where.partition(":")
    command = getattr(importlib.import_module(f"handrail.cli.{module}"), attribute)
    if not isinstance(command, click.Command):
        raise TypeError(f"handrail.cli.{entry.where} is not a command")
    return command
