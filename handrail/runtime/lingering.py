"""Ends a process whose work is over and in which a thread is left that does not end.

Python waits for its threads at the end, for as long as they take. A handler that was cut off in
`asyncio.to_thread` leaves one behind that nobody can stop: the order to end, and every further one,
would go unheard. By then all is committed and the groups are left; nothing is lost by it.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from handrail.runtime.standstill import where_it_stands

THREADS_END_S: Final = 2.0


def end_without_threads(
    code: int, *, within_s: float = THREADS_END_S, end: Callable[[int], object] = os._exit
) -> None:
    """Have this process end with `code` in so long, if it has not by itself."""

    def at_last() -> None:
        time.sleep(within_s)
        try:
            tell()
        except (OSError, ValueError):  # nobody is there any more who would read it
            pass
        finally:
            end(code)

    def tell() -> None:
        main = threading.main_thread()
        left = [one for one in threading.enumerate() if not one.daemon and one is not main]
        for one in left or [main]:
            # Indented: why it ends, if anything, was said before, and stays its last sentence.
            where = where_it_stands(one.ident)
            sys.stderr.write(f"  It ends without its thread {one.name}, which stands at {where}.\n")
        sys.stdout.flush()
        sys.stderr.flush()

    threading.Thread(target=at_last, name="end-without-threads", daemon=True).start()
