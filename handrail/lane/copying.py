"""Which journal records are written again, so that whoever opens the lane has little to read.

An opener reads the journal from its oldest live record. One that rests for days would make it read
all that was written since; so the oldest live records are written again at the end, unchanged,
until what has to be read is short in absolute terms or in proportion to what is live.
"""

from collections.abc import Mapping, Sequence
from itertools import islice

from handrail.lane.bounds import COPIED_COUNT_MAX, LaneBounds


def due_copies(
    live: Mapping[bytes, int], end: int, bounds: LaneBounds
) -> Sequence[tuple[bytes, int]]:
    """Give the oldest live records, key and offset, that are to be written again; often none.

    `live` is in the order of its offsets. At most 100 at a time: ask again once they are written.
    """
    oldest = next(iter(live.values()), end)
    if end - oldest <= max(bounds.journal_records, bounds.journal_per_live * len(live)):
        return ()
    return tuple(islice(live.items(), COPIED_COUNT_MAX))
