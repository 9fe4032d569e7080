"""`handrail` with a planted fault: its lanes commit the offset apart from the records.

The process kills itself between the two, so the fault shows however fast the machine is.
"""

import os
import signal
import sys
from collections.abc import Sequence

from handrail.bus import kafka
from handrail.bus.kafka_producer import KafkaLaneProducer
from handrail.bus.port import TRANSACTION_DEADLINE_S, OffsetCommit
from handrail.wire.record import Outgoing

PLANT = sys.argv.pop(1)
DIES_AT_COMMIT = 2


class TwoCommits(KafkaLaneProducer):
    """Says all or nothing and does one after the other."""

    commits = 0

    async def commit(
        self,
        records: Sequence[Outgoing],
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        handoffs = [one for one in records if not one.topic.endswith(".journal")]
        if offsets is None or not handoffs:
            return await super().commit(records, offsets, deadline_s=deadline_s)
        TwoCommits.commits += 1
        if PLANT == "offset first":
            await super().commit([], offsets, deadline_s=deadline_s)
            self._die()
            return await super().commit(records, deadline_s=deadline_s)
        written = await super().commit(records, deadline_s=deadline_s)
        self._die()
        await super().commit([], offsets, deadline_s=deadline_s)
        return written

    @staticmethod
    def _die() -> None:
        if TwoCommits.commits >= DIES_AT_COMMIT:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    kafka.KafkaLaneProducer = TwoCommits
    from handrail.cli.main import main

    main()
