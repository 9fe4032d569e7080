"""Deletes what became of requests to people, 30 days after they were closed.

Whoever has answered reads there which answer was taken. Nothing is licensed by it: a request that
is put again is open or not by the journal of its lane, whether or not this is still to be read.
"""

from collections.abc import Sequence
from contextlib import aclosing

import structlog

from handrail.bus.port import Bus
from handrail.errors import HandrailError
from handrail.errors.wire import WireError
from handrail.wire.codec import decode_time
from handrail.wire.human import CLOSED_TYPE, HUMAN
from handrail.wire.record import Outgoing, Record, TopicPartition

log = structlog.get_logger(__name__)

CLOSED_KEPT_MS = 30 * 24 * 3_600_000
TOMBSTONES_COUNT_MAX = 500  #: at a time; the rest goes with the next look


async def forgotten(bus: Bus, namespace: str, partition: int, now_ms: int) -> Sequence[Outgoing]:
    """Give the deletions that are due on one partition of `human`; none when it cannot be read."""
    where = TopicPartition(f"{namespace}.{HUMAN}", partition)
    try:
        due = [
            key
            for key, closed_ms in (await _closed(bus, where)).items()
            if closed_ms < now_ms - CLOSED_KEPT_MS
        ]
    except HandrailError as error:
        log.warning("closed requests not looked at", partition=partition, why=str(error))
        return ()
    return [
        Outgoing(where.topic, key, None, partition=partition) for key in due[:TOMBSTONES_COUNT_MAX]
    ]


async def _closed(bus: Bus, where: TopicPartition) -> dict[bytes, int]:
    """Give what is closed and not deleted, and when it was closed."""
    begin, end = await bus.begin_offset(where), await bus.end_offset(where)
    closed: dict[bytes, int] = {}
    async with aclosing(bus.fetch(where, begin, end)) as records:
        async for record in records:
            key = record.key or b""
            closed.pop(key, None)
            closed_ms = _closed_ms(record)
            if closed_ms is not None:
                closed[key] = closed_ms
    return closed


def _closed_ms(record: Record) -> int | None:
    if record.value is None or record.header("ce_type") != CLOSED_TYPE.encode():
        return None
    try:
        return decode_time((record.header("ce_time") or b"").decode(errors="replace"))
    except WireError:
        return record.timestamp_ms
