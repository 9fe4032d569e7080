"""What the ledger says of rails that hold, and lets through; each opens and closes nothing."""

from dataclasses import dataclass

from handrail.ledger.happened import Happened


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetWarned(Happened):
    """Most of what an invocation was given to spend is used, or set aside. Opens, closes nothing.

    Written with the intent of a step of it, once; after a crash it may be said again.
    """

    agent: str
    invocation: str
    limit_micros: int  #: what its handoff brought, and what people have added to it since
    left_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherCall(Happened):
    """A call needed an approval and has one that was given before, for the task.

    Written with its intent, or with its outcome where it leaves no trace; may be said again.
    """

    agent: str
    invocation: str
    step: str
    call: str  #: with its arguments, in words
    request: str  #: the one that was approved
    by: str
    count: int  #: which of them it is, from 1
    calls: int  #: how many there may be


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRefused(Happened):
    """A call of a tool was refused or has failed, and whoever called it was told so.

    Written with the outcome of its step, for each try of it; of a call that a person has denied, or
    that nobody has approved in time, with what closes the request. May be said again.
    """

    agent: str
    invocation: str
    run: int = 0
    attempt: int = 1  #: which try of the invocation it was
    step: str  #: its path
    tool: str
    state: str  #: one of the 23 of `Refused`
    title: str
    detail: str
    remedy: str
    retry: str  #: what may be done with the call now, as `RetryClass` has it
    retry_after_s: float | None = None
    owner: str | None = None  #: who answers for the tool
    trace: str  #: under which the log of the agent's process has the rest
    request: str | None = None  #: to a person, whose closing is what refused the call
    by: str | None = None  #: who has denied it; None where nobody has decided


OfRails = BudgetWarned | FurtherCall | ActRefused
