"""Lets invocations of all lanes of a process run beside one another, in turn, or alone.

Guarantees: while one runs alone, no other runs; of those in turn one runs at a time. One that
wants to be alone keeps newcomers out for a while, so that it gets its turn; when those that run
do not end in that time, work flows again, and it tries later with more patience. However many want
to be alone, one after the other, the rest gets half of the time: for as long as somebody was kept
out, nobody is let in alone afterwards, unless nothing runs any more for longer than whoever was
kept out takes to ask again. One that rests (an answer, a sleep, a person) does not run.
"""

from handrail.lane.gate import Go, Wait
from handrail.lane.poison import Company

BARRIER_MS_MIN, BARRIER_MS_MAX = 30_000, 600_000  #: doubled each time that it was in vain
FLOW_MS = 60_000  #: between two barriers
ASK_AGAIN_MS = 1_000  #: asking again is due when something has left, or after so long

assert BARRIER_MS_MIN <= BARRIER_MS_MAX


class Turnstile:
    """The one turnstile of a process. `who` names lane and invocation."""

    def __init__(self) -> None:
        """Start with nothing running."""
        self._running: set[str] = set()
        self._alone: str | None = None
        self._in_turn: str | None = None
        self._barrier: str | None = None  # who waits to be alone, with newcomers kept out
        self._barrier_until_ms = 0
        self._barrier_ms = BARRIER_MS_MIN
        self._flow_until_ms = 0
        self._lonely_since_ms: int | None = None  # since when newcomers would be kept out
        self._kept_out = False  # somebody was
        self._owed_until_ms = 0  # nobody is let in alone before that
        self._empty_since_ms: int | None = None  # since when nothing has run

    @property
    def running_count(self) -> int:
        """How many run."""
        return len(self._running)

    def ask(self, who: str, company: Company, now_ms: int) -> Go | Wait:
        """Let one in, or have it wait. ACCEPTED is committed after a Go and before its code runs.

        Whoever was let in says `left` when it ends, rests or never started after all.
        """
        assert who not in self._running
        if self._barrier is not None and now_ms >= self._barrier_until_ms:
            self._barrier = None
            self._barrier_ms = min(self._barrier_ms * 2, BARRIER_MS_MAX)
            self._flow_until_ms = now_ms + FLOW_MS
            self._flow_again(min(now_ms, self._barrier_until_ms))
        self._forgive(now_ms)
        if self._alone is not None or self._barrier not in (None, who):
            self._kept_out = self._kept_out or company is not Company.ALONE
            return Wait(now_ms + ASK_AGAIN_MS)
        if company is Company.ALONE and (self._running or now_ms < self._owed_until_ms):
            if self._barrier is None and now_ms >= max(self._flow_until_ms, self._owed_until_ms):
                self._barrier = who
                self._barrier_until_ms = now_ms + self._barrier_ms
                self._lonely_since_ms = now_ms
            return Wait(now_ms + ASK_AGAIN_MS)
        if company is Company.IN_TURN and self._in_turn is not None:
            return Wait(now_ms + ASK_AGAIN_MS)
        self._let_in(who, company, now_ms)
        return Go()

    def let_out(self, who: str, now_ms: int) -> None:
        """Its trial is over and it runs on; that it survived is committed already."""
        if self._alone == who:
            self._alone = None
            self._flow_again(now_ms)
        self._in_turn = None if self._in_turn == who else self._in_turn

    def left(self, who: str, now_ms: int) -> None:
        """It runs no longer, or no longer wants to; saying so twice does no harm.

        Said once its end or its rest is *committed*: until then the journal shows it alone, and
        whatever starts now could die in its name.
        """
        self.let_out(who, now_ms)
        if who in self._running:
            self._running.discard(who)
            self._empty_since_ms = None if self._running else now_ms
        if self._barrier == who:
            self._barrier = None
            self._flow_again(now_ms)

    def _flow_again(self, now_ms: int) -> None:
        """Newcomers are kept out no longer: let work flow for as long as it was held up."""
        if self._kept_out and self._lonely_since_ms is not None:
            self._owed_until_ms = 2 * now_ms - self._lonely_since_ms
        self._kept_out, self._lonely_since_ms = False, None

    def _forgive(self, now_ms: int) -> None:
        """Owe nothing where nobody came who was kept out: the others have no use for the time."""
        if self._empty_since_ms is not None and now_ms > self._empty_since_ms + ASK_AGAIN_MS:
            self._owed_until_ms = min(self._owed_until_ms, now_ms)

    def _let_in(self, who: str, company: Company, now_ms: int) -> None:
        self._running.add(who)
        self._empty_since_ms = None
        if self._barrier == who:
            self._barrier = None
        if company is Company.ALONE:
            self._alone = who
            self._barrier_ms = BARRIER_MS_MIN
            if self._lonely_since_ms is None:
                self._lonely_since_ms = now_ms
        elif company is Company.IN_TURN:
            self._in_turn = who
