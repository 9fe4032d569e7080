"""Steps of a lane that are carried out by a process which has let go of it.

The late outcome of such a step is taken in from the answers, and journaled before anything is
decided about the step. Until then, or until its time is over, whoever asks for the step waits.
Guarantees: a step is not begun anew, and not called in doubt, while its outcome may still come; an
outcome is passed over only once the journal itself shows that nobody waits for it.
"""

import asyncio

import structlog

from handrail.lane.journal import encode_entry, tombstone
from handrail.lane.late import Settled, settle
from handrail.lane.steps import StepState, request_of
from handrail.ledger.event import PersonAnswered
from handrail.ledger.event_record import LEDGER
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.ground import LaneGround
from handrail.wire.late_outcome import LateOutcome, LateState
from handrail.wire.record import Outgoing, Record

log = structlog.get_logger("handrail.lane")


async def told(ground: LaneGround, invocation: str, path: str) -> None:
    """Return once nobody can tell any more what came of a step, or it is known."""
    book, clock = ground.lane.steps, ground.worker.clock
    while (record := book.known(invocation, path)) is not None:
        if record.intent is None or record.state is not StepState.BEGUN:
            return
        until_ms = book.releases.until_ms(record.intent)
        left_s = 0.0 if until_ms is None else (until_ms - clock.now_ms()) / 1000
        if left_s <= 0:
            return
        await ground.flights.told(invocation, asyncio.ensure_future(clock.sleep(left_s)))


async def take_late_outcome(ground: LaneGround, record: Record) -> bool:
    """Take in what came of a step after its process had let go of the lane. Never too early."""
    late, lane = LateOutcome.from_record(record), ground.lane
    settled = settle(lane.steps, late, lane.epoch, ground.worker.clock.now_ms())
    if settled is None:
        # Another attempt may be in hand, or the end of its invocation, and never commit: then the
        # journal still shows this one as open, and whoever has the lane next waits for it.
        await ground.committer.flush()
        settled = settle(lane.steps, late, lane.epoch, ground.worker.clock.now_ms())
    about = {"invocation": late.invocation, "step": late.path, "attempt": late.attempt}
    if settled is None:
        log.warning("nobody waits for this outcome", **about, state=str(late.state))
        await _told_all_the_same(ground, late)
        return True
    log.info("outcome came late", **about, state=str(late.state))
    own, beside = _records(ground, settled), _beside(ground, late, settled)
    await ground.committer.commit(Item([*own, *beside], instead=lambda: own))
    await ground.worker.fail_points.reached(Moment.AFTER_LATE_OUTCOME)
    ground.flights.tell()
    invocation = lane.find(late.invocation)
    if invocation is not None and settled.ended is not None:
        lane.wake(invocation)
    return True


async def _told_all_the_same(ground: LaneGround, late: LateOutcome) -> None:
    """Tell the ledger of an act whose invocation has ended, such as with its task.

    Where it was told before, readers pass over it.
    """
    told = _beside_of(ground, late)
    if told:
        await ground.committer.commit(Item(told, instead=tuple))


def _records(ground: LaneGround, settled: Settled) -> list[Outgoing]:
    journal = ground.place.journal
    records = [encode_entry(entry, journal) for entry in settled.entries]
    records += [tombstone(key, journal) for key in settled.removed]
    for entry in settled.entries:
        invocation = ground.lane.find(entry.invocation)
        if settled.ended is not None and invocation is not None and invocation.task_id:
            event = PersonAnswered(
                task_id=invocation.task_id,
                tenant=invocation.tenant,
                time_ms=ground.worker.clock.now_ms(),
                request=request_of(entry.invocation, settled.ended),
                by="the process that had begun it",
                decision="it has ended, and told what came of it",
            )
            records.append(ground.saying.record(event))
    return records


def _beside(ground: LaneGround, late: LateOutcome, settled: Settled) -> list[Outgoing]:
    """Give what the ledger is told in the transaction of the outcome.

    A handler that goes on says it again; that of a task which was canceled meanwhile never does.
    """
    return _beside_of(ground, late) if settled.entries else []


def _beside_of(ground: LaneGround, late: LateOutcome) -> list[Outgoing]:
    if late.state is not LateState.ENDED:
        return []
    return [one.on(ground.worker.team.full(LEDGER)) for one in late.beside]
