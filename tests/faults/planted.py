"""`handrail` with a planted fault: its lanes commit what is finished apart from the records.

The process kills itself between the two, so the fault shows however fast the machine is.
"""

import os
import signal
import sys
from collections.abc import Sequence

from handrail.bus import kafka
from handrail.bus.kafka_producer import KafkaLaneProducer
from handrail.bus.port import TRANSACTION_DEADLINE_S, OffsetCommit
from handrail.lane.journal import PROGRESS_KEY
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
        # The journal's word on what is finished counts; it stands last among the records.
        own = [one for one in records if one.key == PROGRESS_KEY]
        if not own or not handoffs:
            return await super().commit(records, offsets, deadline_s=deadline_s)
        TwoCommits.commits += 1
        rest = [one for one in records if one.key != PROGRESS_KEY]
        if PLANT == "offset first":
            copied = await super().commit(own, offsets, deadline_s=deadline_s)
            self._die()
            return [*await super().commit(rest, deadline_s=deadline_s), *copied]
        written = await super().commit(rest, deadline_s=deadline_s)
        self._die()
        return [*written, *await super().commit(own, offsets, deadline_s=deadline_s)]

    @staticmethod
    def _die() -> None:
        if TwoCommits.commits >= DIES_AT_COMMIT:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    kafka.KafkaLaneProducer = TwoCommits
    from handrail.cli.main import main

    main()
