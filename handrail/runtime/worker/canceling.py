"""Ends what a lane holds of a canceled task, and tells whoever would have waited for it.

What has not started ends without its handler. A handler that runs is interrupted, unless a step
of it has begun: that one may end, since nobody would know what came of it otherwise, and no
further one starts. Each end is one transaction with its ledger event, so that nothing of the
task stays open; a part of a fan-out tells its gather, a question its asker. No dead letter is
written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handrail.errors.steps import TaskStopped
from handrail.lane.invocation import Invocation
from handrail.lane.journal import tombstone
from handrail.lane.lane import Lane
from handrail.lane.steps import Doubt, request_of
from handrail.lane.switches import Cancel
from handrail.ledger.event import (
    Dropped,
    DropReason,
    Event,
    PersonAnswered,
    Wrote,
)
from handrail.runtime.worker.acted import acted
from handrail.runtime.worker.acts_begun import perhaps_done
from handrail.runtime.worker.admission import Refuse, Take, Verdict
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.outputs import Origin, marker
from handrail.runtime.worker.replying import NoAnswer, failure_of
from handrail.runtime.worker.requests import all_closed
from handrail.runtime.worker.wasting import paid_in_vain
from handrail.wire.dead_letter import Reason
from handrail.wire.envelope import Envelope
from handrail.wire.marker import Marker, MarkerKind
from handrail.wire.record import Outgoing, Record

if TYPE_CHECKING:
    from handrail.runtime.worker.execution import Execution
    from handrail.runtime.worker.ground import LaneGround
    from handrail.runtime.worker.interrupting import Interrupting


@dataclass(frozen=True, slots=True)
class Canceled:
    """An invocation that ends because its task was canceled."""

    envelope: Envelope
    cancel: Cancel


class Canceling:
    """The cancels of tasks, as one open lane carries them out."""

    def __init__(
        self,
        ground: "LaneGround",
        execution: "Execution",
        interrupting: "Interrupting",
    ) -> None:
        """Look at what runs in `execution`."""
        self._ground = ground
        self._worker = ground.worker
        self._place: LanePlace = ground.place
        self._lane: Lane = ground.lane
        self._packer = ground.packer
        self._execution = execution
        self._interrupting = interrupting

    def at_admission(self, verdict: Verdict) -> Canceled | None:
        """Say whether a record that was just read belongs to a canceled task.

        Markers, parts and records on their way to their own lane are not stopped: they are what
        lets others come to an end.
        """
        match verdict:
            case Take(envelope) | Refuse(envelope, Reason.DEADLINE):
                cancel = self._worker.switches.cancel_for(envelope)
                return None if cancel is None else Canceled(envelope, cancel)
            case _:
                return None

    def of_record(self, record: Record, canceled: Canceled) -> tuple[list[Outgoing], list[Event]]:
        """Give what ends a record that was never taken in."""
        envelope = canceled.envelope
        records, events = self._left(canceled, envelope.id, record.offset)
        removed = self._lane.forget(envelope.id)
        return [*records, *(tombstone(key, self._place.journal) for key in removed)], events

    def of_invocation(
        self, invocation: Invocation, canceled: Canceled
    ) -> tuple[list[Outgoing], list[Event]]:
        """Give what ends an invocation. To be asked before the lane is told of its end."""
        return self._left(
            canceled, invocation.id, invocation.offset, told_lost=invocation.told_lost
        )

    def look(self) -> bool:
        """Interrupt what runs of canceled tasks and may be interrupted now.

        True when something that rested may start again, to end.
        """
        switches, running = self._worker.switches, self._execution.running
        if switches.count == 0:
            return False
        for invocation, (envelope, steps) in tuple(running.items()):
            cancel = switches.cancel_for(envelope)
            if cancel is None:
                continue
            steps.stop(TaskStopped(task=envelope.task_id, by=cancel.by))
            self._interrupting.between_acts(invocation)
        # Which opening of its task it belongs to is known once it runs: so once for each cancel.
        over = [
            one
            for one in self._lane.rests
            if one.spared_by < switches.cancels_taken and switches.cancel_of(one.task_id, None)
        ]
        for one in over:
            self._lane.wake(one)
        return bool(over)

    def _left(
        self, canceled: Canceled, ended: str, offset: int, *, told_lost: bool = False
    ) -> tuple[list[Outgoing], list[Event]]:
        envelope, now_ms = canceled.envelope, self._worker.clock.now_ms()
        records: list[Outgoing] = []
        wrote: list[Wrote] = []
        meets = self._packer.meets_already
        is_part = bool(envelope.fan_outs) and meets(envelope.fan_outs[-1].gather)
        # Of what was sent back its gather knows since it died.
        if is_part and envelope.causation_id is not None and not told_lost:
            lost = Marker(MarkerKind.LOST, DropReason.CANCELED)
            origin = Origin(ended, envelope, now_ms)
            told = marker(self._worker.agent, self._worker.team, origin, lost)
            records.append(self._packer.pack_small(told))
            wrote.append(told.wrote)
        if envelope.reply_to is not None and self._packer.knows_already(envelope.reply_to):
            why = NoAnswer(DropReason.CANCELED, f"its task was canceled by {canceled.cancel.by}")
            said = failure_of(self._ground, envelope, ended, why)
            records.append(self._packer.pack_small(said))
            wrote.append(said.wrote)
        records += all_closed(self._ground, ended, "canceled with its task")
        because = f"its task was canceled by {canceled.cancel.by} while it was under way"
        begun = self._lane.steps.of(ended).records.values()
        events: list[Event] = [*perhaps_done(begun, envelope, now_ms, because)]
        events += paid_in_vain(begun, ended, self._here(envelope, offset))
        events.append(self._dropped(envelope, ended, offset, wrote))
        events += [
            self._closed(ended, canceled, doubt) for doubt in self._lane.steps.doubts(ended, now_ms)
        ]
        return records, events

    def _dropped(
        self, envelope: Envelope, ended: str, offset: int, wrote: Sequence[Wrote]
    ) -> Event:
        return Dropped(
            **self._here(envelope, offset),
            ce_id=ended,
            reason=DropReason.CANCELED,
            intake=envelope.causation_id is None,
            wrote=tuple(wrote),
            acted=acted(self._lane.steps.of(ended)),
        )

    def _here(self, envelope: Envelope, offset: int) -> dict[str, Any]:
        worker = self._worker
        return {
            "task_id": envelope.task_id,
            "tenant": envelope.tenant,
            "time_ms": worker.clock.now_ms(),
            "agent": worker.agent.name,
            "agent_version": worker.agent.version,
            "process": worker.process,
            "topic": worker.inbox_name,
            "partition": self._place.inbox.partition,
            "offset": offset,
        }

    def _closed(self, ended: str, canceled: Canceled, doubt: Doubt) -> Event:
        """Nobody will be asked any more what became of a step; that it is unknown stays said."""
        return PersonAnswered(
            task_id=canceled.envelope.task_id,
            tenant=canceled.envelope.tenant,
            time_ms=self._worker.clock.now_ms(),
            request=request_of(ended, doubt),
            by=canceled.cancel.by,
            decision=f"canceled with its task; nobody knows whether step {doubt.path},"
            f" {doubt.shown}, has happened",
        )
