"""Numbers that documents promise to people: whoever changes one changes what was promised.

Other tests take these numbers from the code, so that a changed one would pass them unnoticed.
"""

import pytest

from handrail.bus import kafka_consumer, kafka_producer, port
from handrail.lane import (
    bounds,
    breaker,
    gather,
    poison,
    redrives,
    references,
    retry,
    retry_budget,
    wave,
    weighing,
)
from handrail.runtime.topics import BLOBS_KEPT_DAYS
from handrail.runtime.worker import committer, opening, packing, place, retention, stepping, waiting
from handrail.runtime.worker.silence import SILENCE_S_MAX
from handrail.wire import limits

DAY_MS = 24 * 3_600_000
KIB = 1024

OF_A_LANE = bounds.LaneBounds(
    running=64,
    buffered=256,
    per_key=1_000,
    span=10_000,
    parked=100_000,
    park_after_s=30.0,
    park_span=5_000,
    journal_records=50_000,
    journal_per_live=4,
)
NUMBERS = [
    ("what is closed knows its late parts", bounds.GATHER_KEPT_AFTER_DEADLINE_S, 3_600),
    ("a gather waits, of the time that is left", gather.WITHIN_SHARE_OF_TIME_LEFT, 0.9),
    ("hops", limits.HOP_COUNT_MAX, 16),
    ("parts of a fan-out", place.FAN_OUT_PARTS_MAX, 16),
    ("parts of a fan-out, where a team asks for more", limits.PARTS_COUNT_MAX, 256),
    ("an orderly end waits for acts", place.DRAIN_S, 120),
    ("a task's time", place.TASK_DEADLINE_S, 7 * 86_400),
    ("a run that waits for an agent is in memory", waiting.IN_MEMORY_S_MAX, 30),
    ("a licence counts", stepping.LICENCE_S_MAX, 2),
    ("items of a transaction", committer.BATCH_ITEMS_MAX, 100),
    ("bytes of a transaction", committer.BATCH_BYTES_MAX, 4_000_000),
    ("our own deadline of a transaction", port.TRANSACTION_DEADLINE_S, 5),
    ("the broker's deadline of a transaction", kafka_producer.TRANSACTION_TIMEOUT_MS, 10_000),
    ("a proof of membership", opening.PROOF_DEADLINE_S, 5),
    ("a session", kafka_consumer.SESSION_TIMEOUT_MS, 6_000),
    ("a heartbeat", kafka_consumer.HEARTBEAT_INTERVAL_MS, 1_000),
    ("a group rearranges itself", kafka_consumer.REBALANCE_TIMEOUT_MS, 30_000),
    ("a silence, half of a session", SILENCE_S_MAX, 3),
    ("finished work is kept", retention.KEPT_MS, 7 * DAY_MS),
    ("a lane deletes", retention.EVERY_S, 3_600),
    ("large bodies are written again", retention.RENEWS_EVERY * retention.EVERY_S, 86_400),
    ("a larger body travels as a claim", limits.CLAIM_OVER_BYTES, 64 * KIB),
    ("a message", limits.BODY_BYTES_MAX, 900 * KIB),
    ("headers of a dead letter", limits.DLQ_HEADERS_BYTES_MAX, 8 * KIB),
    ("the stack in a dead letter", limits.DLQ_STACK_BYTES_MAX, 4 * KIB),
    ("what a dead letter keeps of a claimed body", limits.DLQ_BODY_HEAD_BYTES, 64 * KIB),
    ("a reference is known", references.REPEAT_WITHIN_MS, DAY_MS),
    ("the first delay of a try", retry.RetrySettings().delay_ms_min, 500),
    ("the longest delay of a try", retry.RetrySettings().delay_ms_max, 60_000),
    ("quick tries", retry.RetrySettings().quick_attempts_max, 3),
    ("tries go on", retry.RetrySettings().age_ms_max, 3_600_000),
    ("retries among calls", retry_budget.RETRY_SHARE_MAX, 0.1),
    ("retries are counted over", retry_budget.RETRY_WINDOW_S, 60),
    ("a breaker looks back", breaker.WINDOW_S, 30),
    ("a breaker judges from", breaker.CALLS_COUNT_MIN, 20),
    ("a breaker opens at", breaker.FAILED_SHARE_MAX, 0.5),
    ("a provider that is back has its full rate", breaker.BACK_MS_MAX, 30_000),
    ("poison has died alone", poison.LONELY_DEATHS_MAX, 3),
    ("one handoff is sent back", redrives.REDRIVE_COUNT_MAX, 3),
    ("dead letters are kept", redrives.KEPT_MS, 30 * DAY_MS),
    ("a wave stops over", wave.FAILED_SHARE_MAX, 0.2),
    ("a wave begins with", wave.CANARY_COUNT, 1),
    ("high ones for each normal one", weighing.HIGH_FOR_EACH_NORMAL, 4),
]


def test_the_bounds_of_a_lane_are_those_that_are_promised() -> None:
    assert bounds.LaneBounds() == OF_A_LANE


@pytest.mark.parametrize(("what", "found", "promised"), NUMBERS)
def test_a_number_is_the_one_that_is_promised(what: str, found: float, promised: float) -> None:
    assert found == promised, what


def test_a_large_body_outlives_the_dead_letter_of_what_rests() -> None:
    looks_ms = retention.RENEWS_EVERY * retention.EVERY_S * 1000

    assert packing.RENEWED_AFTER_MS + looks_ms + redrives.KEPT_MS <= BLOBS_KEPT_DAYS * DAY_MS
