"""Waits until a team has come to rest, and reads its books then."""

import time
from contextlib import aclosing

from handrail.ledger.event_record import LEDGER
from handrail.wire.record import TopicPartition
from tests.faults.books import Books, read_books
from tests.faults.ground import Ground, Reader
from tests.waiting import until

QUIET_S = 1.5


async def reached(reader: Reader, count: int) -> bool:
    """Say whether that many records are there."""
    return await reader.count() >= count


async def settled(ground: Ground) -> Books:
    """Read the books once nothing has been written for a while, and every event is counted."""
    last: dict[str, int] = {}
    changed_s = time.monotonic()

    async def rests() -> bool:
        nonlocal last, changed_s
        counts = {
            name: sum(end for _, end in (await ground.bus.admin.offsets(name)).values())
            for name in await ground.bus.admin.topics()
            if name.startswith(f"{ground.namespace}.")
        }
        if counts != last:
            last, changed_s = counts, time.monotonic()
        return time.monotonic() - changed_s > QUIET_S and await _counted(ground)

    await until(rests, within_s=60, what="nothing moves any more")
    return await read_books(ground.bus, ground.namespace)


async def _counted(ground: Ground) -> bool:
    """Say whether the registrar, if there ever was one, has taken in everything on the ledger.

    After a broker was away it waits some seconds before it opens a partition anew.
    """
    bus, ledger = ground.bus, f"{ground.namespace}.{LEDGER}"
    read = await bus.admin.committed(f"{ground.namespace}.registrar", ledger)
    for partition, place in read.items():
        where = TopicPartition(ledger, partition)
        async with aclosing(bus.fetch(where, place.offset, await bus.end_offset(where))) as records:
            async for _ in records:
                return False  # the marker of a transaction is no record
    return True
