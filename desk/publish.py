"""Puts a brief into a folder under a name that only its task decides.

Guarantees: running twice leaves one brief; a reader sees all of a brief or none of it; a name
never leads out of the folder. When two runs of one task differ, the last one stays.
"""

import hashlib
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from desk.index import write_whole

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Published(BaseModel):
    """Where a brief lies and what its bytes are."""

    model_config = ConfigDict(frozen=True)

    path: str
    sha256: str


def brief_name(task: str) -> str:
    """Derive the file's name from the task's id; the same id gives the same name, always."""
    if _SAFE.fullmatch(task):
        return f"{task}.md"
    return f"task-{hashlib.sha256(task.encode()).hexdigest()[:32]}.md"


def publish(folder: Path, task: str, text: str) -> Published:
    """Write a brief and give its place; raises OSError when the folder cannot be written."""
    data = text.encode("utf-8", "replace")
    path = folder / brief_name(task)
    write_whole(path, data)
    return Published(path=str(path), sha256=hashlib.sha256(data).hexdigest())
