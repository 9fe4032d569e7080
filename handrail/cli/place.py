"""Says which project folder, broker and namespace a command works on.

Flags win over HANDRAIL_* variables, those over handrail.toml, that over defaults. A flag may stand
before or after the name of the command.
"""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from handrail.bus.settings import Settings

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Place:
    """What the flags said; `None` means that a flag was not given."""

    project: Path | None = None
    broker: str | None = None
    namespace: str | None = None

    @property
    def folder(self) -> Path:
        """The project folder: the one named, else the nearest one upwards that holds a team."""
        named = self.project or os.environ.get("HANDRAIL_PROJECT")
        if named:
            return Path(named).expanduser().resolve()
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / "handrail.toml").is_file() or any((folder / "agents").glob("*.py")):
                return folder
        return here

    def over(self, outer: "Place") -> "Place":
        """Give this place with what was left open filled from an outer one."""
        return replace(
            self,
            project=self.project or outer.project,
            broker=self.broker or outer.broker,
            namespace=self.namespace or outer.namespace,
        )

    def settings(self) -> "Settings":
        """Give the settings of the project, flags included; raises what is wrong with them."""
        from handrail.bus.settings_file import load_settings

        flags = {"broker.bootstrap": self.broker, "namespace": self.namespace}
        overrides = {key: value for key, value in flags.items() if value is not None}
        return load_settings(self.folder, overrides)

    def flags(self) -> list[str]:
        """The same place as flags, for a process that is started for it."""
        given = (("--broker", self.broker), ("--namespace", self.namespace))
        flags = ["--project", str(self.folder)]
        for flag, value in given:
            if value:
                flags += [flag, value]
        return flags


def place_options(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command `--project`, `--broker` and `--namespace`, and hand it a `Place` first."""

    @functools.wraps(function)
    def with_place(
        project: Path | None, broker: str | None, namespace: str | None, **rest: object
    ) -> R:
        context = click.get_current_context()
        outer = context.obj if isinstance(context.obj, Place) else Place()
        place = Place(project, broker, namespace).over(outer)
        context.obj = place
        return function(place, **rest)

    for option in (
        click.option("--namespace", metavar="NAME", help="First part of every topic's name."),
        click.option("--broker", metavar="URL", help="A Kafka cluster: HOST:PORT[,HOST:PORT…]."),
        click.option(
            "--project",
            metavar="DIR",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="The folder of the team.",
        ),
    ):
        with_place = option(with_place)
    return with_place
