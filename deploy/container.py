"""Starts one Handrail process in a container, and says whether it is healthy.

The process keeps its note under the container's own name, on a volume: a container that starts
again finds what its predecessor wrote there and can tell the groups that it is gone, and several
containers of one service do not write over each other. `healthy` reads the same note; it ends
with 0 when that very process lives and has opened every partition that it was given, or drains.
One with a partition that stays closed until a person has looked is not healthy, and says which.
"""

import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from handrail.runtime.note import ProcessState, read_note

HEALTHY = frozenset({ProcessState.READY, ProcessState.DRAINING})


def note_file() -> Path:
    """Give where the process of this container keeps its note."""
    named = os.environ.get("HANDRAIL_NOTE")
    project = Path(os.environ.get("HANDRAIL_PROJECT", "."))
    return (
        Path(named)
        if named
        else project / ".handrail" / "containers" / f"{socket.gethostname()}.json"
    )


def health(path: Path) -> str:
    """Say what is wrong with the process of this note; nothing when it is healthy."""
    note = read_note(path)
    if note is None:
        return "the process has not written its note yet"
    if not note.alive:
        return f"the process {note.pid} that wrote the note is gone"
    if note.state not in HEALTHY:
        return f"the process is {note.state}"
    if note.closed:
        where, why = next(iter(note.closed.items()))
        return f"partition {where} is closed: {why}"
    return ""


def become_handrail(arguments: list[str], path: Path) -> NoReturn:
    """Turn this process into the Handrail process that the arguments ask for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.environ["HANDRAIL_NOTE"] = str(path)
    os.execvp("handrail", ["handrail", *arguments])  # noqa: S606  # no shell is wanted


def main(arguments: list[str]) -> int:
    """Check the health when asked to, else become the Handrail process that was asked for."""
    path = note_file()
    if arguments != ["healthy"]:
        become_handrail(arguments, path)
    wrong = health(path)
    sys.stderr.write(f"{wrong}\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
