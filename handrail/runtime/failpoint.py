"""Named moments at which a process can be made to die, so that each one can be tested.

`HANDRAIL_FAIL_AT=after_intent_commit:3` kills the process, as kill -9 does, when it comes to that
moment for the third time; with `after_intent_commit/refund:3` only steps called `refund` count.
Without the variable nothing is counted and nothing happens.
"""

import os
import signal
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

VARIABLE = "HANDRAIL_FAIL_AT"


class Moment(StrEnum):
    """Where a process may die; each is a row of what a crash can leave behind."""

    AFTER_POLL = "after_poll"  #: records were read, nothing is known of them
    AFTER_ACCEPTED_COMMIT = "after_accepted_commit"  #: it is on record that a suspect runs
    BEFORE_INTENT = "before_intent"  #: a step was asked for, nothing is written
    AFTER_INTENT_PRODUCED = "after_intent_produced"  #: on the broker, and its transaction is open
    AFTER_INTENT_COMMIT = "after_intent_commit"  #: licensed to act, and has not acted
    AFTER_ACT = "after_act"  #: has acted, and nothing about it is written
    AFTER_OUTCOME = "after_outcome"  #: the outcome is on its way to the broker
    AFTER_OUTCOME_PRODUCED = "after_outcome_produced"  #: on the broker, not decided
    AFTER_OUTCOME_COMMIT = "after_outcome_commit"  #: the outcome is committed
    AFTER_BLOB_COMMIT = "after_blob_commit"  #: a large outcome's bytes are, the outcome is not
    AFTER_ANSWER = "after_answer"  #: the answer to a question was read, it is not recorded
    BEFORE_FINAL = "before_final"  #: the handler has returned, nothing of its end is written
    AFTER_FINAL_PRODUCED = "after_final_produced"  #: everything is on the broker, not decided
    AFTER_FINAL_COMMIT = "after_final_commit"  #: everything is committed
    AFTER_FENCE = "after_fence"  #: the owner before is fenced, no epoch is written
    AFTER_EPOCH_COMMIT = "after_epoch_commit"  #: the lane is ours, its answers are not read
    AFTER_ANSWERS_READ = "after_answers_read"  #: they are, and nothing that was begun is judged
    AFTER_RELEASED = "after_released"  #: the lane was let go in words, not yet in deed
    AFTER_LATE_OUTCOME = "after_late_outcome"  #: what came late is committed, its step not judged
    AFTER_IN_DOUBT_COMMIT = "after_in_doubt_commit"  #: a doubt has been put to people
    AFTER_KEPT_JOURNAL_COMMIT = "after_kept_journal_commit"  #: its dead letter is not written
    BEFORE_REDRIVE = "before_redrive"  #: a dead letter is to be sent back, nothing is written
    AFTER_REDRIVE_COMMIT = "after_redrive_commit"  #: it is sent back, and does not run yet


class FailPoints(Protocol):
    """What happens at the named moments."""

    def wants(self, moment: Moment) -> bool:
        """Say whether anything might happen there."""
        ...

    async def reached(self, moment: Moment, step: str = "") -> None:
        """Tell that the process has come there, with which step; may never return."""
        ...

    def struck(self, moment: Moment, step: str = "") -> None:
        """Tell the same from where nobody can wait: within a transaction."""
        ...


class NoFailPoints:
    """Nothing happens anywhere."""

    def wants(self, moment: Moment) -> bool:
        """Nothing ever does."""
        del moment
        return False

    async def reached(self, moment: Moment, step: str = "") -> None:
        """Go on."""

    def struck(self, moment: Moment, step: str = "") -> None:
        """Go on."""


@dataclass(slots=True)
class Countdown:
    """Counts how often a process comes to a moment, with one step or with any."""

    moment: Moment
    step: str
    left: int

    @classmethod
    def of(cls, text: str) -> "Countdown":
        """Read `moment`, `moment:count` or `moment/step:count`; the count begins at 1.

        Raises ValueError for anything else.
        """
        named, _, count = text.partition(":")
        name, _, step = named.partition("/")
        left = int(count or "1")
        if left < 1:
            message = f"{text!r}: the count begins at 1"
            raise ValueError(message)
        return cls(Moment(name), step, left)

    def runs_out(self, moment: Moment, step: str) -> bool:
        """Count this one if it is meant; say whether it was the last."""
        if moment is not self.moment or self.step not in ("", step):
            return False
        self.left -= 1
        return self.left == 0


class KillAt:
    """Kills this process when it comes to a moment for the n-th time."""

    def __init__(self, countdown: Countdown) -> None:
        """Die when it has run out."""
        self._countdown = countdown

    def wants(self, moment: Moment) -> bool:
        """Say whether it is the one that is counted."""
        return moment is self._countdown.moment

    async def reached(self, moment: Moment, step: str = "") -> None:
        """Count it, and die when the count is full."""
        self.struck(moment, step)

    def struck(self, moment: Moment, step: str = "") -> None:
        """Count it, and die when the count is full: no line of it runs after that."""
        if self._countdown.runs_out(moment, step):
            os.kill(os.getpid(), signal.SIGKILL)


def fail_points(setting: str | None) -> FailPoints:
    """Read the variable's setting. Raises ValueError for one that is no moment."""
    if not setting:
        return NoFailPoints()
    return KillAt(Countdown.of(setting))


def fail_points_of_environment() -> FailPoints:
    """Read the variable of this process."""
    return fail_points(os.environ.get(VARIABLE))
