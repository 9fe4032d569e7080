"""Asks a store of secrets, which may hang, in threads of its own.

Guarantees: a store that hangs holds so many threads and no more, none of those that other work of
the process runs in, and none of another store; whoever stops waiting leaves nothing behind that has
not begun; and a process ends all the same.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any, Final, TypeVar

R = TypeVar("R")

THREADS_COUNT_MAX: Final = 8  #: that ask one store at a time


_Read = tuple[Future[Any], Callable[[], Any]]


@dataclass(slots=True)
class _Asked:
    """One store that is being asked."""

    threads: int = 0
    waiting: deque[_Read] = field(default_factory=deque[_Read])


_LOCK: Final = Lock()
_ASKED: Final[dict[int, _Asked]] = {}  # by the store's identity, while a thread asks it


async def ask_store(store: object, read: Callable[[], R]) -> R:
    """Give what a read of a store gives; of reads that wait for a thread the first one is next."""
    future: Future[R] = Future()
    context = copy_context()
    one = (future, lambda: context.run(read))
    with _LOCK:
        asked = _ASKED.setdefault(id(store), _Asked())
        asked.waiting.append(one)
        begins = asked.threads < THREADS_COUNT_MAX
        asked.threads += int(begins)
    if begins:
        # No thread that is waited for at the end of the process: the store may never answer.
        Thread(target=_ask, args=(store, asked), name="store of secrets", daemon=True).start()
    try:
        return await asyncio.wrap_future(future)
    finally:
        with _LOCK:
            if one in asked.waiting:
                asked.waiting.remove(one)


def _ask(store: object, asked: _Asked) -> None:
    while True:
        with _LOCK:
            if not asked.waiting:
                asked.threads -= 1
                if not asked.threads:
                    del _ASKED[id(store)]
                return
            future, read = asked.waiting.popleft()
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(read())
        except BaseException as error:  # noqa: BLE001 - whoever has asked is told
            future.set_exception(error)
        del future, read
