"""Registers a folder of documents under a name, for tasks that are submitted on this machine.

The names stand in `.handrail/documents.toml`, which the shipped team reads again when it changes.
"""

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from handrail.cli.output import note

if TYPE_CHECKING:
    from handrail.bus.settings import Settings

NAME_CHARS_MAX = 60


def register(settings: "Settings", folder: Path, name: str | None) -> str:
    """Give the name under which tasks may name this folder, and say when it is a new one."""
    path = folder.resolve()
    there: dict[str, Path | str] = {**settings.documents, **_registered(settings.project_dir)}
    for known, where in there.items():
        if Path(where).resolve() == path and name in {None, known}:
            return known
    chosen = name or _free_name(settings, path)
    file = settings.project_dir / ".handrail" / "documents.toml"
    entries = {**_registered(settings.project_dir), chosen: str(path)}
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    lines = "".join(f"{key} = {_quoted(value)}\n" for key, value in sorted(entries.items()))
    fresh.write_text(f"[documents]\n{lines}", encoding="utf-8")
    fresh.replace(file)
    note(f"Registered {path} as the collection {chosen}.")
    return chosen


def _registered(project: Path) -> dict[str, str]:
    try:
        text = (project / ".handrail" / "documents.toml").read_text(encoding="utf-8")
        found = tomllib.loads(text).get("documents", {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        message = f"The list of registered folders cannot be read: {error}"
        raise click.UsageError(message) from error
    return {str(name): str(where) for name, where in found.items()}


def _free_name(settings: "Settings", path: Path) -> str:
    """Make a name of the folder's own; with a number behind it when that is taken."""
    plain = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-")[:NAME_CHARS_MAX] or "documents"
    taken = {*settings.documents, *_registered(settings.project_dir)}
    number, name = 1, plain
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    return name


def _quoted(text: str) -> str:
    """Write a TOML string; JSON's form is one (TOML 1.0), apart from the delete character."""
    import orjson

    return orjson.dumps(text).decode().replace("\x7f", "\\u007f")
