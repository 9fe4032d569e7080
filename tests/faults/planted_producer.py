"""`handrail` with a planted fault: a doubtful commit is taken for one that was not written.

The producer begins anew under the same id and writes the same records once more, instead of
leaving it to the lane to read back what came of the first time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from handrail.bus import kafka
from handrail.bus.kafka_producer import KafkaLaneProducer
from handrail.bus.port import TRANSACTION_DEADLINE_S, OffsetCommit
from handrail.errors import CommitDoubtful
from handrail.wire.record import Outgoing

INIT_DEADLINE_S = 10.0


class WritesAgain(KafkaLaneProducer):
    """Knows better than the broker."""

    def __init__(self, common: Mapping[str, Any], transactional_id: str) -> None:
        super().__init__(common, transactional_id)
        self._common = common
        self._fresh: WritesAgain | None = None

    async def commit(
        self,
        records: Sequence[Outgoing],
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> list[int]:
        if self._fresh is not None:
            return await self._fresh.commit(records, offsets, deadline_s=deadline_s)
        try:
            return await super().commit(records, offsets, deadline_s=deadline_s)
        except CommitDoubtful:
            self._fresh = WritesAgain(self._common, self.transactional_id)
            await self._fresh.init(deadline_s=INIT_DEADLINE_S)
            return await self._fresh.commit(records, offsets, deadline_s=deadline_s)

    async def close(self) -> None:
        if self._fresh is not None:
            await self._fresh.close()
        await super().close()


if __name__ == "__main__":
    kafka.KafkaLaneProducer = WritesAgain
    from handrail.cli.main import main

    main()
