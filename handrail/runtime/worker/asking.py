"""What the steps of a handler wait for, as they begin and as their time passes."""

import math
from dataclasses import dataclass
from datetime import timedelta

from handrail.contract.effect import Effect
from handrail.errors.steps import StepInvalid
from handrail.lane.invocation import Why
from handrail.lane.journal import Entry
from handrail.lane.steps import WAITS_FOR_TIME, Asked
from handrail.runtime.worker.digest import digest_of
from handrail.runtime.worker.wait import Closing, Opening, Wait
from handrail.runtime.worker.waiting import IN_MEMORY_S_MAX, waiting_act

IN_MEMORY_MS_MAX = int(IN_MEMORY_S_MAX * 1000)
SLEEP_S_MAX = 3_650 * 86_400.0


@dataclass(frozen=True, slots=True)
class UntilTime:
    """A sleep. Its end is that of the first attempt, whoever waits for it later."""

    duration_ms: int
    why: Why = Why.SLEEP

    async def opening(self, now_ms: int) -> Opening:
        """Say until when."""
        return Opening({"waits": WAITS_FOR_TIME, "until_ms": now_ms + self.duration_ms})

    def closing(self, intent: Entry) -> Closing:
        """It is over, which is what was wanted."""
        del intent
        return Closing()

    def in_memory_until_ms(self, until_ms: int | None, now_ms: int) -> int:
        """A short sleep to its end, a longer one not at all."""
        if until_ms is None or until_ms - now_ms > IN_MEMORY_MS_MAX:
            return now_ms
        return until_ms


def sleep_wait(path: str, idem_key: str, duration: float | timedelta) -> Wait[None]:
    """Give the step that sleeps. Raises StepInvalid."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
    if not 0 <= seconds <= SLEEP_S_MAX:
        raise StepInvalid(
            step=f"sleep({seconds:g})",
            detail="nobody can sleep for less than nothing, or for so long",
            cure=f"give seconds from 0 to {SLEEP_S_MAX:.0f}, or a timedelta",
        )
    asked = Asked(path, "ctx.sleep", digest_of(seconds), f"sleep({seconds:g})", Effect.PURE)
    return Wait(waiting_act(asked, idem_key, _nothing), UntilTime(math.ceil(seconds * 1000)))


def _nothing(_: bytes) -> None:
    return None
