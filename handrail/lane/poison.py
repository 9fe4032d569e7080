"""Finds the handoff that kills its process, from what the journal says of those that ran.

An epoch of a lane ends *clean* when its owner wrote RELEASED or CLOSED in it, *continued* when the
same process opens the next one (which voids its RELEASED), else *unclean*: the process died, or
was silent for longer than its session. Whatever ran when a life ended unclean is *involved* once
more. First it becomes a suspect: suspects run one at a time, beside innocents. Involved again, it
runs alone: nothing else runs in its whole process meanwhile (`Turnstile`). What dies alone three
times without surviving a trial in between is quarantined: a dead letter with the reason `poison`.

It is a suspect until it has ended or its own code has come to a rest: a sleep, a question, a next
try. What rests for a pause, a provider or another version stays what it was.

Guarantees: an invocation is quarantined only after three unclean ends during each of which the
journal shows it alone. So a poison handoff never takes an innocent one with it, whatever runs
beside it, and kills from outside harm nobody until three of them have hit the same invocation while
it ran alone. An outside killer that does exactly that, three times and each time within the trial,
does get an innocent one quarantined: from within nobody can tell the two apart. So does a session
lost three times in that way, by a machine that freezes for example. The dead letter keeps all its
outcomes, and a redrive starts without suspicion.

A process that dies before anything of an invocation is in the journal leaves no name. So after an
unclean end the next owner commits ACCEPTED before the handler for as many handoffs as can have
been in hand; the second death then has names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from handrail.lane.bounds import BUFFERED_COUNT_MAX

LONELY_DEATHS_MAX = 3
ALONE_FROM_INVOLVED = 2  #: a single unclean end is more often a killed machine than a handoff
TRIAL_MS_MIN, TRIAL_MS_MAX = 1_000, 3_600_000  #: doubled each time, so that slow poison is met too
_DOUBLINGS_MAX = 32

assert TRIAL_MS_MIN <= TRIAL_MS_MAX


class Presence(StrEnum):
    """What the newest ACCEPTED of an invocation says about its code."""

    WAITING = "waiting"  #: not started, or it rests; it cannot have killed anything
    RUNNING = "running"  #: running, perhaps beside others
    ALONE = "alone"  #: running, and nothing else in its process


class Company(StrEnum):
    """Beside whom an invocation may run, and what must be committed first."""

    ANY = "any"  #: beside all others
    ON_RECORD = "on_record"  #: beside all others, once its ACCEPTED is committed
    IN_TURN = "in_turn"  #: beside innocents, one suspect at a time, once ACCEPTED is committed
    ALONE = "alone"  #: nothing else runs in the process, once ACCEPTED says so


class EpochEnd(StrEnum):
    """How the life before this opening ended."""

    NONE = "none"  #: nobody had opened the lane before
    CLEAN = "clean"  #: its owner said that it was leaving
    CONTINUED = "continued"  #: it goes on: this process is that owner
    UNCLEAN = "unclean"  #: it died, or was silent for too long


@dataclass(frozen=True, slots=True)
class Standing:
    """What is held against an invocation; part of the facts of its ACCEPTED."""

    presence: Presence = Presence.WAITING
    involved_count: int = 0  #: unclean ends while it ran
    lonely_count: int = 0  #: of them those while it ran alone, since it last survived a trial

    @property
    def company(self) -> Company:
        """Beside whom it may run."""
        if self.involved_count == 0:
            return Company.ANY
        return Company.ALONE if self.involved_count >= ALONE_FROM_INVOLVED else Company.IN_TURN

    @property
    def is_poison(self) -> bool:
        """True when it is to be quarantined."""
        return self.lonely_count >= LONELY_DEATHS_MAX

    @property
    def trial_ms(self) -> int:
        """How long a suspect keeps the others out before it counts as having survived."""
        doublings = min(max(self.involved_count - 1, 0), _DOUBLINGS_MAX)
        return min(TRIAL_MS_MIN << doublings, TRIAL_MS_MAX)

    def started(self) -> "Standing":
        """Give what is written in ACCEPTED, and for a suspect committed, before its code runs."""
        alone = self.company is Company.ALONE
        return replace(self, presence=Presence.ALONE if alone else Presence.RUNNING)

    def survived(self) -> "Standing":
        """Give what is committed after a trial, before anything else starts in the process."""
        return replace(self, presence=Presence.RUNNING, lonely_count=0)

    def rested(self) -> "Standing":
        """Give what is committed in the transaction in which it parks, by its own code.

        A run that came to its rest has killed nobody, and is no suspect any more. One that only
        goes on resting, as it did before its process died, has shown nothing.
        """
        return NOTHING_HELD if self.presence is not Presence.WAITING else self

    def unfinished(self) -> "Standing":
        """Give the standing of a run that was cut off in words, not by a death."""
        return replace(self, presence=Presence.WAITING)

    def after(self, end: EpochEnd) -> "Standing":
        """Give the standing at the next opening."""
        match end:
            case EpochEnd.CONTINUED:
                return self
            case EpochEnd.NONE | EpochEnd.CLEAN:
                return self.unfinished()
            case EpochEnd.UNCLEAN:
                ran = self.presence is not Presence.WAITING
                alone = self.presence is Presence.ALONE
                return Standing(
                    Presence.WAITING, self.involved_count + ran, self.lonely_count + alone
                )
            case _:
                assert_never(end)

    def facts(self) -> dict[str, object]:
        """Give it as facts of a journal record."""
        return {
            "presence": self.presence.value,
            "involved": self.involved_count,
            "lonely": self.lonely_count,
        }

    @classmethod
    def of(cls, facts: Mapping[str, object]) -> "Standing":
        """Read what `facts` gave; what is missing holds nothing against it. Raises ValueError."""
        found = cls(
            Presence(str(facts.get("presence", Presence.WAITING))),
            int(str(facts.get("involved", 0))),
            int(str(facts.get("lonely", 0))),
        )
        return NOTHING_HELD if found == NOTHING_HELD else found


NOTHING_HELD = Standing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the journal says at an opening, before the new EPOCH is written."""

    process: str  #: who opens the lane: unique for each start of a process
    epoch: int | None = None  #: of the newest EPOCH; None when there is none
    owner: str = ""  #: the process that wrote it
    released_epoch: int | None = None  #: of the newest RELEASED
    closed_epoch: int | None = None  #: of the newest CLOSED
    accepted: Mapping[str, Standing] = field(default_factory=dict[str, Standing])


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows for the new owner."""

    end: EpochEnd
    #: Of every invocation with an ACCEPTED; those that changed are written with the new EPOCH, in
    #: the same transaction, so that each end counts once however often the opening is cut off.
    standings: Mapping[str, Standing]
    changed: Mapping[str, Standing]
    quarantined: frozenset[str]  #: dead letters, reason `poison`; their handlers never start
    on_record_count: int  #: how many handoffs, from the low offset on, have `Company.ON_RECORD`


def judge(found: Found) -> Judgement:
    """Say how the last life of a lane ended and what that means for each invocation."""
    end = _end(found)
    standings = {id_: standing.after(end) for id_, standing in found.accepted.items()}
    return Judgement(
        end,
        standings,
        {id_: now for id_, now in standings.items() if now != found.accepted[id_]},
        frozenset(id_ for id_, standing in standings.items() if standing.is_poison),
        BUFFERED_COUNT_MAX if end is EpochEnd.UNCLEAN else 0,
    )


def _end(found: Found) -> EpochEnd:
    if found.epoch is None:
        return EpochEnd.NONE
    if found.owner == found.process:
        return EpochEnd.CONTINUED
    # An older RELEASED or CLOSED is void: its process came back and opened the newer epoch.
    if found.epoch in (found.released_epoch, found.closed_epoch):
        return EpochEnd.CLEAN
    return EpochEnd.UNCLEAN
