"""Closes the connections that aiokafka would leave behind.

aiokafka 0.14 loses sight of two: the one with which a client introduces itself, when whoever
started the client is cancelled while the broker has yet to answer, and one that is made while its
client is being closed. Each stays open, with a task that reads from it, until the garbage
collector comes by. Guarantees: a client that failed to start, or that was closed, has none.
"""

import weakref
from contextvars import ContextVar
from typing import Any

from aiokafka import client as _module

from handrail.bus.kafka_producer import CHECKED_VERSIONS
from handrail.errors.transport import AiokafkaUnchecked

aiokafka_client: Any = _module  #: aiokafka 0.14 types little of what follows
_Client: Any = aiokafka_client.AIOKafkaClient
_create_conn: Any = aiokafka_client.create_conn
_bootstrap, _close = _Client.bootstrap, _Client.close

_closed: "weakref.WeakSet[Any]" = weakref.WeakSet()
_made: ContextVar[list[Any] | None] = ContextVar("connections of a client that starts")


def leave_no_connection(version: str) -> None:
    """Let the clients of this process close whatever they have opened.

    Raises AiokafkaUnchecked when what it replaces may mean something else in this version. Another
    call changes nothing.
    """
    if version not in CHECKED_VERSIONS:
        raise AiokafkaUnchecked(version=version, checked=", ".join(sorted(CHECKED_VERSIONS)))
    _Client.bootstrap, _Client.close = _tidy_bootstrap, _tidy_close
    aiokafka_client.create_conn = _noted_conn


def is_closed(client: Any) -> bool:
    """Say whether a client was told to close: it needs no connection any more."""
    return client in _closed


def unless_closed(client: Any, connection: Any) -> Any:
    """Give back the connection; close it, and give None, when its client was closed meanwhile."""
    if connection is None or not is_closed(client):
        return connection
    connection.close()
    return None


async def _noted_conn(*where: Any, **how: Any) -> Any:
    connection = await _create_conn(*where, **how)
    made = _made.get(None)
    if made is not None:
        made.append(connection)
    return connection


async def _tidy_bootstrap(self: Any) -> None:
    made: list[Any] = []
    token = _made.set(made)
    try:
        await _bootstrap(self)
    finally:
        _made.reset(token)
        kept = list(self._conns.values())
        for connection in made:
            if connection not in kept or is_closed(self):
                connection.close()


async def _tidy_close(self: Any) -> None:
    _closed.add(self)
    await _close(self)
