"""Takes the records of an inbox into its lane: each gets a verdict, and what follows from it.

Nothing that a record holds raises here: what cannot be carried out is a dead letter.
"""

from handrail.bus.murmur2 import partition_for
from handrail.errors.lane import KeyOverflow
from handrail.errors.wire import FanOutInvalid
from handrail.lane.bounds import PER_KEY_COUNT_MAX
from handrail.lane.decision import PartRefused, PartTaken
from handrail.lane.gather import PartEnd
from handrail.ledger.event import PartKind
from handrail.runtime.worker.admission import (
    AdmissionRules,
    Copy,
    Forward,
    Pass,
    Refuse,
    Take,
    TakePart,
    Verdict,
    judge,
    mailbox_of,
    with_envelope,
)
from handrail.runtime.worker.burial import Burial, Buried
from handrail.runtime.worker.canceling import Canceling
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.handing import Handing
from handrail.runtime.worker.outputs import Origin, marker
from handrail.runtime.worker.references import LaneReferences
from handrail.wire.answer import asked_anew_from
from handrail.wire.dead_letter import Reason
from handrail.wire.envelope import Envelope
from handrail.wire.marker import Marker
from handrail.wire.record import Record

#: Why what has begun is refused when it comes again, although it was taken in before.
_OF_WHAT_HAS_BEGUN = frozenset({Reason.DEADLINE, Reason.DENIED})


