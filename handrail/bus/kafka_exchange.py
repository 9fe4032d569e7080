"""Counts the requests of one transactional producer after which nobody can know what was written.

aiokafka 0.14 sends a request again when its answer never came, and when the answer says that it may
have been carried out; the commit then says that all is well. Under the transaction protocol that it
speaks (version 0 of each request) the first one may still be on its way: one that ends a
transaction would end the next one instead, half written (KAFKA-17754). A producer with a doubt is
therefore never used again; a new one under the same id makes the broker refuse whatever is late.
"""

from typing import Any

from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    DuplicateSequenceNumber,
    NodeNotReadyError,
    NotCoordinatorError,
    NotEnoughReplicasAfterAppendError,
    RequestTimedOutError,
)
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    TxnOffsetCommitRequest,
)

_TRANSACTIONAL = (
    ProduceRequest,
    AddPartitionsToTxnRequest,
    AddOffsetsToTxnRequest,
    TxnOffsetCommitRequest,
    EndTxnRequest,
)
#: Answers after which it may be in the log although it is sent again. Apache Kafka 4.4: a
#: coordinator whose log took a record too slowly, or with too few replicas, says that it is not
#: available. A partition that has another leader is not among them: its sequence number keeps a
#: record that did arrive from being there twice, and nothing is on its way any more.
_PERHAPS_DONE = frozenset(
    {
        RequestTimedOutError.errno,
        NotEnoughReplicasAfterAppendError.errno,
        CoordinatorNotAvailableError.errno,
        DuplicateSequenceNumber.errno,
    }
)
#: Apache Kafka 4.4: a coordinator that has written the end of a transaction and then finds that it
#: is not the coordinator any more, or loads its log anew, answers as if nothing had happened.
_PERHAPS_ENDED = _PERHAPS_DONE | {NotCoordinatorError.errno, CoordinatorLoadInProgressError.errno}


class Exchange:
    """Stands between a producer and its client, and counts doubts.

    A request counts when it left without an answer, or was answered by something that it may have
    been carried out before. What is asked again because the transaction before is still being
    ended (CONCURRENT_TRANSACTIONS) does not: that answer says that nothing was done.
    """

    def __init__(self, client: Any) -> None:
        """Watch from now on."""
        self.doubts = 0
        self._send = client.send
        client.send = self._watched

    async def _watched(self, node: int, request: Any, **options: Any) -> Any:
        if not isinstance(request, _TRANSACTIONAL):
            return await self._send(node, request, **options)
        try:
            answer = await self._send(node, request, **options)
        except NodeNotReadyError:
            raise  # It never left.
        except BaseException:
            self.doubts += 1
            raise
        doubtful = _PERHAPS_ENDED if isinstance(request, EndTxnRequest) else _PERHAPS_DONE
        self.doubts += sum(code in doubtful for code in _codes(answer))
        return answer


def _codes(answer: Any) -> list[int]:
    """Give what the broker said of each partition, or of the whole."""
    if hasattr(answer, "error_code"):
        return [answer.error_code]
    topics = answer.topics if hasattr(answer, "topics") else answer.errors
    return [partition[1] for _, partitions in topics for partition in partitions]
