"""Closes the connections that aiokafka would leave behind.

aiokafka 0.14 loses sight of two: the one with which a client introduces itself, when whoever
started the client is cancelled while the broker has yet to answer, and one that is made while its
client is being closed. Each stays open, with a task that reads from it, until the garbage
collector comes by. Guarantees: a client that failed to start, or that was closed, has none;
what a client has let go of is kept by nobody.
"""

import weakref
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from aiokafka import client as _module

from handrail.bus.kafka_producer import CHECKED_VERSIONS
from handrail.errors.transport import AiokafkaUnchecked

aiokafka_client: Any = _module  #: aiokafka 0.14 types little of what follows
_Client: Any = aiokafka_client.AIOKafkaClient
_create_conn: Any = aiokafka_client.create_conn
_bootstrap, _close = _Client.bootstrap, _Client.close

_closed: "weakref.WeakSet[Any]" = weakref.WeakSet()


@dataclass(slots=True)
class _Start:
    """What a client has made while it started; what it made later it looks after itself."""

    made: list[Any] = field(default_factory=list[Any])
    is_over: bool = False


_start: ContextVar[_Start | None] = ContextVar("start of a client")


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
    start = _start.get(None)
    # The task that keeps up with the cluster was begun within the start, and inherits it for good.
    if start is not None and not start.is_over:
        start.made.append(connection)
    return connection


async def _tidy_bootstrap(self: Any) -> None:
    start = _Start()
    token = _start.set(start)
    try:
        await _bootstrap(self)
    finally:
        _start.reset(token)
        start.is_over = True
        kept = list(self._conns.values())
        while start.made:
            connection = start.made.pop()
            if connection not in kept or is_closed(self):
                connection.close()


async def _tidy_close(self: Any) -> None:
    _closed.add(self)
    await _close(self)
