"""Reads the policy of a team: `policy/*.cedar`, and who has which role in `policy/people.toml`.

A team without such a file has no policy. A policy that cannot be read stops whoever reads it.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from handrail.errors.policy import PolicyInvalid, PolicyNotInstalled
from handrail.rails.policy import NoPolicy, Policy

FOLDER = "policy"
PEOPLE = "people.toml"
LINE_END = b"\n"


def policy_of(project: Path) -> Policy:
    """Give the policy of a project folder. Raises PolicyInvalid or PolicyNotInstalled."""
    return policy_in(project / FOLDER)


def policy_in(folder: Path) -> Policy:
    """Give the policy that a folder holds. Raises PolicyInvalid or PolicyNotInstalled."""
    files = sorted(folder.glob("*.cedar"))
    if not files:
        return NoPolicy()
    # Only a team that has rules needs the language.
    try:
        from handrail.rails.cedar import CedarPolicy  # noqa: PLC0415
    except ImportError as error:
        raise PolicyNotInstalled(reason=str(error)) from error

    return CedarPolicy.of_files({shown(file): text_of(file) for file in files}, roles_in(folder))


def shown(file: Path) -> str:
    """Name a file of the policy as whoever stands in the project would."""
    return f"{file.parent.name}/{file.name}"


def text_of(file: Path) -> str:
    """Give the rules of a file. Raises PolicyInvalid."""
    raw = b""
    try:
        raw = file.read_bytes()
        return raw.decode("utf-8")
    except OSError as error:
        raise PolicyInvalid(detail=f"it cannot be read: {error}", where=shown(file)) from error
    except UnicodeDecodeError as error:
        where = f"{shown(file)}, line {raw.count(LINE_END, 0, error.start) + 1}"
        raise PolicyInvalid(detail="it is no UTF-8 text", where=where) from error


def roles_in(folder: Path) -> Mapping[str, Sequence[str]]:
    """Give role → people. Raises PolicyInvalid."""
    file = folder / PEOPLE
    if not file.is_file():
        return {}
    text = text_of(file)
    try:
        said: object = tomllib.loads(text).get("roles", {})
    except tomllib.TOMLDecodeError as error:
        # The error itself names line and column.
        raise PolicyInvalid(detail=f"it cannot be read: {error}", where=shown(file)) from error
    if not isinstance(said, dict):
        where = _at(file, text, "roles")
        raise PolicyInvalid(detail="[roles] is a table: role = [names]", where=where)
    for role, people in cast("dict[str, object]", said).items():
        names = cast("list[object]", people) if isinstance(people, list) else [0]
        if not all(isinstance(name, str) for name in names):
            raise PolicyInvalid(detail=f"{role} is no list of names", where=_at(file, text, role))
    return cast("Mapping[str, Sequence[str]]", said)


def _at(file: Path, text: str, key: str) -> str:
    """Say in which line of the list of people a key is given."""
    found = re.search(rf"""^[ \t]*["']?{re.escape(key)}["']?[ \t]*=""", text, re.MULTILINE)
    line = "" if found is None else f", line {text.count(chr(10), 0, found.start()) + 1}"
    return f"{shown(file)}{line}"
