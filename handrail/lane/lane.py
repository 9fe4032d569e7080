"""The decisions of one lane: what is taken in, what runs, what rests, what is committed.

A lane is one partition of an inbox in the hands of one process. This state machine knows no
clock, no broker and no asyncio: times come in as arguments, and what is to be written goes out
as values. It changes what counts as finished only when it is told that a transaction has
committed; everything else it holds is rebuilt from the journal and the inbox by the next owner.
"""

from collections.abc import Iterable, Sequence

from handrail.lane.begun_before import BegunBefore
from handrail.lane.bounds import SPAN_HEADROOM_OFFSETS
from handrail.lane.decision import Due, End, LaneSettings, PartRefused, PartTaken, Rest
from handrail.lane.gather import Gather, GatherStage, PartEnd
from handrail.lane.gathers import Gathers
from handrail.lane.invocation import Invocation, Mailboxes, Stage, Why
from handrail.lane.journal import LANE, Entry, Kind, entry_key
from handrail.lane.live_records import LiveRecords
from handrail.lane.progress import OffsetMetadata, Progress
from handrail.lane.redrives import Redrives
from handrail.lane.resting import (
    accepted_entry,
    parked_entry,
    parked_invocations,
)
from handrail.lane.rests import Rests
from handrail.lane.steps import Doubt, StepBook, in_doubt_entry
from handrail.wire.envelope import Envelope
from handrail.wire.ids import gather_invocation_id
from handrail.wire.record import Record


