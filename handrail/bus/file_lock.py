"""One process at a time, by a lock on a file that the system releases when its holder dies."""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from handrail.errors.broker import BrokerBusy

LOOK_AGAIN_S = 0.05


@contextmanager
def file_lock(path: Path, *, wait_s: float) -> Generator[None]:
    """Hold the lock for the body; it cannot go stale, and the file itself is left behind.

    Raises BrokerBusy when somebody else holds it for longer than `wait_s`. Threads of one process
    exclude each other too.
    """
    deadline = time.monotonic() + wait_s
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise BrokerBusy(lock=path, waited_s=round(wait_s)) from error
                time.sleep(LOOK_AGAIN_S)
        yield
    finally:
        os.close(descriptor)
