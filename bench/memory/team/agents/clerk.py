"""Reads notes; the measurement writes in its name."""

from topics.notes import notes

from handrail import agent


@agent(reads=notes)
async def clerk(note: str) -> None:
    """Read a note."""
    del note
