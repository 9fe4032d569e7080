"""The root command, which imports a command's file only when that command is called."""

import difflib
import importlib
from types import TracebackType

import click

from handrail.cli.commands import COMMANDS, Entry

LIKENESS_MIN = 0.75  #: of a mistyped word and the command that is guessed
#: What others call it.
OTHER_WORDS = {"start": "up", "stop": "down", "ask": "submit", "ps": "status", "help": "--help"}


class NamingContext(click.Context):
    """A context that whoever complains of a command line names, also where Click names none."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> bool | None:
        """Leave; a complaint that passes and belongs to no command belongs to this one."""
        # Click 8.3 gives none to an option that lacks its value, and `handrail --help` explains
        # no option of a command.
        if isinstance(exc_value, click.UsageError) and exc_value.ctx is None:
            exc_value.ctx = self
        return super().__exit__(exc_type, exc_value, tb)


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names; one that is none is answered with a guess."""
        word = args[0]
        if word not in COMMANDS and not word.startswith("-"):
            near = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=LIKENESS_MIN)
            meant = OTHER_WORDS.get(word) or (near[0] if near else None)
            guess = f" Did you mean '{meant}'?" if meant else ""
            ctx.fail(f"No such command '{word}'.{guess}")
        return super().resolve_command(ctx, args)

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
    _name_in_complaints(command)
    return command


def _name_in_complaints(command: click.Command) -> None:
    command.context_class = NamingContext
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _name_in_complaints(child)
