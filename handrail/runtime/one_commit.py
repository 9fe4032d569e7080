"""Writes records all together or not at all, for somebody who has no lane: a person's command.

Guarantees: of one try all records become visible or none, and once the call has returned they are.
Not guaranteed: that they stand there once. A try whose end nobody knows is settled by the next one,
which has the same name, and both may have been written: records must mean the same when they come
twice.
"""

from collections.abc import Sequence

from handrail.bus.port import Bus
from handrail.errors import CommitDoubtful
from handrail.wire.record import Outgoing

TRIES_COUNT_MAX = 3
INIT_DEADLINE_S = 10.0


async def commit_together(bus: Bus, name: str, records: Sequence[Outgoing]) -> Sequence[int]:
    """Write records in one transaction under a name that nobody else uses; give their offsets.

    Raises CommitDoubtful when nobody can know whether they were written, BrokerUnreachable, and
    what the broker refuses.
    """
    for number in range(TRIES_COUNT_MAX):
        producer = bus.lane_producer(name)
        try:
            await producer.init(deadline_s=INIT_DEADLINE_S)
            return await producer.commit(records)
        except CommitDoubtful:
            if number + 1 == TRIES_COUNT_MAX:
                raise
        finally:
            await producer.close()
    raise AssertionError("the last try returns or raises")
