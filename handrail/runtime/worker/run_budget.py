"""What one run of a handler may spend, and what it hands on of it.

The balance is not stored: each costed step that is recorded is spent again when its run is
repeated, as often as it was begun, so neither a restart nor another try
refills it. Guarantee: no costed act begins that is not covered.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import structlog

from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.tool import Tool
from handrail.lane.failure_class import is_unbilled
from handrail.lane.steps import HARMLESS
from handrail.lane.trying_again import NOTHING_HAPPENED
from handrail.rails.budget import Account, read_budget, written
from handrail.wire.envelope import Envelope

#: Refusals before the act, or of an act that did nothing: they cost nothing.
FREE = NOTHING_HAPPENED | {
    State.INVALID_INPUT,
    State.DENIED_BY_POLICY,
    State.TAINTED_INPUT,
    State.APPROVAL_REJECTED,
    State.APPROVAL_EXPIRED,
    State.BUDGET_EXHAUSTED,
    State.SANDBOX_UNAVAILABLE,
}

log = structlog.get_logger("handrail.rails")


@dataclass(slots=True)
class Bill:
    """What an act costs: what it may cost at most, until somebody knows better."""

    micros: int


class RunBudget:
    """The budget of one run."""

    def __init__(self, envelope: Envelope) -> None:
        """Begin with what the handoff brought."""
        self.account = Account(read_budget(envelope.budget))
        self._task = envelope.task_id
        self._warned = False  # in this run, or in the one that it repeats
        self._due = False  # nobody was told yet

    @contextmanager
    def covering(self, cost: int, *, again: bool = False) -> Generator[Bill]:
        """Set aside what an act may cost while it runs; its bill is spent unless nothing happened.

        What was begun before was covered then, and is only counted `again`.
        """
        account = self.account
        reserved = account.reserved + cost
        self.account = replace(account, reserved=reserved) if again else account.reserve(cost)
        if self.account.warns and not self._warned:
            # What was begun before has been told with its intent.
            self._warned, self._due = True, not again
        bill = Bill(cost)
        try:
            yield bill
        except BaseException as error:
            if (isinstance(error, Refused) and error.state in FREE) or is_unbilled(error):
                bill.micros = 0
            raise
        finally:
            self.account = self.account.settle(cost, bill.micros)
            if self._due and not self.account.warns:
                self._warned = self._due = False  # it was not begun after all

    def take_warning(self) -> Account | None:
        """Give the balance that is to be told, once, when most of it is used; else None."""
        due, self._due = self._due, False
        if due:
            left = written(self.account.left)
            log.warning("most of the budget is used", task=self._task, left=left)
        return self.account if due else None

    def effect_of(self, tool: Tool[..., Any]) -> Effect:
        """Give the effect of a tool: what is paid for leaves that trace, whatever else it does."""
        costs = tool.terms.cost is not None and tool.terms.cost.micros > 0
        if costs and self.account.limit is not None and tool.effect in HARMLESS:
            return Effect.PAID
        return tool.effect

    @property
    def spent(self) -> str | None:
        """What was spent, as it is written; None without a budget."""
        return None if self.account.limit is None else written(self.account.spent)

    def charge(self, cost: int) -> None:
        """Count what an earlier attempt has cost."""
        self.account = replace(self.account, spent=self.account.spent + cost)

    def carried_on(self, envelope: Envelope) -> Envelope:
        """Give the envelope with what is left of its budget."""
        left = written(self.account.left)
        return envelope if left == envelope.budget else envelope.but(budget=left)
