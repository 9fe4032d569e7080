"""The moments within a transaction: its records are on the broker, and nobody has decided on it.

Only for a process that is to die there. Such a transaction is written in two sends, of which the
second has nothing: what happens between the two happens to a transaction that is open and whole.
"""

from collections.abc import Iterator, Sequence

import orjson

from handrail.bus.port import Ahead, LaneProducer, OffsetCommit, Written
from handrail.lane.journal import FACTS_HEADER
from handrail.runtime.failpoint import FailPoints, Moment
from handrail.wire.record import Outgoing

PRODUCED = (
    Moment.AFTER_INTENT_PRODUCED,
    Moment.AFTER_OUTCOME_PRODUCED,
    Moment.AFTER_FINAL_PRODUCED,
)
_BY_KIND = {b"intent": Moment.AFTER_INTENT_PRODUCED, b"outcome": Moment.AFTER_OUTCOME_PRODUCED}
_FINISHED = b"handrail_finished.v1"


async def commit_produced(
    producer: LaneProducer,
    points: FailPoints,
    records: Sequence[Outgoing],
    commit: OffsetCommit | None,
) -> list[int]:
    """Commit as the producer does, and tell of each moment once everything is written."""
    offsets: list[int] = []

    def then(places: Sequence[Written]) -> Sequence[Outgoing]:
        offsets.extend(offset for _, offset in places)
        for moment, step in _moments(records):
            points.struck(moment, step)
        return ()

    await producer.commit_ahead(Ahead(records, then), commit)
    return offsets


def _moments(records: Sequence[Outgoing]) -> Iterator[tuple[Moment, str]]:
    for record in records:
        facts = dict(record.headers).get(FACTS_HEADER)
        kind = (record.key or b"").rsplit(b"/", 2)[-2:-1]
        if facts is not None and record.value is not None and kind and kind[0] in _BY_KIND:
            yield _BY_KIND[kind[0]], str(orjson.loads(facts).get("name", ""))
        elif dict(record.headers).get("ce_type") == _FINISHED:
            yield Moment.AFTER_FINAL_PRODUCED, ""
