"""The approvals for the task that one run of a handler has been given, and who goes on by them.

They are known again in each run of the same handoff, from the recorded decisions that its steps are
answered with; which calls have used them stands with those calls in the journal, and what has ended
them with the denials there, whichever step a run asks for first. Guarantees: no more calls go on
than the person has let through, those under way included; after a denial of a call of the same
tool, or the expiry, none does. This is looked at when a call is judged, and again right before it
is recorded that it begins.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from handrail.lane.denials import is_denied
from handrail.lane.journal import Entry
from handrail.lane.steps import HARMLESS, StepLog
from handrail.ledger.rail_event import FurtherCall
from handrail.models.port import JsonObject
from handrail.rails.gateway import Call
from handrail.rails.licence import Licence
from handrail.runtime.worker.digest import call_in_full
from handrail.runtime.worker.flights import ApprovalEnded
from handrail.runtime.worker.ground import Act
from handrail.wire.record import Outgoing

if TYPE_CHECKING:
    from handrail.runtime.worker.asking import Asker

R = TypeVar("R")

FACT: Final = "approved"  #: under which a step says by which approval it goes on
FURTHER: Final = "further"  #: in it: which of the further calls it is


@dataclass(frozen=True, slots=True)
class Further:
    """A call that goes on by an approval that was given before."""

    licence: Licence
    count: int  #: which of the further calls it is, from 1

    @property
    def facts(self) -> dict[str, object]:
        """Give what its records say of it."""
        known = {"request": self.licence.bound.request, "digest": self.licence.digest}
        return {FACT: {**known, "by": self.licence.by, FURTHER: self.count}}

    def told(self, asker: "Asker", path: str, arguments: JsonObject, now_ms: int) -> FurtherCall:
        """Give the event that tells of it."""
        licence, envelope = self.licence, asker.envelope
        return FurtherCall(
            task_id=envelope.task_id,
            tenant=envelope.tenant,
            time_ms=now_ms,
            agent=asker.ground.worker.agent.name,
            invocation=asker.invocation.id,
            step=path,
            call=call_in_full(licence.bound.tool, arguments),
            request=licence.bound.request,
            by=licence.by,
            count=self.count,
            calls=licence.given.calls,
        )

    def has_ended(self, log: StepLog, now_ms: int) -> bool:
        """Say whether nothing more may begin by it."""
        bound = self.licence.bound
        return now_ms >= bound.expires_ms or is_denied(bound.tool, log)

    def of(self, act: Act[R], told: Outgoing, ended: Callable[[], bool]) -> Act[R]:
        """Give the act that names the approval by which it goes on, and tells of it.

        Raises ApprovalEnded, with nothing begun, when that has `ended` meanwhile.
        """

        def check() -> None:
            if ended():
                raise ApprovalEnded

        def with_intent(attempt: int) -> Sequence[Outgoing]:
            check()
            return [told, *act.with_intent(attempt)]

        async def do() -> R:
            check()
            return await act.do()

        def beside() -> Sequence[Outgoing]:
            return [told, *act.beside()]

        def beside_failure(outcome: Entry) -> Sequence[Outgoing]:
            return [told, *act.beside_failure(outcome)]

        if act.asked.effect not in HARMLESS:
            licence = {**act.licence, **self.facts}
            return replace(act, licence=licence, with_intent=with_intent)
        # It has no intent: what it goes on by stands with its outcome.
        return replace(
            act, do=do, on_record=self.facts, beside=beside, beside_failure=beside_failure
        )


def unless_ended(act: Act[R], ended: Callable[[], bool]) -> Act[R]:
    """Give an act of which no intent is written once its approval has `ended`: ApprovalEnded."""

    def with_intent(attempt: int) -> Sequence[Outgoing]:
        if ended():
            raise ApprovalEnded
        return act.with_intent(attempt)

    return replace(act, with_intent=with_intent)


class RunLicences:
    """The approvals for the task of one run."""

    def __init__(self) -> None:
        """Begin with none."""
        self._given: dict[str, Licence] = {}  # by the request that was approved
        self._under_way: dict[str, set[str]] = {}  # request → steps that are about to begin by it

    def give(self, licence: Licence) -> None:
        """Know one; given again, it is the same."""
        self._given[licence.bound.request] = licence

    def covering(self, call: Call, path: str, policy_version: str, log: StepLog) -> Further | None:
        """Give the approval by which a call may go on that nobody was asked about."""
        if is_denied(call.tool.name, log):
            return None
        for request, licence in self._given.items():
            if licence.why_not(call, policy_version, call.now_ms) is None:
                used = _used(log, request) | self._under_way.get(request, set())
                count = len(used - {path}) + 1
                if count <= licence.given.calls:
                    return Further(licence, count)
        return None

    @contextmanager
    def going_on(self, further: Further | None, path: str) -> Generator[None]:
        """Count a call from before its record is written."""
        if further is None:
            yield
            return
        under_way = self._under_way.setdefault(further.licence.bound.request, set())
        under_way.add(path)
        try:
            yield
        finally:
            under_way.discard(path)


def _used(log: StepLog, request: str) -> set[str]:
    """Give the steps that have gone on by an approval beside the one it was given for."""
    return {
        path
        for path, record in log.records.items()
        for entry in (record.intent, record.outcome)
        if entry is not None and _names(entry.facts, request)
    }


def _names(facts: Mapping[str, object], request: str) -> bool:
    found = facts.get(FACT)
    if not isinstance(found, Mapping):
        return False
    approved = cast("Mapping[str, Any]", found)
    return FURTHER in approved and approved["request"] == request