class Taking:
    """Admission, as one open lane does it."""

    def __init__(
        self,
        ground: LaneGround,
        handing: Handing,
        burial: Burial,
        canceling: Canceling,
        partitions: int,
    ) -> None:
        """Take in for this lane, whose inbox has so many partitions."""
        self.references = LaneReferences(ground.worker, ground.place)
        self._ground = ground
        self._worker = worker = ground.worker
        self._lane = ground.lane
        self._handing = handing
        self._saying = ground.saying
        self._burial = burial
        self._canceling = canceling
        self._rules = AdmissionRules(
            agent=worker.agent,
            place=worker.team,
            tenant=worker.limits.tenant,
            deadline_ms_max=int(worker.limits.task_deadline_s * 1000),
            home_of=lambda key: partition_for(key, partitions),
            policy=worker.rails.policy,
        )

    async def learn_references(self) -> None:
        """Learn the partition's last day, so that a reference which comes again is known.

        Only where work enters the team: what its agents write to one another has no reference
        that could be repeated.
        """
        if self._worker.team.is_entry:
            await self.references.learn(self._lane.progress.low, self._judge)

    def admit(self, record: Record) -> None:
        """Take one record in, in the order of the partition."""
        verdict = self._judge(record)
        if not self._lane.progress.admit(record.offset):
            return
        self._worker.counts.taken += 1
        if isinstance(verdict, Take | Copy | Refuse) and self._is_held(verdict.envelope.id):
            event = self._saying.copy(record, verdict.envelope, lives=True)
            self._handing.hand([], [event], [record.offset])
            return
        if (canceled := self._canceling.at_admission(verdict)) is not None:
            self._handing.hand(*self._canceling.of_record(record, canceled), [record.offset])
            return
        match verdict:
            case Take(envelope, mailbox, submission):
                self._take(record, envelope, mailbox, submission=submission)
            case TakePart(envelope, end, sentence):
                self._take_part(record, envelope, end, sentence)
            case Pass(envelope, gather, found) if self._ground.packer.meets_already(gather):
                self._pass(record, envelope, gather, found)
            case Pass(envelope, gather, found):
                self._handing.aside(self._pass_if_it_meets(record, envelope, gather, found))
            case Forward(envelope, outgoing):
                del envelope  # the home lane says that the task began
                self._handing.hand([outgoing], (), [record.offset])
            case Copy(envelope):
                event = self._saying.copy(record, envelope)
                self._handing.hand([], [event], [record.offset])
            case Refuse(envelope, _, _, submission) if self._has_to_end(record, verdict):
                self._take(record, envelope, mailbox_of(record, envelope), submission=submission)
            case Refuse(envelope, reason, error, submission):
                buried = Buried(record, envelope, reason, error, submission=submission)
                self._bury(record, buried)

    # ---- inside

    def _judge(self, record: Record) -> Verdict:
        now_ms = self._worker.clock.now_ms()
        verdict = judge(record, self._rules, self.references.seen, now_ms)
        self.references.judged(record)
        return verdict

    def _is_held(self, invocation: str) -> bool:
        """Say whether one of this id lives in the lane: what is recorded has one owner.

        A question that is asked anew has the id of the one before, to which an agent may still be
        about to answer; and whoever writes at least once may write a record twice.
        """
        lane = self._lane
        return lane.find(invocation) is not None or invocation in lane.redrives.under_way

    def _has_to_end(self, record: Record, refused: Refuse) -> bool:
        """Say whether what is refused has to come to its end in its turn.

        A person has to find out first what became of a step in doubt. What has begun is over by its
        time before the next of its key starts, once its act has ended that goes on elsewhere; and
        rules that have come since do not undo that it was taken in. A question that is asked anew
        may have recorded something that would be in no letter otherwise.
        """
        envelope, reason = refused.envelope, refused.reason
        if reason is Reason.DEADLINE and asked_anew_from(record.headers) is not None:
            return not refused.submission
        has_begun = self._lane.begun_before.awaits(envelope.id)
        if has_begun and reason in _OF_WHAT_HAS_BEGUN:
            return True
        return bool(self._lane.steps.doubts(envelope.id, self._worker.clock.now_ms()))

    def _take(
        self, record: Record, envelope: Envelope, mailbox: bytes, *, submission: bool
    ) -> None:
        lane = self._lane
        # One for which all of its key wait that are there takes the place that it had.
        if not lane.has_room_behind(mailbox) and lane.blocks.of(envelope.id) is None:
            error = KeyOverflow(
                count=PER_KEY_COUNT_MAX,
                key=mailbox.decode(errors="replace"),
                agent=self._worker.agent.name,
            )
            buried = Buried(record, envelope, Reason.KEY_OVERFLOW, error, submission=submission)
            self._bury(record, buried)
            return
        if submission:
            record = with_envelope(record, envelope)
            self._handing.hand([], [self._saying.accepted(record, envelope)])
        lane.take(record, envelope, mailbox, self._worker.clock.now_ms())

    def _take_part(self, record: Record, envelope: Envelope, end: PartEnd, sentence: str) -> None:
        taken = self._lane.take_part(record, envelope, end, self._worker.clock.now_ms())
        match taken:
            case PartTaken(entry, first, _):
                kind = PartKind.NONE if end is PartEnd.NO_PARTS else PartKind(end.value)
                event = self._saying.part(record, envelope, kind, sentence, first=first)
                self._handing.hand([], [event], [record.offset], entries=[entry])
            case PartRefused(reason, words):
                error = self._saying.gather_missed(envelope, words)
                header = envelope.fan_outs[-1] if envelope.fan_outs else None
                ours = header is not None and header.gather == self._worker.inbox_name
                buried = Buried(record, envelope, Reason(reason), error, absorbed=ours)
                self._bury(record, buried)

    async def _pass_if_it_meets(
        self, record: Record, envelope: Envelope, gather: str, found: Marker
    ) -> None:
        try:
            await self._ground.packer.check_meets(gather)
        except FanOutInvalid as gone:
            self._bury(record, Buried(record, envelope, Reason.FANOUT, gone))
        else:
            self._pass(record, envelope, gather, found)

    def _pass(self, record: Record, envelope: Envelope, gather: str, found: Marker) -> None:
        inherits = envelope.but(hop=min(envelope.hop, 15))
        origin = Origin(envelope.id, inherits, self._worker.clock.now_ms())
        onward = marker(self._worker.agent, self._worker.team, origin, found)
        assert onward.topic == gather
        event = self._saying.passed(record, envelope, [onward.wrote])
        self._handing.hand([self._ground.packer.pack_small(onward)], [event], [record.offset])

    def _bury(self, record: Record, buried: Buried) -> None:
        # At once, so that nothing that is taken in behind it starts before.
        blocks = self._burial.blocks(buried, None)

        async def bury() -> None:
            records, events = await self._burial.records(buried, None)
            self._worker.counts.dead += 1
            removed = self._lane.forget(buried.envelope.id)
            self._handing.hand([*records, *blocks], events, [record.offset], removed=removed)

        self._handing.aside(bury())
