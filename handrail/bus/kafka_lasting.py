"""Lets the clients of aiokafka outlive what happens to their connections.

aiokafka 0.14: a connection that was reset counts as connected for one more turn of the event loop;
writing to it raises RuntimeError under uvloop, which nothing there expects. Where it hits the task
by which a client keeps up with its cluster, that task ends unseen, and whoever waits for news of
the cluster waits for ever: a member of a group whose broker comes back then never joins again.
Guarantees: writing to a closed connection is an error of the connection; whatever ends that task
but the closing of its client, it is begun again, and who waited for it is told to ask again.
"""

import asyncio
from typing import Any

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

from handrail.bus.kafka_producer import CHECKED_VERSIONS
from handrail.errors.transport import AiokafkaUnchecked

log = structlog.get_logger("handrail.kafka")

PAUSE_S = 0.1

_Client: Any = AIOKafkaClient  #: aiokafka 0.14 types little of what follows
_Connection: Any = AIOKafkaConnection
_synchronize, _send = _Client._md_synchronizer, _Connection.send


def outlive_connections(version: str) -> None:
    """Let the clients of this process go on whatever their connections do.

    Raises AiokafkaUnchecked when what it replaces may mean something else in this version. Another
    call changes nothing.
    """
    if version not in CHECKED_VERSIONS:
        raise AiokafkaUnchecked(version=version, checked=", ".join(sorted(CHECKED_VERSIONS)))
    _Client._md_synchronizer = _lasting_synchronizer
    _Connection.send = _checked_send


def _checked_send(self: Any, request: Any, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002 - as aiokafka has it
    try:
        return _send(self, request, expect_response)
    except RuntimeError as error:
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        words = f"Connection at {self.host}:{self.port} broken: {error}"
        raise KafkaConnectionError(words) from error


async def _lasting_synchronizer(self: Any) -> None:
    task = asyncio.current_task()
    assert task is not None
    while True:
        why = "it had ended"
        try:
            await _synchronize(self)
        except asyncio.CancelledError:
            if task.cancelling():
                raise  # its client is closed
            why = "a future of its was cancelled"
        except Exception as error:  # noqa: BLE001 - whatever it is, the cluster has to be known
            why = f"{type(error).__name__}: {error}"
        log.warning("cluster is asked for anew", why=why)
        waited_for, self._md_update_fut = self._md_update_fut, None
        self._md_update_waiter = asyncio.get_running_loop().create_future()
        if waited_for is not None and not waited_for.done():
            waited_for.set_result(False)
        await asyncio.sleep(PAUSE_S)
