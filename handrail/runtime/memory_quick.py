"""Says what is folded into a view in the event loop's own thread, in some ms at most.

In another thread each statement waits until the loop's has a pause: ten times as long where that is
busy. But what takes long holds up everything that the process serves.
"""

from collections.abc import Sequence
from typing import Final

from handrail.memory.sealing import SUBJECT_MARK
from handrail.wire.memory import FORGOTTEN_PREFIX
from handrail.wire.record import Record

IN_PLACE_COUNT_MAX, IN_PLACE_BYTES_MAX = 50, 32_768
OF_PEOPLE_COUNT_MAX: Final = 6  #: since their words are taken out at once, in ten times as long
_OF_PERSON: Final = f"/{SUBJECT_MARK}".encode()


def is_quick(records: Sequence[Record]) -> bool:
    """Say whether folding takes so little that nobody notices that the loop stands still."""
    keys = [record.key or b"" for record in records]
    if any(key.startswith(FORGOTTEN_PREFIX) for key in keys):
        return False  # every version of somebody may have to go
    size_bytes = sum(len(record.value or b"") for record in records)
    return (
        len(records) <= IN_PLACE_COUNT_MAX
        and size_bytes <= IN_PLACE_BYTES_MAX
        and sum(_OF_PERSON in key for key in keys) <= OF_PEOPLE_COUNT_MAX
    )
