"""When a failed invocation is tried again, in its place, and when it is given up.

Guarantees: the same facts give the same decision; a try is never set at or past the deadline;
what is throttled or meets an outage uses up no attempt and is given up only by the deadline.
Delays have full jitter: anything from nothing to a bound that doubles. An attempt is a try, the
first included: with three quick attempts the first try is followed by two quick ones.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from handrail.errors import FailureClass
from handrail.lane.bounds import PARK_AFTER_S
from handrail.lane.failure_class import Failure
from handrail.wire.dead_letter import Reason

DELAY_MS_MIN, DELAY_MS_MAX = 500, 60_000
QUICK_ATTEMPTS_MAX = 3
AGE_MS_MAX = 3_600_000
_DOUBLINGS_MAX = 32  #: beyond it every delay is at its bound; keeps the numbers small

assert DELAY_MS_MIN <= DELAY_MS_MAX < AGE_MS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """How patiently an agent tries again."""

    delay_ms_min: int = DELAY_MS_MIN  #: the first delay's bound; each further one doubles
    delay_ms_max: int = DELAY_MS_MAX
    quick_attempts_max: int = QUICK_ATTEMPTS_MAX  #: tries before the first rest
    age_ms_max: int = AGE_MS_MAX  #: from the first failure that counts to the last try
    park_after_ms: int = int(PARK_AFTER_S * 1_000)  #: what waits longer rests


class Counts(StrEnum):
    """Whether a failure uses up an attempt."""

    YES = "yes"
    NO = "no"  #: not the fault of the work: the other side is busy or away


def counts(failure_class: FailureClass) -> Counts:
    """Say whether a failure of this class uses up an attempt."""
    match failure_class:
        case FailureClass.FATAL | FailureClass.TRANSIENT:
            return Counts.YES
        case FailureClass.THROTTLED | FailureClass.OUTAGE:
            return Counts.NO
        case _:
            assert_never(failure_class)


@dataclass(frozen=True, slots=True)
class Tries:
    """What has become of an invocation so far; small enough for the journal."""

    counted: int = 0  #: failed tries that used up an attempt
    uncounted: int = 0  #: failed tries that did not, since the last one that did
    since_ms: int | None = None  #: the first failure that counts since the last that does not
    total: int = 0  #: failed tries of all kinds
    first_ms: int | None = None  #: the first failure of all

    def after(self, failure_class: FailureClass, now_ms: int) -> "Tries":
        """Give the tries with one more failure. Age starts anew once an outage is over."""
        first_ms = now_ms if self.first_ms is None else self.first_ms
        told = replace(self, total=self.total + 1, first_ms=first_ms)
        if counts(failure_class) is Counts.NO:
            return replace(told, uncounted=self.uncounted + 1, since_ms=None)
        since_ms = now_ms if self.since_ms is None else self.since_ms
        return replace(told, counted=self.counted + 1, uncounted=0, since_ms=since_ms)


NO_TRIES = Tries()


class GiveUpReason(StrEnum):
    """Why there is no further try."""

    FATAL = "fatal"  #: it would fail again
    ATTEMPTS = "attempts"  #: an unknown failure, as often as it may happen
    AGE = "age"  #: it has failed for as long as it may
    DEADLINE = "deadline"  #: the task's time is over, or as good as over
    RETRY_AFTER = "retry_after"  #: the other side asks for a wait beyond the deadline

    @property
    def dead_letter_reason(self) -> Reason:
        """The word for `dlq.reason`, unless the error names a better one of its own."""
        if self in (GiveUpReason.DEADLINE, GiveUpReason.RETRY_AFTER):
            return Reason.DEADLINE
        return Reason.ATTEMPTS


@dataclass(frozen=True, slots=True)
class RetryQuick:
    """Try again at `at_ms`; keep everything in hand until then."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class RetrySlow:
    """Rest, and try again at `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further try: the handoff becomes a dead letter."""

    reason: GiveUpReason


Retry = RetryQuick | RetrySlow | GiveUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the decision is made, and what bounds it from outside."""

    now_ms: int
    deadline_ms: int
    jitter: float  #: from 0 up to 1, drawn anew for each decision
    not_before_ms: int = 0  #: what breaker, limiter and retry budget ask for, the latest of them


def decide_retry(
    failure: Failure, tries: Tries, moment: Moment, settings: RetrySettings | None = None
) -> Retry:
    """Say what becomes of an invocation whose newest try has failed.

    `tries` includes that failure (`Tries.after`). `not_before_ms` only ever delays: what it would
    push past the deadline is set just before it, and the gate is asked again then.
    """
    settings = settings or RetrySettings()
    failure_class = failure.failure_class
    if failure_class is FailureClass.FATAL:
        return GiveUp(GiveUpReason.FATAL)
    now_ms, deadline_ms = moment.now_ms, moment.deadline_ms
    if now_ms >= deadline_ms:
        return GiveUp(GiveUpReason.DEADLINE)
    asked_ms = now_ms + (failure.retry_after_ms or 0)
    if asked_ms >= deadline_ms:
        if failure_class is not FailureClass.OUTAGE:
            return GiveUp(GiveUpReason.RETRY_AFTER)
        asked_ms = now_ms
    if counts(failure_class) is Counts.NO:
        at_ms = _not_late(max(asked_ms, moment.not_before_ms), deadline_ms, tries, moment, settings)
        rests = failure_class is FailureClass.OUTAGE or at_ms - now_ms > settings.park_after_ms
        return RetrySlow(at_ms) if rests else RetryQuick(at_ms)
    if failure.quick_only and tries.counted >= settings.quick_attempts_max:
        return GiveUp(GiveUpReason.ATTEMPTS)
    since_ms = now_ms if tries.since_ms is None else tries.since_ms
    old_ms = since_ms + settings.age_ms_max
    # The last try comes a short delay before the end, so that no time is left for another.
    if now_ms >= old_ms - settings.delay_ms_min:
        return GiveUp(GiveUpReason.AGE)
    if now_ms >= deadline_ms - settings.delay_ms_min:
        return GiveUp(GiveUpReason.DEADLINE)
    end_ms = min(old_ms, deadline_ms)
    at_ms = _not_late(max(asked_ms, moment.not_before_ms), end_ms, tries, moment, settings)
    quick = tries.counted < settings.quick_attempts_max
    if quick and at_ms - now_ms <= settings.park_after_ms:
        return RetryQuick(at_ms)
    return RetrySlow(at_ms)


def _not_late(
    from_ms: int, end_ms: int, tries: Tries, moment: Moment, settings: RetrySettings
) -> int:
    """Give an instant after `from_ms` with full jitter, never as late as `end_ms`."""
    if moment.now_ms >= end_ms - settings.delay_ms_min:
        return end_ms - 1  # one last try instead of ever more in less and less time
    doublings = min(max(tries.counted + tries.uncounted - 1, 0), _DOUBLINGS_MAX)
    bound_ms = min(settings.delay_ms_min << doublings, settings.delay_ms_max)
    # A wait that was asked for is kept even within the last short delay before the end.
    latest_ms = max(end_ms - settings.delay_ms_min, min(from_ms, end_ms - 1))
    return min(from_ms + int(moment.jitter * bound_ms), latest_ms)
