"""Running one handler: from the record to what leaves, or to why nothing can.

What the handoff or its handler did wrong becomes a `Buried` value. What the broker did wrong is
raised, because it is not the handoff's fault.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from handrail.contract.parts import Missing, Parts
from handrail.errors.lane import (
    DeadlinePassed,
    FanOutRefused,
    HandlerCancelled,
    KillsItsProcess,
)
from handrail.errors.policy import PolicyDenied
from handrail.errors.root import HandrailError
from handrail.errors.transport import BrokerUnreachable, RecordRefused, TopicAway
from handrail.errors.wire import WireError
from handrail.lane.gather import Gather, PartEnd
from handrail.lane.invocation import Invocation
from handrail.lane.journal import Kind, entry_key
from handrail.lane.steps import Doubt
from handrail.ledger.event import WroteKind
from handrail.runtime.worker.burial import Buried, record_of_parts
from handrail.runtime.worker.canceling import Canceled
from handrail.runtime.worker.context import RunContext
from handrail.runtime.worker.elsewhere import told
from handrail.runtime.worker.ending import Doubtful, Ended, Spent, Suspended
from handrail.runtime.worker.failing import FailedRun, after_failure
from handrail.runtime.worker.given import (
    Given,
    having_seen,
    in_common,
    with_left,
    with_spent,
    with_spent_before,
)
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.holding import rest_at_start
from handrail.runtime.worker.outputs import Origin, outputs_of
from handrail.runtime.worker.policing import check_sending
from handrail.runtime.worker.reading_back import read_back
from handrail.runtime.worker.replying import check_address, reply_of
from handrail.runtime.worker.run_memory import CommandSender, RunMemory
from handrail.runtime.worker.versions import rest_for_version
from handrail.runtime.worker.waiting import RunSteps
from handrail.wire.claim import is_claim
from handrail.wire.codec import decode_envelope, encode_time
from handrail.wire.dead_letter import Reason
from handrail.wire.envelope import Envelope
from handrail.wire.marker import Marker
from handrail.wire.record import Record


@dataclass(frozen=True, slots=True)
class WhyCancelled:
    """How to tell one cancellation from another."""

    lane_closes: Callable[[], bool]
    past_deadline: Callable[[], bool]


class Execution:
    """Runs handlers for one open lane."""

    def __init__(self, ground: LaneGround) -> None:
        """Read what rests from the lane's journal, write large bodies through its committer."""
        #: Whose user code runs now, with its steps.
        self.running: dict[Invocation, tuple[Envelope, RunSteps]] = {}
        self.on_asked: Callable[[], None] = lambda: None  #: called when an agent is to be asked
        self._ground = ground
        self._worker = ground.worker
        self._place = ground.place
        self._lane = ground.lane
        self._committer = ground.committer
        self._packer = ground.packer

    async def run(
        self, invocation: Invocation, why_cancelled: WhyCancelled
    ) -> Ended | Buried | Doubtful | Suspended | Canceled:
        """Carry an invocation out, or say why it cannot go on.

        Raises what is the broker's fault, and CancelledError when the lane closes; a cancellation
        that has another cause is the handler's own failure.
        """
        given = await self._input(invocation)
        if (canceled := self._canceled(invocation, given.envelope)) is not None:
            return canceled
        if not isinstance(given, Given):
            return given
        if (halted := rest_at_start(self._ground, invocation, given.envelope)) is not None:
            return halted
        if (rests := rest_for_version(self._ground, invocation, given.envelope)) is not None:
            return rests

        if invocation.standing.is_poison:
            return self._poison(invocation, given)

        def cut_off() -> bool:
            return why_cancelled.lane_closes() or why_cancelled.past_deadline()

        invocation.task_id, invocation.tenant = given.envelope.task_id, given.envelope.tenant
        steps = RunSteps(self._ground, invocation, given.envelope, cut_off)
        steps.on_asked = self.on_asked
        spent = Spent()
        failure: BaseException | None = None
        returned: object = None
        try:
            returned, spent = await self._call(invocation, given, steps)
            steps.check_all_asked()
        except asyncio.CancelledError as cancelled:
            if why_cancelled.lane_closes():
                raise
            if why_cancelled.past_deadline():
                return with_left(await self._cut_off(invocation, having_seen(given, steps)), steps)
            failure = HandlerCancelled(agent=self._worker.agent.name)
            failure.__cause__ = cancelled
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - whatever user code raises
            failure = raised
        if (canceled := self._canceled(invocation, given.envelope)) is not None:
            return canceled
        # Whatever it has made of its cancellation: at its deadline its act was cut off.
        late = await self._left_in_doubt(invocation) if why_cancelled.past_deadline() else ()
        if doubts := late or steps.doubts:
            return Doubtful(given.envelope, doubts)
        if steps.suspended is not None:
            return steps.suspended
        # What stopped the steps stopped the handler, whatever it has made of it.
        failure = steps.stopped or failure
        # A part that is lost has written all the same: its gather has to see that.
        seen = having_seen(given, steps)
        if failure is not None:
            run = FailedRun(seen.record, seen.envelope, steps, failure)
            return with_left(after_failure(self._ground, invocation, run), steps)
        left = seen.under(steps.budget.carried_on(seen.envelope))
        packed = await self._packed(invocation, left, steps.memory, (returned, spent))
        return with_spent(packed, steps.budget.spent)

    async def _packed(
        self,
        invocation: Invocation,
        given: Given,
        memory: RunMemory,
        ended: tuple[object, Spent],
    ) -> Ended | Buried:
        """Give what the handler leaves behind, or what was wrong with it."""
        try:
            packed = await self._pack(invocation, given, *ended)
            return self._with_commands(invocation, packed, memory)
        except (BrokerUnreachable, TopicAway):
            raise
        except RecordRefused as error:
            return Buried(given.record, given.envelope, Reason.SIZE, error)
        except FanOutRefused as error:
            return Buried(given.record, given.envelope, Reason.FANOUT, error)
        except WireError as error:
            return Buried(given.record, given.envelope, Reason(error.reason), error)
        except HandrailError as error:
            reason = Reason.DENIED if isinstance(error, PolicyDenied) else Reason.VALIDATION
            return Buried(given.record, given.envelope, reason, error)

    async def _call(
        self, invocation: Invocation, given: Given, steps: RunSteps
    ) -> tuple[object, Spent]:
        agent = self._worker.agent
        self.running[invocation] = given.envelope, steps
        steps.labels.begin(given.message, agent.handler)
        try:
            if not agent.wants_context:
                return await agent.handler(given.message), Spent()
            acting = self._worker.steps(self._worker.model)
            ctx = RunContext(given.envelope, invocation.id, acting, steps)
            return await agent.handler(given.message, ctx), ctx.spent
        finally:
            steps.over()
            del self.running[invocation]

    async def _pack(
        self, invocation: Invocation, given: Given, returned: object, spent: Spent
    ) -> Ended:
        worker = self._worker
        if worker.agent.answers:
            return await self._answer(invocation, given, returned, spent)
        outputs = outputs_of(
            worker.agent,
            worker.team,
            Origin(invocation.id, given.envelope, worker.clock.now_ms(), invocation.run),
            returned,
            worker.limits.fan_out_parts_max,
        )
        check_sending(worker, given.envelope, outputs)
        for marked in (one.topic for one in outputs.messages if one.kind is WroteKind.MARKER):
            await self._packer.check_meets(marked)
        records = [await self._packer.pack(message) for message in outputs.messages]
        return Ended(
            record=given.record,
            envelope=given.envelope,
            outputs=outputs,
            records=records,
            spent=spent,
            written_ms=given.record.timestamp_ms,
            missing_count=given.missing_count,
        )

    async def _answer(
        self, invocation: Invocation, given: Given, returned: object, spent: Spent
    ) -> Ended:
        """Give back to whoever asked what the handler has returned."""
        worker = self._worker
        if given.envelope.reply_to is not None:
            await check_address(self._packer, given.envelope.reply_to)
        origin = Origin(invocation.id, given.envelope, worker.clock.now_ms(), invocation.run)
        outputs = reply_of(worker.agent, worker.team, origin, returned)
        records = [await self._packer.pack(message) for message in outputs.messages]
        written_ms = given.record.timestamp_ms
        return Ended(given.record, given.envelope, outputs, records, spent, written_ms)

    def _with_commands(self, invocation: Invocation, ended: Ended, memory: RunMemory) -> Ended:
        """Give it with what its handler has collected for the keeper."""
        if not memory.collected:
            return ended
        worker = self._worker
        now_ms = worker.clock.now_ms()
        sender = CommandSender(worker.agent.name, worker.team)
        origin = Origin(invocation.id, ended.envelope, now_ms, invocation.run)
        return replace(ended, commands=sender.records(memory.collected, origin))

    def _canceled(self, invocation: Invocation, envelope: Envelope) -> Canceled | None:
        switches = self._worker.switches
        if (cancel := switches.cancel_for(envelope)) is not None:
            return Canceled(envelope, cancel)
        invocation.spared_by = switches.cancels_taken
        return None

    async def _cut_off(self, invocation: Invocation, given: Given) -> Canceled | Doubtful | Buried:
        """Say what becomes of an invocation whose handler was stopped at the deadline."""
        if (canceled := self._canceled(invocation, given.envelope)) is not None:
            return canceled
        # What was cut off in the middle of an act that must not happen twice is in doubt.
        doubts = await self._left_in_doubt(invocation)
        return (
            Doubtful(given.envelope, doubts)
            if doubts
            else self._expired(given, "while its handler ran")
        )

    def _expired(self, given: Given, where: str) -> Buried:
        deadline_ms = given.envelope.deadline_ms or 0
        error = DeadlinePassed(where=where, deadline=encode_time(deadline_ms))
        return Buried(given.record, given.envelope, Reason.DEADLINE, error)

    # ---- what the handler is called with

    async def _input(self, invocation: Invocation) -> Given | Buried | Doubtful:
        if invocation.gather is not None:
            return await self._parts(invocation, invocation.gather)
        record = invocation.record
        if record is None:
            record = await self._read_back(invocation.id, Kind.PARKED, 0)
        envelope = with_spent_before(invocation.envelope or decode_envelope(record), invocation)
        # A doubt outlives the deadline: somebody still has to find out what happened.
        if doubts := self._doubts(invocation):
            return Doubtful(envelope, doubts)
        if envelope.reply_to is not None:
            # Learnt now, so that its asker can be told at once should the task be canceled.
            await self._packer.knows(envelope.reply_to)
        if envelope.deadline_ms is not None:
            invocation.deadline_ms = envelope.deadline_ms
            if self._worker.clock.now_ms() > envelope.deadline_ms:
                if doubts := await self._left_in_doubt(invocation):
                    return Doubtful(envelope, doubts)
                tried = invocation.tries.total > 0
                where = "before its next try" if tried else "while it waited"
                return self._expired(Given(record, envelope, None), where)
        try:
            body = await self._packer.body_of(record)
            message = self._worker.agent.reads.decode(envelope.type, body)
        except WireError as error:
            # Admission reads every other body: only a stored one is found unfit as late as here.
            unread = envelope.causation_id is None and is_claim(record)
            reason = Reason(error.reason)
            return Buried(record, envelope, reason, error, submission=unread, unread=unread)
        return Given(record, envelope, message)

    async def _left_in_doubt(self, invocation: Invocation) -> Sequence[Doubt]:
        """Give its doubts, once its acts have ended that go on in a process before."""
        for path in tuple(self._lane.steps.of(invocation.id).records):
            await told(self._ground, invocation.id, path)
        return self._doubts(invocation)

    def _poison(self, invocation: Invocation, given: Given) -> Buried:
        lonely = invocation.standing.lonely_count
        error = KillsItsProcess(agent=self._worker.agent.name, count=lonely)
        return Buried(given.record, given.envelope, Reason.POISON, error)

    async def in_doubt(self, invocation: Invocation) -> Doubtful | Canceled | None:
        """Say whether it cannot go on before somebody has found out; its handler is not called."""
        if not self._doubts(invocation):
            return None
        given = await self._input(invocation)
        if not isinstance(given, Doubtful):
            return None
        return self._canceled(invocation, given.envelope) or given

    def _doubts(self, invocation: Invocation) -> Sequence[Doubt]:
        return self._lane.steps.doubts(invocation.id, self._worker.clock.now_ms())

    async def _read_back(self, invocation: str, kind: Kind, part: int) -> Record:
        """Give the message that the journal holds; it may still be on its way there."""
        entry = await read_back(
            self._worker.bus,
            self._place,
            self._lane,
            self._committer,
            entry_key(invocation, kind, part),
        )
        assert entry.snapshot is not None
        return entry.snapshot

    async def _parts(self, invocation: Invocation, gather: Gather) -> Given | Buried | Doubtful:
        records: dict[int, Record] = {}
        for number, part in sorted(gather.parts.items()):
            held = part.record
            records[number] = held or await self._read_back(invocation.id, Kind.GATHERED, number)
        first = next(iter(records.values()), None)
        if first is None:
            first = await self._read_back(invocation.id, Kind.GATHERED, 0)
        envelope = in_common(
            [decode_envelope(r) for r in records.values()] or [decode_envelope(first)]
        )
        invocation.deadline_ms = envelope.deadline_ms
        if doubts := self._doubts(invocation):
            return Doubtful(envelope, doubts)
        messages: list[object] = []
        numbers: list[int] = []
        missing: list[Missing] = []
        for number in range(gather.parts_total):
            record = records.get(number)
            found = await self._part(number, gather, record)
            if isinstance(found, Missing):
                missing.append(found)
            else:
                messages.append(found[0])
                numbers.append(number)
        bodies = [(number, record.value) for number, record in records.items()]
        stands_for = replace(
            record_of_parts(self._place.inbox, gather.fan_out, bodies, first.timestamp_ms),
            offset=first.offset,
            headers=first.headers,
        )
        parts = Parts(messages, missing=missing, numbers=numbers)
        return Given(stands_for, envelope, parts, len(missing))

    async def _part(
        self, number: int, gather: Gather, record: Record | None
    ) -> tuple[object] | Missing:
        if record is None:
            return Missing(number, "late")
        end = gather.parts[number].end
        if end is PartEnd.EMPTY:
            return Missing(number, "empty")
        try:
            if end is PartEnd.LOST:
                marker = Marker.decode(record.value)
                return Missing(number, marker.reason or "lost", marker.dead_letter)
            envelope = decode_envelope(record)
            body = await self._packer.body_of(record)
            return (self._worker.agent.reads.decode(envelope.type, body),)
        except WireError as error:
            return Missing(number, error.reason)
