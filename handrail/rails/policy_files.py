"""Reads the policy of a team: `policy/*.cedar`, and who has which role in `policy/people.toml`.

A team without such a file has no policy. A policy that cannot be read stops whoever reads it.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from handrail.errors.policy import PolicyInvalid, PolicyNotInstalled
from handrail.rails.policy import NoPolicy, Policy

FOLDER = "policy"
PEOPLE = "people.toml"


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

    return CedarPolicy.of(text_of(files), roles_in(folder))


def text_of(files: Sequence[Path]) -> str:
    """Give all rules as one text. Raises PolicyInvalid."""
    try:
        return "\n".join(file.read_text("utf-8") for file in files)
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyInvalid(detail=f"it cannot be read: {error}", where=str(files[0])) from error


def roles_in(folder: Path) -> Mapping[str, Sequence[str]]:
    """Give role → people. Raises PolicyInvalid."""
    file = folder / PEOPLE
    if not file.is_file():
        return {}
    try:
        said: object = tomllib.loads(file.read_text("utf-8")).get("roles", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicyInvalid(detail=f"it cannot be read: {error}", where=str(file)) from error
    if not isinstance(said, dict):
        raise PolicyInvalid(detail="[roles] is a table: role = [names]", where=str(file))
    for role, people in cast("dict[str, object]", said).items():
        names = cast("list[object]", people) if isinstance(people, list) else [0]
        if not all(isinstance(name, str) for name in names):
            raise PolicyInvalid(detail=f"{role} is no list of names", where=str(file))
    return cast("Mapping[str, Sequence[str]]", said)
