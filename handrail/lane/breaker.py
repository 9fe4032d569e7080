"""Stops calls to a provider's model that mostly fail, and lets them back in step by step.

It opens when at least half of at least 20 calls of the last 30 s have failed. Open, it lets
nothing through; work rests meanwhile and nothing dies of it. Then *half open*: one probe. When
that is answered, the number of calls let through at a time doubles, each time as many have been
answered as may run or RAMP_STEP_MS have passed, until it closes. A failed probe, or failures of
half the calls since the probe began, open it again.

From the moment at which the provider is back, it is closed again after at most OPEN_MS_MAX,
RAMP_MS and the time of two probes, the first of which may have begun too early: 30 s, when a
probe takes up to 9 s. Memory is bounded, whatever passes through.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from handrail.errors import FailureClass
from handrail.lane.gate import Go, Wait
from handrail.lane.newest import Newest
from handrail.lane.window import Window

WINDOW_S = 30
CALLS_COUNT_MIN = 20  #: fewer calls say nothing about a provider
FAILED_SHARE_MAX = 0.5  #: as many or more, and it opens
OPEN_MS_MIN, OPEN_MS_MAX = 2_000, 5_000  #: doubled by each probe that fails
PROBE_MS_USUAL_MAX = 9_000  #: a slower provider is back later
PROBE_MS_MAX = 180_000  #: a probe of which nothing was heard for so long is given up
RAMP_STEP_MS = 1_000
RAMP_CALLS_MAX = 32  #: the last step of the ramp; behind it the breaker is closed
ASK_AGAIN_MS = 500  #: how long those wait for whom the ramp has no place
BREAKERS_COUNT_MAX = 256  #: pairs of provider and model in one process
BACK_MS_MAX = 30_000  #: from a provider's return to the full rate, a two probes included
RAMP_MS = RAMP_STEP_MS * RAMP_CALLS_MAX.bit_length()

assert OPEN_MS_MIN <= OPEN_MS_MAX
assert OPEN_MS_MAX + RAMP_MS + 2 * PROBE_MS_USUAL_MAX < BACK_MS_MAX

_ANSWERED, _FAILED = 0, 1


class Stage(StrEnum):
    """What the breaker lets through."""

    CLOSED = "closed"  #: everything
    OPEN = "open"  #: nothing
    HALF_OPEN = "half_open"  #: a probe, then more and more


class CallEnd(StrEnum):
    """How a call ended, as far as it says something about the provider."""

    ANSWERED = "answered"  #: also with a refusal of what was asked: the provider works
    FAILED = "failed"  #: its side failed, or it was silent, or not to be reached
    THROTTLED = "throttled"  #: it wants fewer calls; that is no outage
    ABANDONED = "abandoned"  #: we gave it up; nobody knows


def call_end(failure_class: FailureClass | None) -> CallEnd:
    """Give the end of a call from the class of its failure; None when it had none."""
    match failure_class:
        case FailureClass.TRANSIENT | FailureClass.OUTAGE:
            return CallEnd.FAILED
        case FailureClass.THROTTLED:
            return CallEnd.THROTTLED
        case FailureClass.FATAL | None:
            return CallEnd.ANSWERED


def beside_breaker(failure_class: FailureClass, stage: Stage) -> FailureClass:
    """Give the class of a failure at a provider: behind an open breaker it is an outage."""
    if failure_class is FailureClass.TRANSIENT and stage is not Stage.CLOSED:
        return FailureClass.OUTAGE
    return failure_class


@dataclass(slots=True)
class _Ramp:
    """One half-open era: how many calls may run, and what became of those that did."""

    places: int
    step_ms: int  #: when `places` last changed
    running: int = 0
    answered: int = 0  #: within this step
    answered_total: int = 0
    failed_total: int = 0


class Breaker:
    """The breaker of one model of one provider in one process.

    `may_call` before each call, `record` after each `Go`, with that `Go`. A `Go` that is never
    recorded holds its place in a ramp until the ramp moves on by time.
    """

    def __init__(self) -> None:
        """Start closed."""
        self._stage = Stage.CLOSED
        self._window = Window(WINDOW_S, 2)
        self._era = 0  # grows with every change of stage: what a call of an earlier one says is old
        self._open_until_ms = 0
        self._open_ms = OPEN_MS_MIN
        self._ramp: _Ramp | None = None

    @property
    def stage(self) -> Stage:
        """What it was at the last question or record."""
        return self._stage

    def may_call(self, now_ms: int) -> Go | Wait:
        """Say whether a call may be made now."""
        if self._stage is Stage.OPEN:
            if now_ms < self._open_until_ms:
                return Wait(self._open_until_ms)
            self._enter(Stage.HALF_OPEN)
            self._ramp = _Ramp(1, now_ms)
        ramp = self._ramp
        if ramp is None:
            return Go(self._era)
        self._pass_time(ramp, now_ms)
        if self._ramp is not None and ramp.running >= ramp.places:
            return Wait(now_ms + ASK_AGAIN_MS)
        ramp.running += 1
        return Go(self._era)

    def record(self, go: Go, end: CallEnd, now_ms: int) -> None:
        """Take in how a call ended; of an earlier era it changes nothing."""
        if go.era != self._era:
            return
        if self._ramp is not None:
            self._record_in_ramp(self._ramp, end, now_ms)
            return
        if end is CallEnd.ANSWERED:
            self._window.add(_ANSWERED, now_ms)
        elif end is CallEnd.FAILED:
            self._window.add(_FAILED, now_ms)
            answered, failed = self._window.totals(now_ms)
            calls = answered + failed
            if calls >= CALLS_COUNT_MIN and failed >= FAILED_SHARE_MAX * calls:
                self._open_ms = OPEN_MS_MIN
                self._open(now_ms)

    def _record_in_ramp(self, ramp: _Ramp, end: CallEnd, now_ms: int) -> None:
        ramp.running = max(0, ramp.running - 1)
        if end is CallEnd.FAILED:
            ramp.failed_total += 1
            if ramp.failed_total >= FAILED_SHARE_MAX * (ramp.failed_total + ramp.answered_total):
                self._open_ms = min(self._open_ms * 2, OPEN_MS_MAX)
                self._open(now_ms)
        elif end is CallEnd.ANSWERED:
            ramp.answered += 1
            ramp.answered_total += 1
            if ramp.answered >= ramp.places:
                self._widen(ramp, now_ms)

    def _pass_time(self, ramp: _Ramp, now_ms: int) -> None:
        if ramp.answered_total == 0:
            # Before its first answer the ramp never widens; a lost probe makes room for another.
            if now_ms - ramp.step_ms >= PROBE_MS_MAX:
                ramp.running, ramp.step_ms = 0, now_ms
            return
        while self._ramp is ramp and now_ms - ramp.step_ms >= RAMP_STEP_MS:
            self._widen(ramp, ramp.step_ms + RAMP_STEP_MS)

    def _widen(self, ramp: _Ramp, now_ms: int) -> None:
        ramp.places, ramp.answered, ramp.step_ms = ramp.places * 2, 0, now_ms
        if ramp.places > RAMP_CALLS_MAX:
            self._enter(Stage.CLOSED)
            self._window.clear()

    def _open(self, now_ms: int) -> None:
        self._enter(Stage.OPEN)
        self._open_until_ms = now_ms + self._open_ms

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        self._era += 1
        self._ramp = None


class Breakers:
    """The breakers by provider and model, at most BREAKERS_COUNT_MAX.

    The one that was used longest ago makes room, and is closed when it is asked for again.
    """

    def __init__(self, count_max: int = BREAKERS_COUNT_MAX) -> None:
        """Start without any."""
        self._held: Newest[tuple[str, str], Breaker] = Newest(Breaker, count_max)

    def of(self, provider: str, model: str) -> Breaker:
        """Give the breaker of a provider's model."""
        return self._held.of((provider, model))

    def items(self) -> Iterable[tuple[tuple[str, str], Breaker]]:
        """Give every breaker under its provider and model."""
        return self._held.items()

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)
