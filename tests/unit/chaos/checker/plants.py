"""Bugs planted in the product itself: each leaves one rule of the protocol out."""

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from handrail.bus import in_process
from handrail.bus.in_process import InProcessBus, InProcessLaneProducer
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.in_process_consumer import InProcessConsumer
from handrail.bus.in_process_log import Fate, PartitionLog
from handrail.bus.port import OffsetCommit
from handrail.contract.effect import Effect
from handrail.errors import CommitDoubtful
from handrail.lane import steps as lane_steps
from handrail.lane.gathers import Gathers
from handrail.lane.journal import PROGRESS_KEY, Entry, Kind, entry_key
from handrail.lane.lane import Lane
from handrail.lane.progress import OffsetMetadata
from handrail.lane.steps import Begin
from handrail.runtime.worker import opening, outputs, taking
from handrail.runtime.worker.answering import Answering
from handrail.runtime.worker.burial import Burial
from handrail.runtime.worker.committer import Committer, Item
from handrail.runtime.worker.context import RunContext
from handrail.runtime.worker.execution import Execution
from handrail.runtime.worker.stepping import Stepper
from handrail.wire.record import Outgoing, Record, TopicPartition

Patch = pytest.MonkeyPatch


# ---- transactions


class Halved(InProcessLaneProducer):
    """Says all or nothing, does one half after the other, and dies in between, once."""

    agent = ""
    offset_first = True
    struck: asyncio.Event

    async def commit(
        self, records: Sequence[Outgoing], offsets: OffsetCommit | None = None, **options: Any
    ) -> list[int]:
        own = [one for one in records if one.key == PROGRESS_KEY]
        rest = [one for one in records if one.key != PROGRESS_KEY]
        said = any(
            one.headers and ("ce_type", b"handrail_finished.v1") in one.headers for one in rest
        )
        if Halved.struck.is_set() or not (own and said and f".{Halved.agent}." in self._id):
            return await super().commit(records, offsets, **options)
        await super().commit(own if Halved.offset_first else rest, offsets)
        self._bus.kill()
        Halved.struck.set()
        return await super().commit(rest, None)


def halved(patch: Patch, agent: str, *, offset_first: bool) -> None:
    """Let what is finished be committed apart from the records, and a death come between."""
    Halved.agent, Halved.offset_first, Halved.struck = agent, offset_first, asyncio.Event()
    patch.setattr(in_process, "InProcessLaneProducer", Halved)


class Sanguine(InProcessLaneProducer):
    """Takes a commit that nobody knows the outcome of for a success, and goes on."""

    async def commit(
        self, records: Sequence[Outgoing], offsets: OffsetCommit | None = None, **options: Any
    ) -> list[int]:
        try:
            return await super().commit(records, offsets, **options)
        except CommitDoubtful:
            broker = self._bus.broker
            broker._settle(broker._identities[self._id], Fate.ABORTED)
            self._dead = False
            placed = [self._bus.place(one) for one in records]
            logs = [broker.log(TopicPartition(one.topic, one.partition or 0)) for one in placed]
            return [max(0, log.end - 1) for log in logs]


def a_doubtful_commit_is_taken_for_done(patch: Patch) -> None:
    patch.setattr(in_process, "InProcessLaneProducer", Sanguine)


def nothing_fences_a_producer(patch: Patch) -> None:
    def init(broker: InProcessBroker, transactional_id: str) -> int:
        broker._identities.setdefault(transactional_id, _identity())
        return 0

    def owned(broker: InProcessBroker, transactional_id: str, epoch: int) -> Any:
        del epoch
        return broker._identities[transactional_id]

    patch.setattr(InProcessBroker, "init", init)
    patch.setattr(InProcessBroker, "_owned", owned)


def _identity() -> Any:
    from handrail.bus.in_process_broker import _Identity

    return _Identity(epoch=0)


def nobody_proves_membership(patch: Patch) -> None:
    async def prove(*_: Any, **__: Any) -> None:
        return None

    patch.setattr(InProcessConsumer, "prove_membership", prove)


def undone_records_are_read(patch: Patch) -> None:
    real = PartitionLog.read

    def read(log: PartitionLog, position: int, records_max: int) -> tuple[list[Record], int]:
        if not log.where.topic.endswith(".pieces"):
            return real(log, position, records_max)
        found = [
            log._record(one)
            for one in log.entries
            if one.offset >= position
            and one.fate is not Fate.MARKER
            and one.offset < log.last_stable
        ]
        return found[:records_max], max(position, log.last_stable)

    patch.setattr(PartitionLog, "read", read)


# ---- steps


def intents_are_skipped(patch: Patch) -> None:
    real = Committer.commit

    async def commit(committer: Committer, item: Item) -> Sequence[int]:
        if item.records and all(b"/intent/" in (one.key or b"") for one in item.records):
            item.began_s = time.monotonic()
            return [0 for _ in item.records]
        return await real(committer, item)

    patch.setattr(Committer, "commit", commit)


def outcomes_are_not_recorded(patch: Patch) -> None:
    patch.setattr(Stepper, "_hand", lambda *_: None)


def a_recorded_step_acts_again(patch: Patch) -> None:
    real = Stepper._replay

    async def replay(stepper: Stepper, act: Any, outcome: Entry) -> Any:
        await act.do()
        return await real(stepper, act, outcome)

    patch.setattr(Stepper, "_replay", replay)


