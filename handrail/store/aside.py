"""Sets damaged files aside, so that whoever wants to can look at them."""

import contextlib
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)

ASIDE_COUNT_MAX: Final = 100  #: kept beside the living one; the oldest name is used again

_SIDES: Final = ("-wal", "-shm")  # SQLite 3.54: the files beside a database in WAL mode


def move_aside(path: Path) -> Path:
    """Rename a damaged file and what lies beside it."""
    number = next(
        (n for n in range(1, ASIDE_COUNT_MAX) if not _aside(path, n).exists()), ASIDE_COUNT_MAX
    )
    aside = _aside(path, number)
    # The log of the damaged file goes first: were it left, it would be taken for that of the new.
    for side in (*_SIDES, ""):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{side}").replace(f"{aside}{side}")
    return aside


def tell_aside(path: Path, aside: Path | None, why: str, *, is_older: bool = False) -> None:
    """Say in the log that a file was moved aside; one of an older layout is no damage."""
    if is_older:
        log.info("file of an older layout is made anew", file=str(path), to=str(aside))
    else:
        log.warning("damaged file moved aside", file=str(path), to=str(aside), why=why)


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.damaged-{number}")
