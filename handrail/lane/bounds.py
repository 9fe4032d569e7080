"""How much one lane holds. Every bound has a sentence for when it is met."""

from dataclasses import dataclass

RUNNING_COUNT_MAX = 64  #: handlers of one lane that run side by side
BUFFERED_COUNT_MAX = 256  #: taken in and not yet committed; above it the partition pauses
PER_KEY_COUNT_MAX = 1_000  #: waiting behind one key, parked ones included
SPAN_OFFSETS_MAX = 10_000  #: from the oldest open offset to the newest; the bitmap's length
SPAN_HEADROOM_OFFSETS = 1_000  #: kept free for what one more poll can bring
PARKED_COUNT_MAX = 100_000  #: resting ones of a lane, 1 to 4 KB each (ADR 0011); above it it pauses
PARK_AFTER_S = 30.0  #: what runs longer gives its offset free
PARK_SPAN_OFFSETS = 5_000  #: what holds back more than this is parked without waiting
GATHER_KEPT_AFTER_DEADLINE_S = 3_600.0  #: how long a closed gather still knows its late parts
SNAPSHOT_IN_MEMORY_BYTES_MAX = 4_096  #: larger gathered parts are read back from the journal
OUTCOME_IN_MEMORY_BYTES_MAX = 4_096  #: a larger result of a step is read back from the journal
OUTCOMES_IN_MEMORY_BYTES_MAX = 16_777_216  #: of one lane that was opened; the rest is read back
KEY_MARGIN_S_MAX = 60.0  #: a key is not used again so shortly before its receiver may forget it
JOURNAL_RECORDS_MAX = 50_000  #: to be read by whoever opens a lane, unless more are live
JOURNAL_PER_LIVE_MAX = 4  #: the same, for each live record
COPIED_COUNT_MAX = 100  #: live journal records written again in one transaction
TIMER_RESOLUTION_S = 1.0  #: timers of a lane are looked at no more often than this

assert RUNNING_COUNT_MAX < BUFFERED_COUNT_MAX < PARK_SPAN_OFFSETS
assert PARK_SPAN_OFFSETS < SPAN_OFFSETS_MAX - SPAN_HEADROOM_OFFSETS
assert OUTCOME_IN_MEMORY_BYTES_MAX < OUTCOMES_IN_MEMORY_BYTES_MAX


@dataclass(frozen=True, slots=True)
class LaneBounds:
    """The bounds of one lane; tests make them small, users leave them alone."""

    running: int = RUNNING_COUNT_MAX
    buffered: int = BUFFERED_COUNT_MAX
    per_key: int = PER_KEY_COUNT_MAX
    span: int = SPAN_OFFSETS_MAX
    parked: int = PARKED_COUNT_MAX
    park_after_s: float = PARK_AFTER_S
    park_span: int = PARK_SPAN_OFFSETS
    journal_records: int = JOURNAL_RECORDS_MAX
    journal_per_live: int = JOURNAL_PER_LIVE_MAX
