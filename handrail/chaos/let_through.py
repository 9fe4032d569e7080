"""What keeps a job of the chaos team from being carried out, until people have seen to it.

A job that is to die once asks at one of its stations whether it was let through. People let it
through before they send it back, as one mends a cause before a redrive. It is a file in the project
of the round, so that it stays mended whoever is killed.
"""

from pathlib import Path

FOLDER = "let-through"


def let_through(project: Path, number: int) -> None:
    """Let a job through from now on."""
    folder = project / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / str(number)).touch()


def was_let_through(project: Path, number: int) -> bool:
    """Say whether somebody has let it through."""
    return (project / FOLDER / str(number)).exists()
