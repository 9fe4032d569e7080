"""One lane in the hands of this process: opened, kept through rebalances, reopened, closed.

The runner carries out what the lane decides. It never writes outside the committer, and it
reports an end to the lane only after its transaction has committed. After any error on the
transaction path it throws its state away and opens the lane anew, because only the broker
knows what was written.
"""

import asyncio
from dataclasses import replace

import structlog

from handrail.bus.port import GroupConsumer, LaneProducer, Membership
from handrail.errors import (
    BrokerUnreachable,
    CommitDoubtful,
    HandrailError,
    MembershipRefused,
    ProducerFenced,
    TopicAway,
)
from handrail.lane.bounds import TIMER_RESOLUTION_S
from handrail.lane.lane import Lane
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.asking_again import AskingAgain
from handrail.runtime.worker.carrying import Carrier
from handrail.runtime.worker.committer import Committer, InHand, Shared
from handrail.runtime.worker.copying import copy_forward
from handrail.runtime.worker.lane_state import LaneState, end_task, first_end, to_its_end
from handrail.runtime.worker.letting_go import LastWords, take_back
from handrail.runtime.worker.moved_acts import MovedActs, Released
from handrail.runtime.worker.opening import PROOF_DEADLINE_S, LanePlace, begin_epoch, open_lane
from handrail.runtime.worker.place import WorkerPlace
from handrail.runtime.worker.reopening import Reopening
from handrail.runtime.worker.retention import keep_deleting
from handrail.wire.record import Record

log = structlog.get_logger("handrail.lane")

RESUME_BELOW_SHARE = 0.5
LAST_WORDS_DEADLINE_S = 3.0
_REOPEN = (ProducerFenced, CommitDoubtful, BrokerUnreachable, TopicAway)


