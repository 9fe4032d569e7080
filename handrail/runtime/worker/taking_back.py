"""One try of taking an act back: a claim beside its intent, a last look, a mark beside its outcome.

Guarantees: the claim is written in the transaction of the intent, so nothing is taken back that a
later undo could not see was begun; before the tool is called the ledger is read as far as that very
claim, and the tool is called only if no other claim is in its way. The key under which it is
called depends on the act alone. What refuses a later attempt is never taken for what became of an
earlier one.
"""

import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.errors.transport import BrokerUnreachable
from handrail.lane.begun import may_have_acted_before
from handrail.lane.recorded_anew import MAY_HAVE_HAPPENED
from handrail.lane.steps import HARMLESS, Asked, key_good_until_ms
from handrail.ledger.taking_back import Claim, Done, Marks
from handrail.ledger.undo_event import ActUndone, UndoBegun
from handrail.runtime.acts_of_task import MarksOf
from handrail.runtime.worker.flights import LicenceRanOut
from handrail.runtime.worker.ground import Act
from handrail.runtime.worker.waiting import RunSteps
from handrail.wire.rfc3339 import rfc3339

R = TypeVar("R")

LOOK_LICENSED_S_MAX = 1.0  #: a look that takes longer needs another licence before the act
LOOKS_COUNT_MAX = 10  #: looks in a row that took longer


@dataclass(slots=True)
class TakingBack:
    """What is known of one try, for whoever carries the tool out."""

    task: str  #: whose act it is
    act: Done
    ruled: tuple[str, ...]  #: the claims that it overrules by the word of a person
    by_key: tuple[str, ...]  #: those that it overrules while their receiver knows the key
    by: str
    marks: MarksOf
    clock: Callable[[], float] = field(default=time.monotonic, init=False)  #: the machine's own
    _attempt: int = field(default=1, init=False)
    _long_looks: int = field(default=0, init=False)

    @property
    def key(self) -> str:
        """The key under which a receiver is asked to take it back, by whatever undo."""
        return hashlib.sha256(f"undo/{self.act.act}".encode()).hexdigest()

    @property
    def _over(self) -> tuple[str, ...]:
        return self.ruled + self.by_key

    def begun(self, steps: RunSteps, asked: Asked, claim: str, attempt: int) -> UndoBegun:
        """Give the claim that goes with the intent of an attempt."""
        self._attempt = attempt
        return UndoBegun(
            task_id=self.task,
            tenant=self.act.tenant,
            time_ms=steps.now_ms(),
            act=self.act.act,
            undo_task=steps.invocation.task_id,
            claim=claim,
            attempt=attempt,
            effect=asked.effect.value,
            key_ttl_s=asked.key_ttl_s,
            over=self._over,
        )

    def undone(self, steps: RunSteps, *, by_hand: bool = False) -> ActUndone:
        """Give the mark that goes with the outcome."""
        return ActUndone(
            task_id=self.task,
            tenant=self.act.tenant,
            time_ms=steps.now_ms(),
            act=self.act.act,
            undo_task=steps.invocation.task_id,
            by="a person" if by_hand else self.by,
            by_hand=by_hand,
        )

    def looking(self, act: Act[R], claim: str, steps: RunSteps) -> Act[R]:
        """Give the act that looks at the ledger before it acts.

        Where an attempt before this one may have acted, a refusal says nothing of that one.
        """
        do: Callable[[], Awaitable[R]] = act.do

        async def look_and_do() -> R:
            try:
                await self._look(act.asked.effect, claim, steps)
                return await do()
            except Refused as refused:
                earlier = may_have_acted_before(steps.known(act.asked.path))
                if refused.state in MAY_HAVE_HAPPENED or not earlier:
                    raise
                raise _unknown(refused) from refused

        async def again(refused: Refused, tries: int) -> bool:
            told = refused.__cause__
            return await act.again(told if isinstance(told, Refused) else refused, tries)

        return replace(act, do=look_and_do, again=again)

    async def _look(self, effect: Effect, claim: str, steps: RunSteps) -> None:
        """Raise Refused when somebody else takes the act back, or has done so."""
        began_s = self.clock()
        try:
            marks = await self._marks(effect, claim)
        except BrokerUnreachable as error:
            detail = f"the ledger cannot be read, so nothing was done: {error.what}"
            raise Refused(State.DEPENDENCY_UNAVAILABLE, detail) from error
        if marks.undone:
            raise Refused(State.UNDONE, f"{self.act.text} has been taken back already")
        other = marks.in_the_way(claim, self._over)
        if other is not None:
            detail = f"task {other.undo_task} has begun to take {self.act.text} back"
            raise Refused(State.CONFLICT, detail, remedy="Wait for that task, or look what it did.")
        # How old a key is counts now: the act may have waited for days since it was judged.
        old = [
            one
            for one in marks.claims
            if one.claim in self.by_key and not known_by_key(one, steps.now_ms())
        ]
        if old:
            raise Refused(State.CONFLICT, doubt_in_words(old))
        if effect in HARMLESS or self.clock() - began_s <= LOOK_LICENSED_S_MAX:
            self._long_looks = 0
            return
        self._long_looks += 1
        if self._long_looks > LOOKS_COUNT_MAX:
            detail = "the ledger is read too slowly, so nothing was done"
            raise Refused(State.DEPENDENCY_UNAVAILABLE, detail)
        # Somebody may have taken the lane over while it looked; the next look begins where it was.
        raise LicenceRanOut

    async def _marks(self, effect: Effect, claim: str) -> Marks:
        if effect in HARMLESS:
            return await self.marks.now()  # what leaves no trace has no intent, and no claim
        return await self.marks.as_of(claim, self._attempt)


def known_by_key(claim: Claim, now_ms: int) -> bool:
    """Say whether its receiver knows by the act's own key whether it was taken back."""
    idempotent = claim.effect == Effect.IDEMPOTENT
    return idempotent and now_ms < key_good_until_ms(claim.began_ms, claim.key_ttl_s)


def doubt_in_words(claims: Sequence[Claim]) -> str:
    """Say what a person has to find out before the act is taken back over these claims."""
    begun = ", ".join(f"task {one.undo_task} at {rfc3339(one.began_ms)}" for one in claims)
    return (
        f"it was begun to be taken back by {begun}, and nobody knows what came of that; find out at"
        " the other side first."
    )


def _unknown(refused: Refused) -> Refused:
    detail = f"an earlier try of it may have happened, and now: {refused.detail}"
    remedy = "Find out at the other side whether it has happened."
    return Refused(State.OUTCOME_UNKNOWN, detail, remedy=remedy)
