"""What the declaration of a memory space is refused for, term by term, in words.

Pure. Each function raises SpaceInvalid; type checkers find most of it, and not everybody runs one.
"""

import re
from enum import StrEnum

from handrail.errors.memory import SpaceInvalid

_NAME = re.compile(r"[a-z][a-z0-9-]*(_[a-z0-9-]+)*")
_NAME_CHARS_MAX = 60
_RESERVED = frozenset({"commands", "history"})


def check_name(name: str) -> None:
    """Refuse what cannot be part of the name of a topic, or means another one of memory."""
    if not _NAME.fullmatch(name) or len(name) > _NAME_CHARS_MAX or name in _RESERVED:
        raise SpaceInvalid(
            space=name[:80],
            detail="its name is not allowed",
            cure="start with a small letter and go on with small letters, digits, - and single _,"
            f" {_NAME_CHARS_MAX} characters at most; not commands and not history",
        )


def check_class(space: str, keeps: object, classes: type[StrEnum]) -> None:
    """Refuse what is no memory class, the name of one as a text included."""
    if not isinstance(keeps, classes):
        raise SpaceInvalid(
            space=space,
            detail=f"keeps={keeps!r:.80} is no {classes.__name__}",
            cure=f"use one of {', '.join(f'{classes.__name__}.{one.name}' for one in classes)}",
        )


def check_agents(term: str, names: object) -> None:
    """Refuse a text where names belong: it would be taken for its letters."""
    if isinstance(names, str):
        raise SpaceInvalid(
            space="(any)",
            detail=f"{term}={names!r:.80} of its access is a text and no tuple of names",
            cure=f"write Access({term}=({names!r:.80},))",
        )
