"""Puts what an invocation had recorded where its dead letter says, before its end removes it.

Guarantee: what is kept is read from the journal itself where it is not in memory, so that it is
the same that a replay would have been given. It is committed before the end is.
"""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from handrail.lane.journal import STEP_KINDS, Entry, Kind, decode_entry, entry_key
from handrail.lane.kept import KeptJournal
from handrail.lane.resting import parked_entry
from handrail.lane.steps import StepLog, StepState
from handrail.ledger.happened import Acted
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.acted import acted
from handrail.runtime.worker.wasting import booked
from handrail.wire.claim import Claim
from handrail.wire.record import Record

if TYPE_CHECKING:
    from handrail.lane.invocation import Invocation
    from handrail.runtime.worker.ground import LaneGround

TOGETHER_OFFSETS = 500  #: records so near to one another are read at once


class Keeping:
    """What one invocation that is about to die had recorded. Made before the lane forgets it."""

    def __init__(
        self, ground: "LaneGround", invocation_id: str, invocation: "Invocation | None"
    ) -> None:
        """Look at what the lane has in memory."""
        self._ground = ground
        self._id = invocation_id
        self._invocation = invocation
        self._steps = ground.lane.steps.of(invocation_id)
        self._entries = _entries(self._steps)
        gather = invocation.gather if invocation is not None else None
        # A fan-out without parts has one record, which says so under part 0.
        self._parts = [] if gather is None else sorted(gather.parts) or [0]

    @property
    def open_step(self) -> str | None:
        """Name the step that was under way, if one was."""
        log = self._steps.records.items()
        under_way = [path for path, record in log if record.state is StepState.BEGUN]
        return self.step_in_words(under_way[-1]) if under_way else None

    @property
    def acts(self) -> tuple[Acted, ...]:
        """What it has done to the world."""
        return acted(self._steps)

    def step_in_words(self, path: str) -> str:
        """Give a step's path and its name."""
        record = self._steps.records.get(path)
        known = record.latest if record is not None else None
        return path if known is None else f"{path} {known.facts['name']}"

    async def store(self, message: Record, *, whole: bool) -> Claim | None:
        """Commit it all to the blobs; None when there is nothing that the letter does not hold.

        `whole` says that the letter has room for all of the message's headers.
        """
        redriven = None if self._invocation is None else self._invocation.redriven
        runs = () if redriven is None else redriven.runs
        if not (self._entries or self._parts or runs) and whole:
            return None
        ground = self._ground
        entries = await self._with_bodies(self._entries)
        keys = [entry_key(self._id, Kind.GATHERED, part) for part in self._parts]
        entries += (await self._read(keys)).values()
        if not self._parts:
            entries.append(self._message(message))
        claim = await ground.packer.store(KeptJournal(self._id, runs, entries).encode())
        await ground.worker.fail_points.reached(Moment.AFTER_KEPT_JOURNAL_COMMIT)
        return claim

    def _message(self, message: Record) -> Entry:
        lane, clock = self._ground.lane, self._ground.worker.clock
        if self._invocation is None:
            facts: dict[str, object] = {}
            version, now_ms = lane.settings.agent_version, clock.now_ms()
            return Entry(
                Kind.PARKED, self._id, lane.epoch, version, now_ms, facts=facts, snapshot=message
            )
        entry = parked_entry(
            self._invocation, lane.epoch, lane.settings.agent_version, clock.now_ms()
        )
        return replace(entry, snapshot=message)

    async def _with_bodies(self, entries: Sequence[Entry]) -> list[Entry]:
        left = [entry.key for entry in entries if _is_lean(entry)]
        found = await self._read(left)
        return [found.get(entry.key, entry) for entry in entries]

    async def _read(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Read live records of the lane's own journal, in the order of the keys."""
        if not keys:
            return {}
        ground = self._ground
        await ground.committer.flush()
        offsets = [(ground.lane.live.offset(key), key) for key in keys]
        places = {offset: key for offset, key in offsets if offset is not None}
        found: dict[bytes, Entry] = {}
        for first, last in _runs(sorted(places)):
            records = ground.worker.bus.fetch(ground.place.journal, first, last + 1)
            async with aclosing(records):
                async for record in records:
                    entry = decode_entry(record) if record.offset in places else None
                    if entry is not None:
                        found[places[record.offset]] = entry
        return {key: found[key] for key in keys if key in found}


def _entries(log: StepLog) -> list[Entry]:
    return [
        booked(entry) if entry.kind is Kind.INTENT and record.outcome is None else entry
        for record in log.records.values()
        for entry in (record.intent, record.outcome, record.in_doubt)
        if entry is not None and entry.kind in STEP_KINDS
    ]


def _is_lean(entry: Entry) -> bool:
    """Say whether the body of an outcome was left in the journal; a note never had one."""
    if entry.kind is not Kind.OUTCOME or entry.body is not None:
        return False
    return "claim" not in entry.facts and "number" not in entry.facts


def _runs(offsets: Iterable[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for offset in offsets:
        if found and offset - found[-1][1] <= TOGETHER_OFFSETS:
            found[-1] = (found[-1][0], offset)
        else:
            found.append((offset, offset))
    return found
