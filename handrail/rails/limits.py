"""How often, and how many at once, a tool is called for one tenant by one process.

Guarantees: never more than the contract says in any window, never more at once; what is refused
takes no place. Processes do not know of one another: the limit is that of each of them.
"""

from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from handrail.contract.terms import Limit

AT_ONCE_WAIT_MS = 1_000  #: when to look again for a place among those that run
KEYS_COUNT_MAX = 4_096


@dataclass(slots=True)
class _Calls:
    began_ms: deque[int] = field(default_factory=deque[int])
    running: int = 0


class CallLimits:
    """The limits of one process."""

    def __init__(self) -> None:
        """Begin with no call."""
        self._calls: dict[tuple[str, str], _Calls] = {}

    def wait_ms(self, tool: str, tenant: str, limit: Limit | None, now_ms: int) -> int:
        """Say in how many milliseconds a call may be tried again; 0 when it may begin now."""
        calls = self._calls.get((tool, tenant))
        if limit is None or calls is None:
            return 0
        if limit.per_tenant is not None and calls.running >= limit.per_tenant:
            return AT_ONCE_WAIT_MS
        if limit.window is None:
            return 0
        count, within_ms = limit.window
        _forget(calls, now_ms - within_ms)
        if len(calls.began_ms) < count:
            return 0
        return max(1, calls.began_ms[0] + within_ms - now_ms)

    @contextmanager
    def running(self, tool: str, tenant: str, limit: Limit | None, now_ms: int) -> Generator[None]:
        """Take a place while the call runs."""
        if limit is None:
            yield
            return
        calls = self._calls.setdefault((tool, tenant), _Calls())
        if limit.window is not None:
            calls.began_ms.append(now_ms)
        calls.running += 1
        try:
            yield
        finally:
            calls.running -= 1
            if len(self._calls) > KEYS_COUNT_MAX:
                self._sweep(now_ms)

    def once_more(self, tool: str, tenant: str, limit: Limit | None, now_ms: int) -> bool:
        """Take a further place in the window for a call that runs; false when there is none."""
        if limit is None or limit.window is None:
            return True
        calls = self._calls.setdefault((tool, tenant), _Calls())
        count, within_ms = limit.window
        _forget(calls, now_ms - within_ms)
        if len(calls.began_ms) >= count:
            return False
        calls.began_ms.append(now_ms)
        return True

    def _sweep(self, now_ms: int) -> None:
        # A day is the longest window there is.
        for key, calls in list(self._calls.items()):
            _forget(calls, now_ms - 86_400_000)
            if not calls.began_ms and not calls.running:
                del self._calls[key]


def _forget(calls: _Calls, until_ms: int) -> None:
    while calls.began_ms and calls.began_ms[0] <= until_ms:
        calls.began_ms.popleft()