class Lane:
    """One partition's state. Not thread-safe; one owner."""

    def __init__(self, settings: LaneSettings, low: int, metadata: OffsetMetadata | None) -> None:
        """Start from the committed offset; `restore` adds what the journal knows."""
        self.settings = settings
        self.epoch = metadata.epoch if metadata else 0
        self.progress = Progress(low, metadata.done if metadata else 0)
        self.handed_count = 0  #: ends of resting ones that the committer holds
        self.steps = StepBook()  #: what invocations have recorded
        self.steps.releases.owner = settings.owner
        self.answers = metadata.answers if metadata else 0  #: below it every answer was read
        self.rests = Rests()  #: what waits for a time, an answer or a person
        self.redrives = Redrives()  #: which dead letters were sent back or given up
        self.live = LiveRecords(metadata.journal if metadata else 0)  #: of the journal
        self._mailboxes = Mailboxes(settings.bounds.per_key)
        self.blocks = self._mailboxes.blocks  #: behind which dead ones others wait
        self.unblock = self._mailboxes.unblock  #: its record is gone from the journal
        self._running: dict[Invocation, None] = {}
        self._unparked: dict[int, Invocation] = {}  # by offset, ascending
        self._parked_count = 0
        self._all: dict[str, Invocation] = {}  # that have not ended, by id
        self._accepted: dict[str, Entry] = {}  # of those that the inbox is to bring again
        self._gathers = Gathers(settings)
        self.begun_before = BegunBefore()  #: what the inbox is to bring again

    # ---- opening

    def restore(
        self, found: Iterable[tuple[int, bytes, Entry | None]], end: int, now_ms: int
    ) -> None:
        """Take over what the journal says from the pointer to its end.

        `found` has (offset, key, entry or None for a tombstone) in order. Of a key what has begun
        comes first, all else by its offset, whether it rests or the inbox brings it again.
        """
        entries, epoch = self.live.read(found, end)
        self.epoch = max(self.epoch, epoch)
        self._accepted = {
            entry.invocation: entry for entry in entries.values() if entry.kind is Kind.ACCEPTED
        }
        self.steps.restore(entries.values())
        self.redrives.restore(entries.values())
        self.blocks.restore(entries.values())
        self.begun_before.restore(entries.values(), self.redrives.has_sent_back)
        for invocation in parked_invocations(entries.values()):
            self._put(invocation)
        for gather in self._gathers.restore(tuple(entries.values()), now_ms):
            self._run_gather(gather, now_ms)

    def _put(self, invocation: Invocation) -> None:
        """Queue it behind its key, to start or to go on resting as its ACCEPTED says."""
        accepted = self._accepted.pop(invocation.id, None)
        invocation.redriven = self.redrives.of(invocation.id)
        self.begun_before.came(invocation)
        self._mailboxes.put(invocation)
        if accepted is not None:
            is_first = self._mailboxes.is_first(invocation)
            asks = bool(self.steps.questions(invocation.id))
            self.rests.go_on(invocation, accepted, is_first=is_first, asks=asks)
        self._all[invocation.id] = invocation
        self._parked_count += invocation.parked

    # ---- what is committed

    def offset_metadata(self, completing: Sequence[int], answers: int = 0) -> tuple[int, str]:
        """Give the offset and metadata for a transaction that finishes these, and `answers`."""
        (low, done), read = self.progress.plan(set(completing)), max(self.answers, answers)
        return low, OffsetMetadata(self.live.pointer, self.epoch, read, done).encode()

    def progress_entry(self, low: int, metadata: str) -> Entry:
        """Give the journal's copy of an offset, for the transaction that commits it."""
        facts = {"low": low, "metadata": metadata, "owner": self.settings.owner}
        return Entry(Kind.PROGRESS, LANE, self.epoch, self.settings.agent_version, 0, facts=facts)

    def committed(
        self, completed: Sequence[int], written: Iterable[tuple[bytes, int, bool]]
    ) -> None:
        """A transaction has committed: offsets ended, (key, offset, is tombstone) `written`."""
        self.progress.complete(completed)
        self.live.wrote(written)

    def lane_entry(self, kind: Kind, now_ms: int) -> Entry:
        """Give the record that opens (EPOCH) or closes (CLOSED) this owner's time."""
        return Entry(kind, LANE, self.epoch, self.settings.agent_version, now_ms)

    # ---- taking in

    @property
    def is_full(self) -> bool:
        """True when the partition should pause until something ends."""
        bounds = self.settings.bounds
        return (
            self.held_count >= bounds.buffered
            or self.progress.held_span >= bounds.span - SPAN_HEADROOM_OFFSETS
            or self._parked_count >= bounds.parked
        )

    @property
    def held_count(self) -> int:
        """How many were taken in and are neither resting nor committed."""
        return self.progress.open_count + self.handed_count

    @property
    def running_count(self) -> int:
        """How many handlers run."""
        return len(self._running)

    @property
    def parked_count(self) -> int:
        """How many invocations rest."""
        return self._parked_count

    @property
    def waiting_count(self) -> int:
        """How many were taken in and have not ended, resting ones included."""
        return len(self._unparked) + self._parked_count

    @property
    def has_ready(self) -> bool:
        """True when something would run if there were a place for it."""
        self._let_go_early()
        return self._mailboxes.has_ready

    def has_room_behind(self, key: bytes) -> bool:
        """False when as many wait behind this key as may."""
        return self._mailboxes.has_room(key)

    def take(self, record: Record, envelope: Envelope, key: bytes, now_ms: int) -> Invocation:
        """Queue a handoff whose offset was admitted behind its key."""
        invocation = Invocation(
            id=envelope.id,
            key=key,
            offset=record.offset,
            admitted_ms=now_ms,
            record=record,
            envelope=envelope,
            deadline_ms=envelope.deadline_ms,
            task_id=envelope.task_id,
            tenant=envelope.tenant,
        )
        self._put(invocation)
        self._unparked[record.offset] = invocation
        return invocation

    def forget(self, invocation_id: str) -> list[bytes]:
        """Give the journal keys that go when a handoff ends that the inbox brought again."""
        self.begun_before.gone(invocation_id)
        gone = self._accepted.pop(invocation_id, None)
        return self.steps.end(invocation_id) + ([gone.key] if gone else [])

    def take_part(
        self, record: Record, envelope: Envelope, end: PartEnd, now_ms: int
    ) -> PartTaken | PartRefused:
        """Count a part of a fan-out, or say why it does not count."""
        counted = self._gathers.take(record, envelope, end, self.epoch, now_ms)
        if isinstance(counted, PartRefused):
            return counted
        gather = counted.gather
        invocation = self._run_gather(gather, now_ms) if gather.is_complete else None
        return PartTaken(counted.entry, counted.first, invocation)

    def _run_gather(self, gather: Gather, now_ms: int) -> Invocation:
        gather.stage = GatherStage.READY
        invocation = Invocation(
            id=gather_invocation_id(gather.fan_out),
            key=f"gather/{gather.fan_out}".encode(),
            offset=-1,
            admitted_ms=now_ms,
            record=None,
            envelope=None,
            parked=True,
            gather=gather,
        )
        self._put(invocation)
        return invocation

    def take_back(self, entries: Sequence[Entry]) -> None:
        """A dead letter was sent back: its invocation lives again by these committed records."""
        self.redrives.restore(entries)
        self.steps.restore(entries)
        for invocation in parked_invocations(entries):
            self._put(invocation)
        if parts := [entry for entry in entries if entry.kind is Kind.GATHERED]:
            self._run_gather(self._gathers.take_back(parts), 0)

    # ---- running and ending

    def start_next(self, now_ms: int) -> Invocation | None:
        """Take the next invocation whose handler may start now."""
        if len(self._running) >= self.settings.bounds.running:
            return None
        self._let_go_early()
        invocation = self._mailboxes.next_ready()
        if invocation is not None:
            invocation.stage, invocation.has_begun = Stage.RUNNING, True
            invocation.started_ms = now_ms
            self._running[invocation] = None
        return invocation

    def _let_go_early(self) -> None:
        is_full = self._parked_count >= self.settings.bounds.parked
        free = self.begun_before.let_go(self.progress.next, reads_no_more=is_full)
        self._mailboxes.look_again(free)

    def end(self, invocation: Invocation, now_ms: int) -> End:
        """Its outcome is about to be committed: the next of its key may start.

        Ends are committed in the order in which this is called, so order per key holds.
        """
        invocation.stage = Stage.ENDED
        self._running.pop(invocation, None)
        self._all.pop(invocation.id, None)
        self._mailboxes.remove_head(invocation)
        removed = self.steps.end(invocation.id)
        if invocation.is_on_record:
            removed.append(entry_key(invocation.id, Kind.ACCEPTED))
        if not invocation.parked:
            del self._unparked[invocation.offset]
            return End((invocation.offset,), removed, ())
        self._parked_count -= 1
        self.handed_count += 1
        if (gather := invocation.gather) is None:
            return End((), (entry_key(invocation.id, Kind.PARKED), *removed), ())
        parts, closed = self._gathers.close(gather, self.epoch, now_ms)
        return End((), (*parts, *removed), (closed,))

    def hold(
        self, invocation: Invocation, envelope: Envelope, doubts: Sequence[Doubt], now_ms: int
    ) -> Rest:
        """Let an invocation rest that cannot go on, because a step of it is in doubt.

        It stays the first of its key, whose others wait behind it, and takes nobody's place.
        """
        log, version = self.steps.of(invocation.id), self.settings.agent_version
        entries = [
            in_doubt_entry(doubt, invocation.id, self.epoch, version, now_ms)
            for doubt in doubts
            if not doubt.recorded
        ]
        for entry in entries:
            log.put(entry)
        invocation.task_id, invocation.tenant = envelope.task_id, envelope.tenant
        self._running.pop(invocation, None)
        self.rests.begin(invocation, Why.IN_DOUBT, None)
        if invocation.is_on_record:
            entries.append(accepted_entry(invocation, self.epoch, version, now_ms))
        return self._parked_rest(invocation, entries, now_ms)

    def suspend(
        self, invocation: Invocation, why: Why, wake_ms: int | None, now_ms: int, *, briefly: bool
    ) -> Rest:
        """Let a running invocation rest until a time, or until it is woken.

        `briefly`: what it is stays in memory and its offset open, unless that takes too long. How
        far it has come is written in either case, so that whoever opens the lane next knows it.
        """
        self._running.pop(invocation, None)
        self.rests.begin(invocation, why, wake_ms)
        invocation.is_on_record = True
        accepted = accepted_entry(invocation, self.epoch, self.settings.agent_version, now_ms)
        if briefly and not invocation.parked:
            return Rest((accepted,), (), (invocation,))
        return self._parked_rest(invocation, [accepted], now_ms)

    def wake(self, invocation: Invocation) -> None:
        """Let one go on that rests, as soon as there is a free place; others are left as they are.

        What it waited for has come, or its time has, or it is to end.
        """
        if self.rests.end(invocation):
            self._mailboxes.put_back(invocation)

    def find(self, invocation_id: str) -> Invocation | None:
        """Give an invocation that was taken in and has not ended."""
        return self._all.get(invocation_id)

    def move(self, invocation: Invocation, record: Record, now_ms: int) -> Rest:
        """Let a running one rest as its message at another offset, which is its place from now on.

        To be taken back with `moved_back` when the transaction is refused that says so.
        """
        completes = () if invocation.parked else (invocation.offset,)
        for offset in completes:
            del self._unparked[offset]
        self._parked_count += len(completes)
        invocation.parked = True
        invocation.record, invocation.offset = record, record.offset
        entry = parked_entry(invocation, self.epoch, self.settings.agent_version, now_ms)
        return Rest((entry,), completes, (invocation,))

    def moved_back(self, rest: Rest, record: Record) -> None:
        """Let one stand where its record lies, from where it was moved."""
        (invocation,) = rest.invocations
        invocation.record, invocation.offset = record, record.offset
        if rest.offsets:
            invocation.parked = False
            self._parked_count -= 1
            unparked = {**self._unparked, record.offset: invocation}
            self._unparked = dict(sorted(unparked.items()))

    def _parked_rest(self, invocation: Invocation, entries: list[Entry], now_ms: int) -> Rest:
        if invocation.parked:
            return Rest(entries, (), (invocation,))
        del self._unparked[invocation.offset]
        invocation.parked = True
        self._parked_count += 1
        version = self.settings.agent_version
        entries.append(parked_entry(invocation, self.epoch, version, now_ms))
        return Rest(entries, (invocation.offset,), (invocation,))

    # ---- the passing of time

    def tick(self, now_ms: int) -> Due:
        """Say what is due: what rests from now on, what is past its deadline, what is forgotten."""
        run, forgotten = self._gathers.due(now_ms)
        for gather in run:
            self._run_gather(gather, now_ms)
        self.wake_due(now_ms)
        late = [i for i in self._running if i.deadline_ms is not None and i.deadline_ms <= now_ms]
        forgotten += self.redrives.due(now_ms, self._all.__contains__)
        unblocked = self._mailboxes.unblock_due(now_ms)
        return Due(self._rest(now_ms), late, forgotten, unblocked)

    def due_ms(self) -> int | None:
        """When `tick` is to be asked next; None when nothing depends on time."""
        times = [i.deadline_ms for i in self._running if i.deadline_ms is not None]
        times += [ms for ms in (self._gathers.due_ms, self.rests.next_wake_ms) if ms is not None]
        oldest = next(iter(self._unparked.values()), None)
        if oldest is not None:
            times.append(oldest.admitted_ms + int(self.settings.bounds.park_after_s * 1000))
        return min(times, default=None)

    def wake_due(self, now_ms: int) -> None:
        """Let those go on whose time has come."""
        for invocation in self.rests.due(now_ms):
            self.wake(invocation)

    def rested(self, rest: Rest) -> None:
        """The journal has them: a resting invocation costs no message in memory."""
        for invocation in rest.invocations:
            if invocation.parked and invocation.stage in (Stage.WAITING, Stage.RESTING):
                invocation.record = invocation.envelope = None

    def _rest(self, now_ms: int) -> Rest | None:
        bounds = self.settings.bounds
        admitted_before_ms = now_ms - int(bounds.park_after_s * 1000)
        offset_below = self.progress.next - bounds.park_span
        resting: list[Invocation] = []
        # Both rules take the oldest offsets first, so the resting of a key are always a prefix
        # of its order: resting by offset, then the inbox from the committed offset.
        for invocation in self._unparked.values():
            if invocation.admitted_ms > admitted_before_ms and invocation.offset >= offset_below:
                break
            resting.append(invocation)
        if not resting:
            return None
        version = self.settings.agent_version
        for invocation in resting:
            invocation.parked = True
            del self._unparked[invocation.offset]
            self._parked_count += 1
        return Rest(
            tuple(parked_entry(one, self.epoch, version, now_ms) for one in resting),
            tuple(invocation.offset for invocation in resting),
            tuple(resting),
        )
