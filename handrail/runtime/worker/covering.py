"""Covers what an act may cost before anything of it begins, with a person's help if need be.

What an act costs is counted for each of its attempts. Guarantees: nobody is asked to raise the
budget for a call that its contract, its labels, the policy or a rate would refuse; what was asked
before is waited for, whatever would refuse it now; no act is covered twice.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from pydantic import Field

from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.lane.charging import charged, charged_before
from handrail.lane.steps import StepRecord
from handrail.ledger.event import RequestKind
from handrail.rails.budget import in_words, micros_of, written
from handrail.rails.gateway import Stopped
from handrail.runtime.worker.asking import Asker, ask_person_wait
from handrail.runtime.worker.wait import Wait
from handrail.runtime.worker.waiting import RunSteps

T = TypeVar("T")

RAISES_COUNT_MAX: Final = 16  #: how often a person is asked for more, for the tries of one act

Amount = Annotated[float, Field(ge=0, le=1e6)]  #: by which a person raises a budget


async def nothing_stops() -> Stopped | None:
    """Know nothing that would refuse it before it is paid for."""
    return None


@dataclass(frozen=True, slots=True)
class Covering:
    """What one run of a handler pays for."""

    steps: RunSteps
    asker: Asker

    async def paid(
        self,
        name: str,
        cost: int,
        path: str,
        carry: Callable[[Stopped | None], Awaitable[T]],
        stopping: Callable[[], Awaitable[Stopped | None]] = nothing_stops,
    ) -> T:
        """Carry out what costs at most so much, once that is left; `Refused` when it is not.

        What is `stopping` it is asked before a person is, and given to `carry` in place of money.
        """
        budget = self.steps.budget
        earlier = self._charged_before(path)
        budget.charge(cost * earlier)
        stopped = await self._cover(name, cost, path, stopping)
        try:
            return await carry(stopped)
        finally:
            # A step that was open may have been begun once more.
            more = charged_before(self.steps.known(path)) - earlier
            budget.charge(cost * max(0, more))

    def _charged_before(self, path: str) -> int:
        """Give how many attempts are paid for beside the one that is about to be counted."""
        record = self.steps.known(path)
        return charged(record) if _is_begun_again(record) else charged_before(record)

    async def _cover(
        self, name: str, cost: int, path: str, stopping: Callable[[], Awaitable[Stopped | None]]
    ) -> Stopped | None:
        """Ask a person for more where an act costs more than is left; `Refused` for nothing."""
        steps, record = self.steps, self.steps.known(path)
        begun = is_settled(record)
        settled = begun and not _is_begun_again(record)
        for count in range(1, RAISES_COUNT_MAX + 1):
            # Each try may have used up what was given for the one before.
            ask_path = beside(path, "b" * count)
            if not is_settled(steps.known(ask_path)):
                if settled or steps.budget.account.fits(cost):
                    return None
                # What has begun is not judged a second time.
                stopped = None if begun else await stopping()
                if stopped is not None:
                    return stopped
            by = micros_of(await steps.wait_for(self._raise(ask_path, name, cost)))
            steps.budget.account = steps.budget.account.raised(by)
            if not by and not settled and not steps.budget.account.fits(cost):
                break
        if not settled and not steps.budget.account.fits(cost):
            raise used_up(name)
        return None

    def _raise(self, ask_path: str, name: str, cost: int) -> Wait[float]:
        left = self.steps.budget.account.left
        rest = f"{in_words(left)} is left" if left else "Nothing is left"
        return ask_person_wait(
            self.asker,
            ask_path,
            f"{rest} of the budget of this task, and {name} costs up to {in_words(cost)}."
            " By how much is it raised? 0 refuses it.",
            returns=Amount,
            choices=(),
            within_s=None,
            # What is left may be another amount when the run comes again.
            known_as=f"The budget of this task is used up, and {name} costs {written(cost)}."
            " By how much is it raised? 0 refuses it.",
            kind=RequestKind.BUDGET,
        )


def used_up(name: str) -> Refused:
    """Give the refusal of what the budget of its task does not cover."""
    return Refused(State.BUDGET_EXHAUSTED, f"{name} costs more than is left of the task's budget")


def is_settled(record: StepRecord | None) -> bool:
    """Say whether a step was begun or has ended, so that nothing is left to be judged."""
    if record is None:
        return False
    begun = record.intent is not None and "void" not in record.intent.facts
    return record.outcome is not None or begun


def beside(path: str, letter: str) -> str:
    """Name a step that belongs to the act of a step."""
    step, _, index = path.partition(".")
    return f"{step}.{letter}{index or 0}"


def act_of(path: str) -> str:
    """Name the step whose act such a step belongs to."""
    step, _, index = path.partition(".")
    return step if index[1:] == "0" else f"{step}.{index[1:]}"


def _is_begun_again(record: StepRecord | None) -> bool:
    """Say whether it is paid for once more now: what was begun before is lost."""
    if record is None or record.outcome is not None or record.intent is None:
        return False
    facts = record.intent.facts
    return "void" in facts or Effect(str(facts["effect"])) is Effect.PAID
