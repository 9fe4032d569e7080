"""Acts that go on in this process although it has let go of their lane.

What each comes to is sent to the lane's answers, from where whoever owns the lane takes it in.
Guarantees: a licensed attempt that was let go is told about once it has ended, or once it is known
that it never began; a send that fails is repeated until the process ends. What is still under way
when the process may wait no longer is cut off, and that is told as well.
"""

import asyncio
import uuid
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from handrail.bus.port import Bus
from handrail.errors import HandrailError
from handrail.errors.transport import RecordRefused, TopicAway
from handrail.lane.journal import Entry, Kind
from handrail.runtime.clock import Clock
from handrail.runtime.worker.committer import InHand
from handrail.runtime.worker.flights import ActEnd, Flight
from handrail.runtime.worker.opening import LanePlace
from handrail.wire.claim import chunk, claim_of, needs_claim
from handrail.wire.late_outcome import LateOutcome, LateState, beside_of
from handrail.wire.record import TopicPartition

log = structlog.get_logger("handrail.lane")

SEND_AGAIN_S = 0.5
LAST_WORDS_S = 5.0  #: for saying what was cut off


@dataclass(frozen=True, slots=True)
class Released:
    """What a lane that is let go leaves behind in this process."""

    place: LanePlace
    flights: Sequence[Flight]
    outcomes: Sequence[InHand] = ()  #: handed over, and not known to be committed


class MovedActs:
    """The moved acts of one agent in one process."""

    def __init__(self, bus: Bus, blobs_topic: str, clock: Clock) -> None:
        """Send by this bus."""
        self._bus = bus
        self._blobs = blobs_topic
        self._clock = clock
        self.life = uuid.uuid4().hex  #: this start of this process, as RELEASED names it
        self._tasks: dict[asyncio.Task[None], tuple[LanePlace, Flight | None]] = {}

    @property
    def count(self) -> int:
        """How many are under way or not told yet."""
        return len(self._tasks)

    def of(self, answers: TopicPartition) -> list[Flight]:
        """Give what is under way of one lane, for this process opening that lane again."""
        return [
            flight
            for place, flight in self._tasks.values()
            if flight is not None and place.answers == answers
        ]

    def take(self, released: Released) -> None:
        """Go on with what a lane leaves behind, and tell what comes of it."""
        for flight in released.flights:
            self._spawn(released.place, flight, self._fly(released.place, flight))
        for entry, beside in ((one.entry, one.beside) for one in released.outcomes):
            if "attempt" in entry.facts:
                late = LateOutcome(
                    entry.invocation,
                    entry.path,
                    int(str(entry.facts["attempt"])),
                    LateState.ENDED,
                    entry.facts,
                    entry.body,
                    beside=beside_of(beside),
                )
                self._spawn(released.place, None, self._send(released.place, late))

    async def finish(self, within_s: float) -> None:
        """Wait until all have ended and are told; cut off what takes longer, and tell that."""
        if self._tasks:
            await asyncio.wait([*self._tasks], timeout=within_s)
        if not self._tasks:
            return
        flights = [flight for _, flight in self._tasks.values() if flight is not None]
        log.warning("acts cut off", count=len(flights), seconds=within_s)
        _cut_off(flights)
        await asyncio.wait([*self._tasks], timeout=LAST_WORDS_S)

    async def close(self) -> None:
        """Let go of everything at once; what runs is cut off."""
        flights = [flight for _, flight in self._tasks.values() if flight is not None]
        _cut_off(flights)
        acts = [flight.task for flight in flights if flight.task is not None]
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *acts, return_exceptions=True)

    # ---- inside

    def _spawn(
        self, place: LanePlace, flight: Flight | None, work: Coroutine[Any, Any, None]
    ) -> None:
        name = f"moved act of {place.inbox.topic}[{place.inbox.partition}]"
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = (place, flight)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a late outcome was not told", why=repr(error))

    async def _fly(self, place: LanePlace, flight: Flight) -> None:
        invocation, path, attempt = flight.step
        if flight.task is not None:
            await asyncio.wait({flight.task})
        if flight.task is None or flight.ran_out:
            late = LateOutcome(invocation, path, attempt, LateState.NOT_BEGUN)
            await self._send(place, replace(late, begun_in=flight.begun_in))
            return
        ended = None if flight.task.cancelled() else flight.task.result()
        if ended is None or ended.fatal is not None:
            await self._send(place, LateOutcome(invocation, path, attempt, LateState.CUT_OFF))
            return
        facts = _facts(flight, ended)
        late = LateOutcome(invocation, path, attempt, LateState.ENDED, facts, ended.body)
        if needs_claim(ended.body):
            facts["claim"] = await self._store(ended.body)
            late = LateOutcome(invocation, path, attempt, LateState.ENDED, facts)
        outcome = Entry(Kind.OUTCOME, invocation, 0, "", 0, facts=facts, path=path, body=ended.body)
        await self._send(place, replace(late, beside=beside_of(flight.beside(outcome))))

    async def _send(self, place: LanePlace, late: LateOutcome) -> None:
        where = place.answers
        while True:
            record = late.outgoing(where.topic, where.partition, self._clock.now_ms())
            try:
                await self._bus.sender().send(record)
            except TopicAway as error:
                log.warning("a late outcome was not sent", why=str(error))
                await asyncio.sleep(SEND_AGAIN_S)
            except RecordRefused as error:
                if late.beside:
                    # Its handler says it again, if it goes on; the outcome must not be lost.
                    late = replace(late, beside=())
                    continue
                log.error("a late outcome was refused", why=str(error))  # noqa: TRY400 - in words
                return
            except HandrailError as error:
                log.warning("a late outcome was not sent", why=str(error))
                await asyncio.sleep(SEND_AGAIN_S)
            else:
                return

    async def _store(self, data: bytes) -> str:
        while True:
            try:
                partitions = (await self._bus.admin.topics()).get(self._blobs, 1)
                chunks = chunk(data, self._blobs, partitions)
                offsets = [(await self._bus.sender().send(piece))[1] for piece in chunks]
            except HandrailError as error:
                if isinstance(error, RecordRefused) and not isinstance(error, TopicAway):
                    raise
                log.warning("a late outcome was not stored", why=str(error))
                await asyncio.sleep(SEND_AGAIN_S)
            else:
                return claim_of(chunks, offsets[0]).encode().decode()


def _facts(flight: Flight, ended: ActEnd) -> dict[str, object]:
    facts: dict[str, object] = {"ok": ended.failed is None, "attempt": flight.attempt}
    return facts if ended.failed is None else facts | ended.failed.facts()


def _cut_off(flights: Iterable[Flight]) -> None:
    for flight in flights:
        if flight.task is not None:
            flight.task.cancel()
