"""Keeps the retries of a provider's calls for one tenant to a tenth of its calls.

Guarantee: a retry is let through only while the retries of the last 60 s, this one included, are
no more than a tenth of the first tries of the same time, or no more than RETRIES_COUNT_MIN, so that
little traffic can try again too. What is refused is not lost: it rests and asks again.
"""

from handrail.lane.gate import Go, Wait
from handrail.lane.newest import Newest
from handrail.lane.window import Window

RETRY_WINDOW_S = 60
RETRY_SHARE_MAX = 0.1
RETRIES_COUNT_MIN = 6  #: the quick tries of three invocations
RETRY_BUDGETS_COUNT_MAX = 1_024  #: pairs of provider and tenant; one takes about 1 KB

_CALL, _RETRY = 0, 1


class RetryBudget:
    """The retries of one provider and tenant in one process."""

    def __init__(self) -> None:
        """Start with nothing called."""
        self._window = Window(RETRY_WINDOW_S, 2)

    def called(self, now_ms: int) -> None:
        """Count a first try."""
        self._window.add(_CALL, now_ms)

    def may_retry(self, now_ms: int) -> Go | Wait:
        """Say whether a retry may be made now, and count it when it may."""
        calls, retries = self._window.totals(now_ms)
        if retries + 1 <= max(RETRIES_COUNT_MIN, RETRY_SHARE_MAX * calls):
            self._window.add(_RETRY, now_ms)
            return Go()
        until_ms = self._window.leaves_ms(_RETRY, now_ms)
        assert until_ms is not None, "without a retry in the window there is room for one"
        return Wait(until_ms)


class RetryBudgets:
    """The budgets by provider and tenant, at most RETRY_BUDGETS_COUNT_MAX.

    The one that was used longest ago makes room and starts anew when it is asked for again.
    """

    def __init__(self, count_max: int = RETRY_BUDGETS_COUNT_MAX) -> None:
        """Start without any."""
        self._held: Newest[tuple[str, str], RetryBudget] = Newest(RetryBudget, count_max)

    def of(self, provider: str, tenant: str) -> RetryBudget:
        """Give the budget of a provider and a tenant."""
        return self._held.of((provider, tenant))

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)
