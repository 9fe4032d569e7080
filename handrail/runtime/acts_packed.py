"""The acts of a task as the journal of an undo keeps them: one line each, behind one about all.

They are packed act by act, and each is unpacked when its turn has come. Guarantee: however many
there are, heartbeats and other keys have their turn in between, and what is held of them is bytes.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from handrail.ledger.taking_back import Done, DoneByTask

SLICE_BYTES: Final = 128 * 1024  #: of JSON that is made or read in one go, some 5 ms
ITEM_BYTES: Final = 512  #: what each of them costs beside its own bytes


class Pace:
    """Counts work, and lets everything else have its turn whenever a slice of it is done."""

    def __init__(self) -> None:
        """Begin a slice."""
        self._left_bytes = SLICE_BYTES

    async def done(self, size_bytes: int) -> None:
        """Say that so much was done, to be called after each of many pieces."""
        self._left_bytes -= size_bytes + ITEM_BYTES
        if self._left_bytes <= 0:
            self._left_bytes = SLICE_BYTES
            await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class ActsRead:
    """What the ledger says of the acts of a task."""

    known: bool  #: it tells of the task at all
    ended: bool
    read_to: int  #: up to where it was read
    done: DoneByTask

    async def left(self) -> list[Done]:
        """Give what can be taken back, the newest first."""
        pace, left = Pace(), list[Done]()
        for size_bytes, one in self.done.each_left():
            left.append(one)
            await pace.done(size_bytes)
        return left


@dataclass(frozen=True, slots=True)
class PackedAct:
    """An act as it is kept."""

    text: str
    json: bytes

    def unpacked(self) -> Done:
        """Give all of it."""
        return Done.model_validate_json(self.json)


class About(BaseModel):
    """What the first line says of all acts."""

    known: bool
    ended: bool
    read_to: int
    texts: list[str] = []


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What an undo begins with."""

    about: About
    left: list[PackedAct]  #: the newest first


async def pack(found: ActsRead) -> bytes:
    """Give what `unpack` reads."""
    pace, lines = Pace(), list[bytes]()
    about = About(known=found.known, ended=found.ended, read_to=found.read_to)
    for size_bytes, one in found.done.each_left():
        about.texts.append(one.text)
        lines.append(one.model_dump_json().encode())
        await pace.done(size_bytes + len(lines[-1]))
    return b"\n".join([about.model_dump_json().encode(), *lines])


def unpack(packed: bytes) -> Unpacked:
    """Give what was packed, or what a version before has recorded as one object."""
    head, *lines = packed.split(b"\n")
    about = About.model_validate_json(head)
    if not lines:
        found = [(one.text, one.model_dump_json()) for one in _Whole.model_validate_json(head).left]
        return Unpacked(about, [PackedAct(text, json.encode()) for text, json in found])
    return Unpacked(about, [PackedAct(*one) for one in zip(about.texts, lines, strict=True)])


class _Whole(BaseModel):
    left: list[Done] = []
