"""Opens the keys of subjects: those in the project's file, or a store of the team's own.

`HANDRAIL_SUBJECT_KEYS=module:name` names what is called without arguments and gives `SubjectKeys`,
such as a client of a key management service; the module may stand in the project's folder. Every
process of the team, and every command of a person, has to be given the same one.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from handrail.errors.subject import KeysNotInstalled
from handrail.runtime.team_imports import import_named
from handrail.store.subject_keys import LocalKeys, SubjectKeys

VARIABLE: Final = "HANDRAIL_SUBJECT_KEYS"
PARTS: Final = ("digest", "key", "find", "destroy", "hold", "release", "held")


def open_keys(
    file: Path, project: Path | None, environment: Mapping[str, str] = os.environ
) -> SubjectKeys:
    """Give the keys; `file` is where they are without a store of the team's own.

    Raises KeysNotInstalled, and KeysUnusable for the file.
    """
    named = environment.get(VARIABLE)
    return _own(named, project or Path.cwd()) if named else LocalKeys(file)


def close_keys(keys: SubjectKeys) -> None:
    """Give back what a store holds, if it holds anything."""
    close = getattr(keys, "close", None)
    if close is not None:
        close()


def _own(named: str, project: Path) -> SubjectKeys:
    module, _, name = named.partition(":")
    try:
        made: object = getattr(import_named(project, module), name)()
    except Exception as error:
        raise KeysNotInstalled(named=named, reason=repr(error)) from error
    missing = [part for part in PARTS if not hasattr(made, part)]
    if missing:
        raise KeysNotInstalled(named=named, reason=f"{name}() has no {', '.join(missing)}")
    return cast("SubjectKeys", made)