def a_recorded_look_is_asked_for_again(patch: Patch) -> None:
    """What only reads needs no licence, so that nothing but its outcome keeps it from a repeat."""
    real = Stepper._replay

    async def replay(stepper: Stepper, act: Any, outcome: Entry) -> Any:
        if act.declared is Effect.READ:
            await act.do()
        return await real(stepper, act, outcome)

    patch.setattr(Stepper, "_replay", replay)


def doubts_are_told_late(patch: Patch) -> None:
    """Whoever takes a lane over has other things to do before it puts a doubt to a person."""
    real = Execution._input

    async def read(execution: Execution, invocation: Any) -> Any:
        if execution._doubts(invocation):
            await execution._worker.clock.sleep(30)
        return await real(execution, invocation)

    patch.setattr(Execution, "_input", read)


def two_steps_have_one_path(patch: Patch) -> None:
    real = Stepper._entry

    def entry(stepper: Stepper, kind: Kind, path: str, *more: Any) -> Entry:
        return real(stepper, kind, "1" if path == "2" else path, *more)

    patch.setattr(Stepper, "_entry", entry)


def two_kinds_have_one_key(patch: Patch) -> None:
    def key(entry: Entry) -> bytes:
        kind = Kind.INTENT if entry.kind is Kind.OUTCOME else entry.kind
        return entry_key(entry.invocation, kind, entry.path or entry.part)

    patch.setattr(Entry, "key", property(key))


def each_try_has_a_key_of_its_own(patch: Patch) -> None:
    patch.setattr(RunContext, "_idem_key", lambda *_: uuid.uuid4().hex)


def what_was_begun_is_begun_again(patch: Patch) -> None:
    real = lane_steps.after_crash

    def after_crash(record: Any, now_ms: int) -> Any:
        found = real(record, now_ms)
        return found if isinstance(found, Begin) else Begin(found.attempt + 1, now_ms)

    patch.setattr(lane_steps, "after_crash", after_crash)


def waste_is_not_booked(patch: Patch) -> None:
    real = lane_steps.after_crash

    def after_crash(record: Any, now_ms: int) -> Any:
        found = real(record, now_ms)
        return replace(found, wasted=False) if isinstance(found, Begin) else found

    patch.setattr(lane_steps, "after_crash", after_crash)


def answers_count_as_settled_unread(patch: Patch) -> None:
    async def take(*_: Any) -> bool:
        return True

    patch.setattr(Answering, "_take", take)


# ---- what is remembered


def the_bitmap_is_dropped(patch: Patch) -> None:
    _metadata(patch, {"done": 0})


def the_pointer_passes_what_is_live(patch: Patch) -> None:
    _metadata(patch, {"journal": None})


def _metadata(patch: Patch, fields: Mapping[str, int | None]) -> None:
    real = Lane.offset_metadata

    def offset_metadata(lane: Lane, completing: Sequence[int], answers: int = 0) -> tuple[int, str]:
        low, text = real(lane, completing, answers)
        changes = {k: lane.live.end if v is None else v for k, v in fields.items()}
        return low, replace(OffsetMetadata.decode(text), **changes).encode()

    patch.setattr(Lane, "offset_metadata", offset_metadata)


def the_journal_is_read_until_a_poll_is_empty(patch: Patch) -> None:
    """What lies behind the first empty poll is not seen: here, the outcomes of steps."""
    real = opening._journal_as_compacted

    async def read(*place: Any) -> dict[bytes, Any]:
        found = await real(*place)
        return {
            key: one
            for key, one in found.items()
            if one[2] is None or one[2].kind not in (Kind.OUTCOME, Kind.INTENT)
        }

    patch.setattr(opening, "_journal_as_compacted", read)


# ---- handoffs


def ids_are_random(patch: Patch) -> None:
    patch.setattr(outputs, "handoff_id", lambda *_, **__: str(uuid.uuid4()))


def everything_runs_at_once(patch: Patch) -> None:
    patch.setattr(taking, "mailbox_of", lambda _, envelope: envelope.id.encode())
    from handrail.runtime.worker import admission

    patch.setattr(admission, "mailbox_of", lambda _, envelope: envelope.id.encode())


def dead_letters_are_not_written(patch: Patch) -> None:
    real = Burial.records

    async def records(burial: Burial, *of: Any) -> Any:
        written, events = await real(burial, *of)
        return written[1:], events

    patch.setattr(Burial, "records", records)


def dead_letters_are_empty(patch: Patch) -> None:
    real = Burial.records

    async def records(burial: Burial, *of: Any) -> Any:
        written, events = await real(burial, *of)
        return [replace(written[0], value=b"{}"), *written[1:]], events

    patch.setattr(Burial, "records", records)


def closed_gathers_are_forgotten(patch: Patch) -> None:
    real = Gathers.close

    def close(gathers: Gathers, *of: Any) -> tuple[Sequence[bytes], Entry]:
        gone, closed = real(gathers, *of)
        return gone, replace(closed, invocation=str(uuid.uuid4()))

    patch.setattr(Gathers, "close", close)


def killed(bus: Any) -> bool:
    """Whether a connection is gone."""
    assert isinstance(bus, InProcessBus)
    return bus.line.killed
