"""What the ledger says of the budget of a task."""

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
