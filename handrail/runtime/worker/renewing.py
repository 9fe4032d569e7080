"""Writes large bodies of unfinished work again before the broker deletes them by their age.

A body that is a claim lies on the blobs topic, which keeps everything for 37 days. What rests for
longer would find it gone. So once a day a lane looks for claims in its journal whose bytes are over
six days old, writes these again, and lets its journal stand for the new ones. Whatever dies
afterwards leaves a dead letter whose bytes outlive it, for that is kept for 30 days.

A crash in between leaves bytes that nobody claims. Bytes that are gone already are said in the log;
whoever is carried out with them says so in a dead letter.

What has not been taken from the inbox by then is not written again: nobody has looked at it yet.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import partial

import structlog

from handrail.errors.wire import WireError
from handrail.lane.claimed import claim_in, claiming
from handrail.lane.journal import Entry, Kind, decode_entry, encode_entry
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.packing import BLOBS, RENEWED_AFTER_MS
from handrail.wire.record import Outgoing, Record, TopicPartition

log = structlog.get_logger("handrail.lane")


async def renew_claims(ground: LaneGround, now_ms: int) -> int:
    """Write again what is claimed and old; give how many claims were renewed.

    Raises BrokerUnreachable.
    """
    old = await _old_blobs(ground, now_ms)
    if not old:
        return 0
    count = 0
    for record in await _claiming_old(ground, old):
        entry = decode_entry(record)
        claim = None if entry is None else claim_in(entry)
        if entry is None or claim is None:
            continue
        try:
            fresh = claiming(entry, await ground.packer.store(await ground.packer.claimed(claim)))
        except WireError as gone:
            log.warning("a claimed body is gone", invocation=entry.invocation, why=str(gone))
            continue
        written = await ground.committer.commit(
            Item((), prepare=partial(_still_live, ground, record, fresh))
        )
        count += len(written)
    return count


async def _old_blobs(ground: LaneGround, now_ms: int) -> Mapping[int, int]:
    """Give below which offset blobs are old, by partition; only where there are any."""
    bus, topic = ground.worker.bus, ground.worker.team.full(BLOBS)
    old: dict[int, int] = {}
    for partition in range((await bus.admin.topics()).get(topic, 0)):
        where = TopicPartition(topic, partition)
        below = await bus.offset_at(where, now_ms - RENEWED_AFTER_MS)
        if below > await bus.begin_offset(where):
            old[partition] = below
    return old


async def _claiming_old(ground: LaneGround, old: Mapping[int, int]) -> Sequence[Record]:
    """Give the live records of the journal that stand for such blobs."""
    lane, found = ground.lane, list[Record]()
    records = ground.worker.bus.fetch(ground.place.journal, lane.live.pointer, lane.live.end)
    async with aclosing(records):
        async for record in records:
            if lane.live.offset(record.key or b"") != record.offset:
                continue
            entry = decode_entry(record)
            claim = None if entry is None else claim_in(entry)
            if claim is not None and claim.offset < old.get(claim.partition, 0):
                found.append(record)
    return found


def _still_live(ground: LaneGround, record: Record, fresh: Entry) -> list[Outgoing]:
    """Write it again unless it has ended meanwhile, and let what is in memory follow."""
    lane = ground.lane
    if lane.live.offset(record.key or b"") != record.offset:
        return []
    if fresh.kind is Kind.OUTCOME:
        lane.steps.of(fresh.invocation).put(fresh)
    held = lane.find(fresh.invocation)
    if fresh.kind is Kind.PARKED and held is not None and held.record is not None:
        held.record = fresh.snapshot
    return [encode_entry(fresh, ground.place.journal)]
