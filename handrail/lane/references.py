"""Which references an intake partition has seen lately, so that a repeat is known as one.

Whether a record is a repeat depends on nothing but the 24 hours of its partition before it: each
sighting, a repeat too, begins the day anew. So a successor that reads one day back comes to the
same verdicts. What was seen is kept as digests of 16 bytes, by whoever is given to keep it.
"""

from hashlib import blake2b
from typing import NamedTuple, Protocol

REPEAT_WITHIN_MS = 24 * 3_600_000
DIGEST_BYTES = 16  #: among a thousand million, two are alike with a chance of 10^-20


class Sighting(NamedTuple):
    """When a task was seen last, and in which record it was carried out."""

    time_ms: int
    carried: bytes  #: the digest of that record's id


class Remembers(Protocol):
    """Keeps the last sighting of each task; may forget those that are older than a day."""

    def get(self, task: bytes, /) -> Sighting | None:
        """Give the last sighting, or None."""
        ...

    def __setitem__(self, task: bytes, sighting: Sighting, /) -> None:
        """Keep this one in the place of an earlier one."""
        ...


class SeenReferences:
    """Says of each record that begins a task whether that task is new."""

    def __init__(self, memory: Remembers | None = None) -> None:
        """Begin with what `memory` knows; without one, with nothing, and forget nothing."""
        self._memory: Remembers = {} if memory is None else memory

    def take(self, task_id: str, record: str, time_ms: int) -> bool:
        """False when this task was seen in another record within the last 24 hours.

        `record` names it by its id and its offset: written twice it is two, and carried out once.
        """
        task, carried = digest(task_id), digest(record)
        known = self._memory.get(task)
        if known is None or time_ms - known.time_ms >= REPEAT_WITHIN_MS:
            self._memory[task] = Sighting(time_ms, carried)
            return True
        # The record that was carried out stays the one that may come again.
        self._memory[task] = Sighting(time_ms, known.carried)
        return known.carried == carried


def digest(text: str) -> bytes:
    """Give the 16 bytes by which an id is remembered."""
    # What was no UTF-8 on the wire is in the text as it came.
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=DIGEST_BYTES).digest()
