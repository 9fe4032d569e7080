"""Carries out what a lane decides: records become running handlers, their ends become items.

Every end, good or bad, goes through one transaction together with its ledger event, its journal
records and its offset. A handler's exception is its handoff's end, never the lane's.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from handrail.errors.transport import RecordRefused
from handrail.lane.blocks import Block
from handrail.lane.bounds import TIMER_RESOLUTION_S
from handrail.lane.decision import End, Rest
from handrail.lane.invocation import Invocation, Why
from handrail.lane.journal import encode_entry
from handrail.lane.lane import Lane
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.acted import acted
from handrail.runtime.worker.answering import Answering
from handrail.runtime.worker.asked_anew import AskedAnew, Repeated
from handrail.runtime.worker.burial import Burial, Buried
from handrail.runtime.worker.canceling import Canceled, Canceling
from handrail.runtime.worker.committer import Committer, InHand, Item
from handrail.runtime.worker.ending import Doubtful, Ended, Suspended
from handrail.runtime.worker.execution import Execution, WhyCancelled
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.handing import Handing
from handrail.runtime.worker.hearing import Hearing
from handrail.runtime.worker.holding import lifted
from handrail.runtime.worker.interrupting import Interrupting
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.packing import Packer
from handrail.runtime.worker.place import WorkerPlace
from handrail.runtime.worker.presence import Presence
from handrail.runtime.worker.saying import Saying
from handrail.runtime.worker.taking import Taking
from handrail.wire.dead_letter import Reason
from handrail.wire.priority import Priority
from handrail.wire.record import Record

log = structlog.get_logger("handrail.lane")

_HowEnded = Ended | Buried | Doubtful | Suspended | Canceled | Repeated


class Carrier:
    """Does the work of one open lane; thrown away when the lane is opened anew."""

    def __init__(
        self,
        worker: WorkerPlace,
        place: LanePlace,
        lane: Lane,
        committer: Committer,
        partitions: int,
        on_record_count: int = 0,
    ) -> None:
        """Serve this lane until `cancel_all`; put so many first ones on record."""
        self._worker = worker
        self._place = place
        self._lane = lane
        self._committer = committer
        packer = Packer(worker.bus, worker.team, committer, worker.closed)
        saying = Saying(worker, place)
        self._saying = saying
        self._handing = Handing(place, lane, committer, saying)
        self._handing.on_end = self.start_ready
        self.ground = ground = LaneGround(worker, place, lane, committer, packer, saying)
        self._burial = Burial(ground)
        self._execution = Execution(ground)
        self._presence = Presence(ground, self._handing, on_record_count)
        self._answering = Answering(ground, self._execution.running)
        self._hearing = Hearing(ground, self._answering)
        self._asked_anew = AskedAnew(ground, self._answering.redriving)
        self._answering.on_woken = self.start_ready
        self._execution.on_asked = self._hearing.begin
        self._handlers: dict[Invocation, asyncio.Task[None]] = {}
        self._interrupting = Interrupting(worker, self._execution, self._handlers)
        self._starting = True
        self._closing = False
        self._canceling = Canceling(ground, self._execution, self._interrupting)
        self._taking = Taking(ground, self._handing, self._burial, self._canceling, partitions)
        self._alarm: asyncio.Task[None] | None = None  # of the next timer, if it is soon
        self._alarm_ms = 0
        worker.switches.listeners.add(self._switched)

    @property
    def trouble(self) -> "asyncio.Future[None]":
        """Done with what ended the lane from within."""
        return self._handing.trouble

    def tell_room(self, on_room: Callable[[], None]) -> None:
        """Call this whenever something has committed."""
        self._handing.on_room = on_room

    # ---- taking in

    async def learn(self) -> None:
        """Learn what has to be known before the first record is taken in."""
        await self._taking.learn_references()
        self._lane.wake_due(self._worker.clock.now_ms())
        self._arm()

    def take_over(self, outcomes: Sequence[InHand]) -> None:
        """Write what the same lane knew before it was opened anew and could not commit."""
        for outcome, beside in ((one.entry, one.beside) for one in outcomes):
            if self._lane.steps.accepts(outcome):
                self._lane.steps.of(outcome.invocation).put(outcome)
                own = encode_entry(outcome, self._place.journal)
                item = Item([own, *beside], outcome=outcome, beside=beside)
                item.instead = lambda own=own: [own]
                self._committer.hand(item)

    async def read_answers(self) -> None:
        """Take in what has come to the answers, before anything of the journal is judged."""
        await self._answering.look()

    def admit(self, record: Record) -> None:
        """Take one record in, in the order of the partition."""
        self._taking.admit(record)

    # ---- running

    @property
    def running_count(self) -> int:
        """How many handlers and burials are under way."""
        return len(self._handlers) + self._handing.aside_count

    @property
    def only_acts_run(self) -> bool:
        """True when nothing runs that would come any further before an act has ended."""
        running, flights = self._execution.running, self.ground.flights
        return not self._handing.aside_count and all(
            invocation in running
            and (running[invocation][1].acting or flights.waits(invocation.id))
            for invocation in self._handlers
        )

    def stop_starting(self) -> None:
        """Let what runs end, and start nothing more."""
        self._starting = False
        self.start_ready()  # nobody's turn has to wait for ours

    def start_ready(self) -> None:
        """Start every handler that may run now, in turn where there are priorities."""
        if self._closing:
            return  # what ends late starts nothing, and brings a closed lane back to nobody
        turns = self._worker.turns
        if turns is not None:
            turns.ask(self)
            return
        while self.start_one():
            pass

    def start_one(self) -> bool:
        """Start the next handler that may run now; False when there is none."""
        invocation = self._lane.start_next(self._worker.clock.now_ms()) if self._starting else None
        if invocation is None:
            return False
        self._handlers[invocation] = asyncio.create_task(
            self._carry_out(invocation), name=f"handler {invocation.id}"
        )
        return True

    @property
    def priority(self) -> Priority:
        """Of its inbox."""
        return self._worker.priority

    @property
    def waits_for_turn(self) -> bool:
        """True while something would start if there were a place, and it were its turn."""
        return self._starting and self._lane.has_ready

    @property
    def has_place(self) -> bool:
        """True while one more handler may run."""
        return self._lane.running_count < self._lane.settings.bounds.running

    @property
    def handlers_count(self) -> int:
        """How many handlers run."""
        return self._lane.running_count

    async def _carry_out(self, invocation: Invocation) -> None:
        try:
            expired = self._interrupting.expired
            why = WhyCancelled(lambda: self._closing, lambda: invocation in expired)
            known = await self._known_before(invocation) if self._starting else None
            if known is not None:
                ended: _HowEnded = known
            else:
                if not await self._presence.begin(invocation, lambda: self._starting):
                    return
                ended = await self._execution.run(invocation, why)
            await self._worker.fail_points.reached(Moment.BEFORE_FINAL)
            await self._hand_over(invocation, ended)
            if self._worker.fail_points.wants(Moment.AFTER_FINAL_COMMIT):
                # Aside, because what rests may have to go on before that moment has come.
                self._handing.aside(self._committed(Moment.AFTER_FINAL_COMMIT))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - told to the lane, which opens anew
            self._handing.tell_trouble(error)
        finally:
            self._presence.end(invocation)
            self._interrupting.forget(invocation)
            # It may have been let go on already; then its place is taken by the task that follows.
            if self._handlers.get(invocation) is asyncio.current_task():
                del self._handlers[invocation]

    async def _known_before(self, invocation: Invocation) -> _HowEnded | None:
        # Whoever is to find out what happened hears of it at once; a suspect may wait for long.
        repeated = await self._asked_anew.look(invocation)
        return repeated or await self._execution.in_doubt(invocation)

    async def _hand_over(self, invocation: Invocation, ended: _HowEnded) -> None:
        match ended:
            case Repeated(records, events):
                end = self._lane.end(invocation, self._worker.clock.now_ms())
                self._handing.hand_end(end, records, events)
            case Buried():
                await self._bury(invocation, ended)
            case Doubtful():
                self._hold(invocation, ended)
            case Suspended():
                self._suspend(invocation, ended)
            case Ended():
                self._finish(invocation, ended)
            case Canceled():
                said = self._canceling.of_invocation(invocation, ended)
                refused = self._saying.memory_refused(invocation, ended.envelope)
                end = self._lane.end(invocation, self._worker.clock.now_ms())
                self._handing.hand_end(end, said[0], [*refused, *said[1]])

    async def _committed(self, moment: Moment) -> None:
        """Come to a moment that a test may wait for, once all that was handed over is written."""
        await self._committer.flush()
        await self._worker.fail_points.reached(moment)

    def _hold(self, invocation: Invocation, doubtful: Doubtful) -> None:
        """Let it rest until a person has said what became of its step."""
        rest = self._lane.hold(
            invocation, doubtful.envelope, doubtful.doubts, self._worker.clock.now_ms()
        )
        events = [
            self._saying.in_doubt(invocation, doubtful.envelope, doubt)
            for doubt in doubtful.doubts
            if not doubt.recorded
        ]
        self._handing.hand_rest(rest, events)
        if not self._lane.steps.doubts(invocation.id, self._worker.clock.now_ms()):
            self._lane.wake(invocation)  # the answer came while it was on its way here
            self.start_ready()

    def _suspend(self, invocation: Invocation, suspended: Suspended) -> None:
        """Let it rest until its time, or until what it waits for has come."""
        rest = self._lane.suspend(
            invocation,
            suspended.why,
            suspended.wake_ms,
            self._worker.clock.now_ms(),
            briefly=suspended.briefly,
        )
        self._handing.hand_rest(rest, suspended.events, suspended.removed, suspended.records)
        asks = suspended.why in (Why.ANSWER, Why.PERSON)
        if asks and not self._lane.steps.of(invocation.id).has_open_question:
            self._lane.wake(invocation)  # the answer came while it was on its way here
            self.start_ready()
        if suspended.why is Why.PAUSED:
            self._wake_lifted()  # likewise
        self._arm()

    def _finish(self, invocation: Invocation, ended: Ended) -> None:
        now_ms = self._worker.clock.now_ms()
        keeping = self._burial.keeping(invocation)
        acts = acted(self._lane.steps.of(invocation.id))
        end = self._lane.end(invocation, now_ms)
        self._worker.counts.finished += 1
        events = self._saying.memory_refused(invocation, ended.envelope)
        events.append(self._saying.finished(invocation, ended, now_ms, acts))

        def refused(error: RecordRefused) -> None:
            buried = Buried(
                ended.record,
                ended.envelope,
                Reason.SIZE,
                error,
                spent=ended.of_budget,
                keeping=keeping,
            )
            self._handing.aside(self._bury_refused(invocation, end, buried))

        self._handing.hand_end(end, ended.records, events, refused, ended.commands)

    async def _bury_refused(self, invocation: Invocation, end: End, buried: Buried) -> None:
        """What it wrote was refused by the broker: its end is a dead letter instead."""
        blocks = self._burial.blocks(buried, invocation)
        records, events = await self._burial.records(buried, invocation)
        refused = self._saying.memory_refused(invocation, buried.envelope)
        self._handing.hand_end(end, [*records, *blocks], [*refused, *events])

    async def _bury(self, invocation: Invocation, buried: Buried) -> None:
        records, events = await self._burial.records(buried, invocation)
        self._worker.counts.dead += 1
        records += self._burial.blocks(buried, invocation)
        refused = self._saying.memory_refused(invocation, buried.envelope)
        end = self._lane.end(invocation, self._worker.clock.now_ms())
        self._handing.hand_end(end, records, [*refused, *events])

    # ---- time

    def tick(self) -> None:
        """Do what the passing of time asks for."""
        self._taking.references.tick(self._lane.progress.low)
        self._handing.aside(self._answers())
        self._hearing.look()
        due = self._lane.tick(self._worker.clock.now_ms())
        if due.rest is not None:
            self._rest(due.rest)
        for invocation in due.past_deadline:
            self._interrupting.at_deadline(invocation)
        removed = [*due.forgotten, *(self._no_longer_waited_for(one) for one in due.unblocked)]
        if removed:
            self._handing.hand([], (), removed=removed)
        self._canceling.look()
        self.start_ready()
        self._arm()

    def _no_longer_waited_for(self, block: Block) -> bytes:
        log.warning(
            "a dead letter has aged out, and what waited behind it goes on",
            agent=self._worker.agent.name,
            dead=block.dead,
            offset=block.offset,
        )
        return block.journal_key

    def _arm(self) -> None:
        """See to it that a timer which is due before the next tick is not late."""
        wake_ms, now_ms = self._lane.rests.next_wake_ms, self._worker.clock.now_ms()
        if self._closing or wake_ms is None or wake_ms > now_ms + TIMER_RESOLUTION_S * 1000:
            return
        if self._alarm is not None and not self._alarm.done():
            if self._alarm_ms <= wake_ms:
                return
            self._alarm.cancel()
        self._alarm_ms = wake_ms
        self._alarm = asyncio.create_task(self._wake_at(wake_ms), name="alarm of a lane")

    async def _wake_at(self, wake_ms: int) -> None:
        clock = self._worker.clock
        await clock.sleep(max(0, wake_ms - clock.now_ms()) / 1000)
        self._alarm = None
        self._lane.wake_due(clock.now_ms())
        self.start_ready()
        self._arm()

    def _switched(self) -> None:
        self._canceling.look()
        self._handing.on_room()  # whether the inbox is read may have changed as well
        self._wake_lifted()

    def _wake_lifted(self) -> None:
        for invocation in lifted(self.ground):
            self._lane.wake(invocation)
        self.start_ready()

    async def _answers(self) -> None:
        await self._answering.look()
        self.start_ready()

    def _rest(self, rest: Rest) -> None:
        # One item each, in their order: the committer keeps a transaction small.
        for entry, offset, invocation in zip(
            rest.entries, rest.offsets, rest.invocations, strict=True
        ):
            self._handing.hand_rest(Rest((entry,), (offset,), (invocation,)))

    # ---- ending

    async def cancel_all(self) -> None:
        """Cancel every handler and wait until all have let go; licensed acts go on."""
        self.ground.flights.letting_go = True
        self._starting = False
        self._closing = True
        self._worker.switches.listeners.discard(self._switched)
        if self._worker.turns is not None:
            self._worker.turns.leave(self)
        if self._alarm is not None:
            self._alarm.cancel()
        await self._handing.close([*self._handlers.values()])
        self._presence.close()
        await self._hearing.close()
        await self._taking.references.close(self._lane.progress.low)