class LaneRunner:
    """Runs one lane until it is closed. All methods belong to the event loop's thread."""

    def __init__(
        self,
        worker: WorkerPlace,
        place: LanePlace,
        consumer: GroupConsumer,
        partitions: int,
        moved: MovedActs,
    ) -> None:
        """Do nothing until `open`; what outlives the lane goes on in `moved`."""
        self.place = place
        self.state = LaneState.OPENING
        self.trouble: HandrailError | None = None
        self.defect: BaseException | None = None  #: what no lane foresees; the process must end
        self.lane: Lane | None = None
        self._worker = worker
        self._consumer = consumer
        self._number = place.inbox.partition
        self._partitions = partitions
        self._moved = moved
        self._membership: Membership | None = None
        self._committer: Committer | None = None
        self._in_hand: list[InHand] = []  # outcomes that were not committed when the lane broke
        self._carrier: Carrier | None = None
        self._task: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        where = f"lane {place.inbox.topic}[{self._number}] ask again"
        self._asking = AskingAgain(consumer.rejoin, where)
        self._paused = False
        self._draining = False

    # ---- what the group says

    def open(self, membership: Membership, *, after: "asyncio.Task[None] | None" = None) -> None:
        """Take the partition: open the lane in a task of its own, `after` its last one is closed.

        The partition is paused until then.
        """
        self._membership = membership
        self.state = LaneState.OPENING
        self._task = self._spawn(self._live(after), "open")
        self._task.add_done_callback(self._look_for_defects)

    def keep(self, membership: Membership) -> None:
        """The same partition came back: prove that nobody was in between, and go on."""
        self._membership = membership
        self._keeping = self._spawn(self._keep(membership, self._keeping), "keep")
        self._keeping.add_done_callback(self._look_for_defects)

    def hold(self) -> None:
        """Commit nothing until `keep`; handlers go on, an opener does not."""
        if self._keeping is not None:
            self._keeping.cancel()
        if self.state is LaneState.OPEN:
            # Without a committer the lane is being unwound after an error; it opens no more.
            self.state = LaneState.SUSPENDED
            if self._committer is not None:
                self._committer.suspend()
            self._consumer.pause(self.place.inbox)
        elif self.state in (LaneState.OPENING, LaneState.GIVEN_UP) and self._task is not None:
            # An opener that goes on after the hand-over would fence the new owner.
            self._task.cancel()

    async def suspend(self) -> None:
        """Let go for now: say so, and wait until no transaction is in flight any more."""
        await self.say_released()
        self.hold()
        await end_task(self._keeping)
        if self.state is LaneState.SUSPENDED:
            if self._committer is not None:
                await self._committer.settle()
        elif self.state is not LaneState.STOPPED:
            await end_task(self._task)

    def check(self) -> None:
        """Go on only if nobody was in between; what is in hand is kept."""
        if self.state is LaneState.OPEN and self._membership is not None:
            self.hold()
            self.keep(self._membership)

    async def close(self) -> None:
        """Let go for good: running handlers are cancelled, the successor runs them afresh.

        Acts that are under way go on; what comes of them is told to the successor.
        """
        self.state = LaneState.CLOSED
        await self._asking.end()
        await end_task(self._keeping)
        await end_task(self._task)
        in_hand, self._in_hand = self._in_hand, []
        self._moved.take(Released(self.place, (), in_hand))

    # ---- work

    @property
    def takes_records(self) -> bool:
        """True while records of its partition may be handed to `admit`."""
        return self.state is LaneState.OPEN and not self._draining

    @property
    def is_idle(self) -> bool:
        """True when it is open, nothing runs and everything that ended is committed."""
        carrier, committer = self._carrier, self._committer
        if self.state is not LaneState.OPEN or carrier is None or committer is None:
            return False
        waits = self._worker.turns is not None and carrier.waits_for_turn
        return carrier.running_count == 0 and committer.is_idle and not waits

    def admit(self, records: list[Record]) -> None:
        """Take in what was read, in order, and start what may start."""
        carrier, lane = self._carrier, self.lane
        if carrier is None or lane is None:
            return
        for record in records:
            carrier.admit(record)
        carrier.start_ready()
        if lane.is_full and not self._paused:
            self._paused = True
            self._consumer.pause(self.place.inbox)

    def drain(self) -> None:
        """Take in nothing more and start nothing more; what runs may end and commit."""
        self._draining = True
        if self._carrier is not None:
            self._carrier.stop_starting()

    async def settled(self) -> None:
        """Wait until what runs has committed its end, or only waits for acts to end."""
        while self.state in (LaneState.OPEN, LaneState.SUSPENDED):
            carrier, committer = self._carrier, self._committer
            if carrier is None or committer is None:
                return
            if carrier.only_acts_run and committer.is_idle:
                return
            await asyncio.sleep(0.01)

    async def say_released(self) -> None:
        """Write which acts go on here, or that nothing does, and commit nothing after it."""
        carrier = self._carrier
        if self.state is not LaneState.OPEN or carrier is None:
            return
        self._consumer.pause(self.place.inbox)
        await LastWords(carrier.ground, self._moved, self.hold).say(LAST_WORDS_DEADLINE_S)
        await self._worker.fail_points.reached(Moment.AFTER_RELEASED)

    # ---- inside

    async def _live(self, after: "asyncio.Task[None] | None") -> None:
        if after is not None:
            await asyncio.wait({after})
        reopening, loop = Reopening(), asyncio.get_running_loop()
        while self.state is not LaneState.SUSPENDED:
            self.state, began_s = LaneState.OPENING, loop.time()
            try:
                await self._open_and_run()
            except MembershipRefused as refused:
                self._give_up(refused)
                return
            except _REOPEN as error:
                self._to_be_opened(error)
                log.warning("lane opens anew", **self._facts(), why=str(error))
                # The broker is waited for in the machine's own time, whatever clock tasks live by.
                await asyncio.sleep(reopening.delay_s(loop.time() - began_s))
            except HandrailError as error:
                self.state, self.trouble = LaneState.STOPPED, error
                log.error("lane stopped", **self._facts(), why=str(error))  # noqa: TRY400 - in words
                return
        # While the group rearranges itself nobody may fence the next owner: wait to be asked.
        self.state = LaneState.GIVEN_UP

    def _to_be_opened(self, trouble: HandrailError) -> None:
        self.trouble = trouble
        if self.state is LaneState.OPEN:
            self.state = LaneState.OPENING

    async def _open_and_run(self) -> None:
        worker = self._worker
        assert self._membership is not None
        opened = await open_lane(
            worker.bus,
            self._consumer,
            self._membership,
            self.place,
            replace(worker.lane_settings, owner=self._moved.life),
            worker.clock.now_ms(),
            lambda: worker.fail_points.reached(Moment.AFTER_FENCE),
        )
        lane, shared = opened.lane, Shared(worker.traffic, worker.closed, worker.fail_points)
        committer = Committer(lane, opened.producer, self.place, self._renew, shared)
        on_record_count = opened.judgement.on_record_count
        carrier = Carrier(worker, self.place, lane, committer, self._partitions, on_record_count)
        carrier.tell_room(self._after_commit)
        self.lane, self._committer, self._carrier = lane, committer, carrier
        try:
            carrier.take_over(self._in_hand)
            take_back(carrier.ground, self._moved)
            await carrier.learn()
            await self._until_trouble(committer, carrier)
        finally:
            self._consumer.pause(self.place.inbox)
            self._committer = self._carrier = None
            await to_its_end(self._let_go(carrier, committer))

    async def _let_go(self, carrier: Carrier, committer: Committer) -> None:
        await carrier.cancel_all()
        self._in_hand = committer.outcomes_in_hand
        self._moved.take(Released(self.place, carrier.ground.flights.take_all()))
        await committer.producer.close()

    async def _until_trouble(self, committer: Committer, carrier: Carrier) -> None:
        assert self.lane is not None
        await self._worker.fail_points.reached(Moment.AFTER_EPOCH_COMMIT)
        tasks = [self._spawn(committer.run(), "commit")]
        try:
            # What was told late counts before any step is judged by its class.
            reading = self._spawn(carrier.read_answers(), "read answers")
            tasks.append(reading)
            await first_end([*tasks, carrier.trouble])
            tasks.remove(reading)
            await self._worker.fail_points.reached(Moment.AFTER_ANSWERS_READ)
            self._begin(carrier, self.lane)
            tasks += [
                self._spawn(self._tick(carrier), "time"),
                self._spawn(self._keep_journal_short(committer), "copy"),
                self._spawn(keep_deleting(carrier.ground), "delete"),
            ]
            await first_end([*tasks, carrier.trouble])
        finally:
            for task in tasks:
                await end_task(task)

    def _begin(self, carrier: Carrier, lane: Lane) -> None:
        self.trouble = None
        self._asking.succeeded()
        if self._draining:
            carrier.stop_starting()
        self.state = LaneState.OPEN
        self._go_on_reading()
        log.info("lane open", **self._facts(), low=lane.progress.low, parked=lane.parked_count)
        carrier.start_ready()

    async def _tick(self, carrier: Carrier) -> None:
        while True:
            await self._worker.clock.sleep(TIMER_RESOLUTION_S)
            carrier.tick()

    async def _keep_journal_short(self, committer: Committer) -> None:
        assert self.lane is not None
        while True:
            await self._worker.clock.sleep(TIMER_RESOLUTION_S)
            await copy_forward(self._worker.bus, self.place.journal, self.lane, committer)

    def _give_up(self, refused: MembershipRefused) -> None:
        """Leave the partition alone until it is assigned again, and see to it that it will be."""
        self.state, self.trouble = LaneState.GIVEN_UP, refused
        log.info("lane given up", **self._facts(), why=str(refused))
        if self._membership is not None:
            self._asking.begin(self._membership)

    async def _keep(self, membership: Membership, earlier: "asyncio.Task[None] | None") -> None:
        await end_task(earlier)
        lane, committer = self.lane, self._committer
        if self.state is not LaneState.SUSPENDED or lane is None or committer is None:
            await end_task(self._task)
            self.open(membership)
            return
        try:
            await committer.settle()
            await self._prove(membership)
            await begin_epoch(committer.producer, self.place, lane, self._worker.clock.now_ms())
        except MembershipRefused as refused:
            await end_task(self._task)
            self._give_up(refused)
            return
        except HandrailError as error:
            log.info("lane not kept", **self._facts(), why=str(error))
            await end_task(self._task)
            self.open(membership)
            return
        self._take_back()
        self.state = LaneState.OPEN
        committer.resume()
        self._go_on_reading()

    async def _prove(self, membership: Membership) -> None:
        await self._consumer.prove_membership(
            membership, self.place.answers, deadline_s=PROOF_DEADLINE_S
        )

    async def _renew(self, producer: LaneProducer) -> LaneProducer:
        """Replace a producer whose transaction was aborted; the same fences as at opening."""
        await producer.close()
        lane = self.lane
        assert lane is not None
        assert self._membership is not None
        fresh = self._worker.bus.lane_producer(self.place.transactional_id)
        try:
            await fresh.init(deadline_s=5.0)
            await self._prove(self._membership)
            await begin_epoch(fresh, self.place, lane, self._worker.clock.now_ms())
        except BaseException:
            await fresh.close()
            raise
        self._take_back()
        return fresh

    def _take_back(self) -> None:
        if self._carrier is not None:
            take_back(self._carrier.ground, self._moved)

    def _go_on_reading(self) -> None:
        assert self.lane is not None
        self._consumer.seek(self.place.inbox, self.lane.progress.next)
        self._paused = self.lane.is_full or self._is_held
        if not self._paused and not self._draining:
            self._consumer.resume(self.place.inbox)

    @property
    def _is_held(self) -> bool:
        """True while people have paused or drained the agent: its inbox is not read."""
        return self._worker.switches.holds.of_agent(self._worker.agent.name) is not None

    def _after_commit(self) -> None:
        lane = self.lane
        if lane is None or self.state is not LaneState.OPEN:
            return
        if self._is_held and not self._paused:
            self._paused = True
            self._consumer.pause(self.place.inbox)
        if self._is_held or not self._paused:
            return
        held = lane.settings.bounds.buffered * RESUME_BELOW_SHARE
        if not lane.is_full and lane.held_count <= held and not self._draining:
            self._paused = False
            self._consumer.resume(self.place.inbox)

    def _look_for_defects(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.defect = error

    def _spawn(self, work: object, name: str) -> "asyncio.Task[None]":
        full = f"lane {self.place.inbox.topic}[{self._number}] {name}"
        return asyncio.create_task(work, name=full)  # type: ignore[arg-type]  # any coroutine

    def _facts(self) -> dict[str, object]:
        return {
            "group": self.place.group,
            "partition": self._number,
            "epoch": self.lane.epoch if self.lane else None,
        }
