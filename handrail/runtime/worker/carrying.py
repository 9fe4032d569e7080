"""Carries out what a lane decides: records become running handlers, their ends become items.

Every end, good or bad, goes through one transaction together with its ledger event, its journal
records and its offset. A handler's exception is its handoff's end, never the lane's.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import structlog

from handrail.bus.murmur2 import partition_for
from handrail.errors.lane import KeyOverflow
from handrail.errors.transport import RecordRefused
from handrail.lane.bounds import PER_KEY_COUNT_MAX
from handrail.lane.decision import End, PartRefused, PartTaken, Rest
from handrail.lane.gather import PartEnd
from handrail.lane.invocation import Invocation
from handrail.lane.journal import Entry, encode_entry, tombstone
from handrail.lane.lane import Lane
from handrail.ledger.event import Event, PartKind
from handrail.runtime.failpoint import Moment
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
from handrail.runtime.worker.answering import Answering
from handrail.runtime.worker.burial import Burial, Buried
from handrail.runtime.worker.canceling import Canceled, Canceling
from handrail.runtime.worker.committer import Committer, Item
from handrail.runtime.worker.execution import Doubtful, Ended, Execution, WhyCancelled
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.outputs import Origin, marker
from handrail.runtime.worker.packing import Packer
from handrail.runtime.worker.place import WorkerPlace
from handrail.runtime.worker.references import LaneReferences
from handrail.runtime.worker.saying import Saying
from handrail.runtime.worker.stepping import StepGround
from handrail.wire.dead_letter import Reason
from handrail.wire.envelope import Envelope
from handrail.wire.marker import Marker
from handrail.wire.record import Outgoing, Record

log = structlog.get_logger("handrail.lane")


class Carrier:
    """Does the work of one open lane; thrown away when the lane is opened anew."""

    def __init__(
        self,
        worker: WorkerPlace,
        place: LanePlace,
        lane: Lane,
        committer: Committer,
        partitions: int,
    ) -> None:
        """Serve this lane until `cancel_all`."""
        self.trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_room: Callable[[], None] = lambda: None
        self._worker = worker
        self._place = place
        self._lane = lane
        self._committer = committer
        self._packer = Packer(worker.bus, worker.team, committer)
        self._saying = Saying(worker, place)
        self._burial = Burial(worker, place, self._packer, self._saying)
        ground = StepGround(worker, place, lane, committer, self._packer, self._saying)
        self._execution = Execution(ground)
        self._answering = Answering(ground)
        self._references = LaneReferences(worker, place)
        self._rules = AdmissionRules(
            agent=worker.agent,
            place=worker.team,
            tenant=worker.limits.tenant,
            deadline_ms_max=int(worker.limits.task_deadline_s * 1000),
            home_of=lambda key: partition_for(key, partitions),
        )
        self._handlers: dict[Invocation, asyncio.Task[None]] = {}
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._expired: set[Invocation] = set()
        self._starting = True
        self._closing = False
        self._canceling = Canceling(ground, self._execution, self._handlers)
        worker.switches.listeners.add(self._switched)

    # ---- taking in

    async def learn_references(self) -> None:
        """Learn the partition's last day, so that a reference which comes again is known.

        Only where work enters the team: what its agents write to one another has no reference
        that could be repeated.
        """
        if self._worker.team.is_entry:
            await self._references.learn(self._lane.progress.low, self._judge)

    def take_over(self, outcomes: Sequence[Entry]) -> None:
        """Write what the same lane knew before it was opened anew and could not commit."""
        for outcome in outcomes:
            if self._lane.steps.accepts(outcome):
                self._lane.steps.of(outcome.invocation).put(outcome)
                records = [encode_entry(outcome, self._place.journal)]
                self._committer.hand(Item(records, outcome=outcome))

    def _judge(self, record: Record) -> Verdict:
        verdict = judge(record, self._rules, self._references.seen, self._worker.clock.now_ms())
        self._references.judged(record)
        return verdict

    def admit(self, record: Record) -> None:
        """Take one record in, in the order of the partition."""
        verdict = self._judge(record)
        if not self._lane.progress.admit(record.offset):
            return
        self._worker.counts.taken += 1
        if (canceled := self._canceling.at_admission(verdict)) is not None:
            self._hand(*self._canceling.of_record(record, canceled), [record.offset])
            return
        match verdict:
            case Take(envelope, mailbox, submission):
                self._take(record, envelope, mailbox, submission=submission)
            case TakePart(envelope, end, sentence):
                self._take_part(record, envelope, end, sentence)
            case Pass(envelope, gather, found):
                self._pass(record, envelope, gather, found)
            case Forward(envelope, outgoing):
                del envelope  # the home lane says that the task began
                self._hand([outgoing], (), [record.offset])
            case Copy(envelope):
                event = self._saying.copy(record, envelope)
                self._hand([], [event], [record.offset])
            case Refuse(envelope, _, _, submission) if self._in_doubt(envelope):
                # A person has to find out what became of its step before it may end.
                self._take(record, envelope, mailbox_of(record, envelope), submission=submission)
            case Refuse(envelope, reason, error, submission):
                self._bury_record(
                    record,
                    Buried(record, envelope, reason, error, submission=submission),
                )

    def _in_doubt(self, envelope: Envelope) -> bool:
        return bool(self._lane.steps.doubts(envelope.id, self._worker.clock.now_ms()))

    def _take(
        self, record: Record, envelope: Envelope, mailbox: bytes, *, submission: bool
    ) -> None:
        lane = self._lane
        if not lane.has_room_behind(mailbox):
            error = KeyOverflow(
                count=PER_KEY_COUNT_MAX,
                key=mailbox.decode(errors="replace"),
                agent=self._worker.agent.name,
            )
            buried = Buried(record, envelope, Reason.KEY_OVERFLOW, error, submission=submission)
            self._bury_record(record, buried)
            return
        if submission:
            record = with_envelope(record, envelope)
            self._hand([], [self._saying.accepted(record, envelope)], [])
        lane.take(record, envelope, mailbox, self._worker.clock.now_ms())

    def _take_part(self, record: Record, envelope: Envelope, end: PartEnd, sentence: str) -> None:
        taken = self._lane.take_part(record, envelope, end, self._worker.clock.now_ms())
        match taken:
            case PartTaken(entry, first, _):
                kind = PartKind.NONE if end is PartEnd.NO_PARTS else PartKind(end.value)
                event = self._saying.part(record, envelope, kind, sentence, first=first)
                journal = encode_entry(entry, self._place.journal)
                self._hand([journal], [event], [record.offset])
            case PartRefused(reason, words):
                error = self._saying.gather_missed(envelope, words)
                header = envelope.fan_outs[-1] if envelope.fan_outs else None
                ours = header is not None and header.gather == self._worker.agent.reads.name
                buried = Buried(record, envelope, Reason(reason), error, absorbed=ours)
                self._bury_record(record, buried)

    def _pass(self, record: Record, envelope: Envelope, gather: str, found: Marker) -> None:
        inherits = envelope.but(hop=min(envelope.hop, 15))
        origin = Origin(envelope.id, inherits, self._worker.clock.now_ms())
        onward = marker(self._worker.agent, self._worker.team, origin, found)
        assert onward.topic == gather
        event = self._saying.passed(record, envelope, [onward.wrote])
        self._hand([self._packer.pack_small(onward)], [event], [record.offset])

    # ---- running

    @property
    def running_count(self) -> int:
        """How many handlers and burials are under way."""
        return len(self._handlers) + len(self._side_tasks)

    def stop_starting(self) -> None:
        """Let what runs end, and start nothing more."""
        self._starting = False

    def start_ready(self) -> None:
        """Start every handler that may run now."""
        while self._starting:
            invocation = self._lane.start_next(self._worker.clock.now_ms())
            if invocation is None:
                return
            self._handlers[invocation] = asyncio.create_task(
                self._carry_out(invocation), name=f"handler {invocation.id}"
            )

    async def _carry_out(self, invocation: Invocation) -> None:
        try:
            why = WhyCancelled(lambda: self._closing, lambda: invocation in self._expired)
            ended = await self._execution.run(invocation, why)
            await self._worker.fail_points.reached(Moment.BEFORE_FINAL)
            match ended:
                case Buried():
                    await self._bury_invocation(invocation, ended)
                case Doubtful():
                    self._hold(invocation, ended)
                case Ended():
                    self._finish(invocation, ended)
                case Canceled():
                    said = self._canceling.of_invocation(invocation, ended)
                    self._hand_end(self._lane.end(invocation, self._worker.clock.now_ms()), *said)
            await self._committed(Moment.AFTER_FINAL_COMMIT)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - told to the lane, which opens anew
            self._tell_trouble(error)
        finally:
            self._handlers.pop(invocation, None)
            self._expired.discard(invocation)

    async def _committed(self, moment: Moment) -> None:
        """Come to a moment that a test may wait for, once all that was handed over is written."""
        if self._worker.fail_points.wants(moment):
            await self._committer.flush()
            await self._worker.fail_points.reached(moment)

    def _hold(self, invocation: Invocation, doubtful: Doubtful) -> None:
        """Let it rest until a person has said what became of its step."""
        rest = self._lane.hold(
            invocation, doubtful.envelope, doubtful.doubts, self._worker.clock.now_ms()
        )
        said = [
            self._saying.record(self._saying.in_doubt(invocation, doubtful.envelope, doubt))
            for doubt in doubtful.doubts
            if not doubt.recorded
        ]
        self._hand_rest(rest, said)
        self.start_ready()

    def _finish(self, invocation: Invocation, ended: Ended) -> None:
        now_ms = self._worker.clock.now_ms()
        end = self._lane.end(invocation, now_ms)
        self._worker.counts.finished += 1
        events = [self._saying.finished(invocation, ended, now_ms)]

        def refused(error: RecordRefused) -> None:
            buried = Buried(ended.record, ended.envelope, Reason.SIZE, error)
            self._aside(self._bury_refused(invocation, end, buried))

        self._hand_end(end, ended.records, events, refused)

    async def _bury_refused(self, invocation: Invocation, end: End, buried: Buried) -> None:
        """What it wrote was refused by the broker: its end is a dead letter instead."""
        records, events = await self._burial.records(buried, invocation)
        self._hand_end(end, records, events)

    async def _bury_invocation(self, invocation: Invocation, buried: Buried) -> None:
        records, events = await self._burial.records(buried, invocation)
        self._worker.counts.dead += 1
        end = self._lane.end(invocation, self._worker.clock.now_ms())
        self._hand_end(end, records, events)

    def _bury_record(self, record: Record, buried: Buried) -> None:
        async def bury() -> None:
            records, events = await self._burial.records(buried, None)
            self._worker.counts.dead += 1
            steps = self._lane.steps.end(buried.envelope.id)
            records += [tombstone(key, self._place.journal) for key in steps]
            self._hand(records, events, [record.offset])

        self._aside(bury())

    # ---- time

    def tick(self) -> None:
        """Do what the passing of time asks for."""
        self._references.tick(self._lane.progress.low)
        if self._lane.held:
            self._aside(self._answers())
        due = self._lane.tick(self._worker.clock.now_ms())
        if due.rest is not None:
            self._rest(due.rest)
        for invocation in due.past_deadline:
            task = self._handlers.get(invocation)
            calling = invocation in self._execution.in_handler
            if task is not None and calling and invocation not in self._expired:
                self._expired.add(invocation)
                task.cancel()
        if due.forgotten:
            self._hand([tombstone(key, self._place.journal) for key in due.forgotten], (), [])
        self._switched()
        self.start_ready()

    def _switched(self) -> None:
        if self._canceling.look():
            self.start_ready()

    async def _answers(self) -> None:
        await self._answering.look()
        self.start_ready()

    def _rest(self, rest: Rest) -> None:
        # One item each, in their order: the committer keeps a transaction small.
        for entry, offset, invocation in zip(
            rest.entries, rest.offsets, rest.invocations, strict=True
        ):
            self._hand_rest(Rest((entry,), (offset,), (invocation,)), ())

    def _hand_rest(self, rest: Rest, said: Sequence[Outgoing]) -> None:
        def rested(_: Sequence[int]) -> None:
            self._lane.rested(rest)
            self.on_room()

        records = [encode_entry(entry, self._place.journal) for entry in rest.entries]
        self._committer.hand(Item([*records, *said], tuple(rest.offsets), rested))

    # ---- ending

    async def cancel_all(self) -> None:
        """Cancel every handler and wait until all have let go."""
        self._starting = False
        self._closing = True
        self._worker.switches.listeners.discard(self._switched)
        tasks = [*self._handlers.values(), *self._side_tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5.0)
        await self._references.close(self._lane.progress.low)
        if not self.trouble.done():
            self.trouble.cancel()

    def _hand_end(
        self,
        end: End,
        records: Sequence[Outgoing],
        events: Sequence[Event],
        on_refused: Callable[[RecordRefused], None] | None = None,
    ) -> None:
        journal = self._place.journal
        own = [tombstone(key, journal) for key in end.removed]
        own += [encode_entry(entry, journal) for entry in end.entries]
        said = [self._saying.record(event) for event in events]
        self._committer.hand(
            Item([*records, *own, *said], tuple(end.offsets), self._ended(end), on_refused)
        )
        self.start_ready()

    def _ended(self, end: End) -> Callable[[Sequence[int]], None]:
        def ended(_: Sequence[int]) -> None:
            if not end.offsets:
                self._lane.handed_count -= 1
            self.on_room()

        return ended

    def _hand(
        self, records: Sequence[Outgoing], events: Sequence[Event], offsets: Sequence[int]
    ) -> None:
        said = [self._saying.record(event) for event in events]
        self._committer.hand(
            Item([*records, *said], tuple(offsets), on_committed=lambda _: self.on_room())
        )

    def _aside(self, work: Coroutine[object, object, None]) -> None:
        async def run() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - told to the lane, which opens anew
                self._tell_trouble(error)

        task = asyncio.create_task(run(), name=f"burial {self._place.inbox.topic}")
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)

    def _tell_trouble(self, error: Exception) -> None:
        if not self.trouble.done():
            self.trouble.set_exception(error)
