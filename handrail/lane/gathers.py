"""The fan-outs of one lane: which parts have come, which gathers may run, which are forgotten."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handrail.lane.decision import LaneSettings, PartRefused
from handrail.lane.gather import (
    Gather,
    GatherStage,
    Part,
    PartEnd,
    judge_part,
    open_gather,
)
from handrail.lane.journal import STEP_KINDS, Entry, Kind, entry_key
from handrail.lane.resting import kept
from handrail.wire.envelope import Envelope
from handrail.wire.ids import gather_invocation_id
from handrail.wire.record import Record

NO_DEADLINE_MS = 7 * 86_400_000
#: Kinds of records of a gather that say that it takes no further part.
_OF_BEGUN = STEP_KINDS | {Kind.ACCEPTED, Kind.REDRIVEN}


@dataclass(frozen=True, slots=True)
class Counted:
    """A part that counts, and the record that says so."""

    gather: Gather
    entry: Entry
    first: bool


class Gathers:
    """Not thread-safe; one owner, the lane."""

    def __init__(self, settings: LaneSettings) -> None:
        """Know of none; `restore` adds what the journal knows."""
        self._settings = settings
        self._all: dict[str, Gather] = {}
        self._timers: list[tuple[int, str]] = []  # (when, fan-out), soonest first

    def restore(self, entries: Sequence[Entry], now_ms: int) -> Iterator[Gather]:
        """Take over what the journal says; give those that take no further part.

        All parts have come, or the time is over, or the handler has begun with what had come: it
        is never given more than it had then.
        """
        for entry in entries:
            if entry.kind is Kind.GATHERED:
                self._restore_part(entry)
        for entry in entries:
            if entry.kind is Kind.GATHER_CLOSED:
                fan_out = str(entry.facts["fan_out"])
                until_ms = int(str(entry.facts["until_ms"]))
                self._all[fan_out] = Gather(fan_out, 0, 0, until_ms, GatherStage.CLOSED)
                heapq.heappush(self._timers, (until_ms, fan_out))
        begun = {entry.invocation for entry in entries if entry.kind in _OF_BEGUN}
        for gather in self._all.values():
            if gather.stage is GatherStage.OPEN:
                heapq.heappush(self._timers, (gather.closes_ms, gather.fan_out))
                is_begun = gather_invocation_id(gather.fan_out) in begun
                if is_begun or gather.is_complete or gather.closes_ms <= now_ms:
                    yield gather

    def take_back(self, entries: Sequence[Entry]) -> Gather:
        """Make the gather of these parts anew, which was closed before."""
        self._all.pop(str(entries[0].facts["fan_out"]), None)
        for entry in entries:
            self._restore_part(entry)
        return self._all[str(entries[0].facts["fan_out"])]

    def take(
        self, record: Record, envelope: Envelope, end: PartEnd, epoch: int, now_ms: int
    ) -> Counted | PartRefused:
        """Count a part of a fan-out, or say why it does not count."""
        fan_out = envelope.fan_outs[-1].fan_out if envelope.fan_outs else ""
        known = self._all.get(fan_out)
        header, refusal = judge_part(known, envelope, self._settings.inbox, end, now_ms)
        if header is None:
            assert refusal is not None
            return PartRefused(*refusal)
        deadline_ms = envelope.deadline_ms or now_ms + NO_DEADLINE_MS
        gather = known or open_gather(header, deadline_ms, now_ms, self._settings.within_ms)
        if known is None:
            self._all[fan_out] = gather
            heapq.heappush(self._timers, (gather.closes_ms, fan_out))
        gather.add(Part(header.part, end, kept(record)))
        entry = Entry(
            Kind.GATHERED,
            gather_invocation_id(fan_out),
            epoch,
            self._settings.agent_version,
            now_ms,
            part=header.part,
            facts={
                "fan_out": fan_out,
                "end": end,
                "parts": gather.parts_total,
                "closes_ms": gather.closes_ms,
                "until_ms": gather.until_ms,
            },
            snapshot=record,
        )
        return Counted(gather, entry, known is None)

    def close(self, gather: Gather, epoch: int, now_ms: int) -> tuple[Sequence[bytes], Entry]:
        """Its handler has ended: give the records that go, and the one that remembers it."""
        gather.stage = GatherStage.CLOSED
        heapq.heappush(self._timers, (gather.until_ms, gather.fan_out))
        # A fan-out without parts has one record, which says so under part 0.
        numbers = sorted(gather.parts) or [0]
        gather.parts = {}
        invocation = gather_invocation_id(gather.fan_out)
        closed = Entry(
            Kind.GATHER_CLOSED,
            invocation,
            epoch,
            self._settings.agent_version,
            now_ms,
            facts={"fan_out": gather.fan_out, "until_ms": gather.until_ms},
        )
        return [entry_key(invocation, Kind.GATHERED, number) for number in numbers], closed

    def due(self, now_ms: int) -> tuple[list[Gather], list[bytes]]:
        """Give the gathers whose time is over, and the journal keys of those to be forgotten."""
        run: list[Gather] = []
        forgotten: list[bytes] = []
        while self._timers and self._timers[0][0] <= now_ms:
            _, fan_out = heapq.heappop(self._timers)
            gather = self._all.get(fan_out)
            if gather is None:
                continue
            if gather.stage is GatherStage.OPEN:
                run.append(gather)
            elif gather.stage is GatherStage.CLOSED and gather.until_ms <= now_ms:
                del self._all[fan_out]
                forgotten.append(entry_key(gather_invocation_id(fan_out), Kind.GATHER_CLOSED))
        return run, forgotten

    @property
    def due_ms(self) -> int | None:
        """When `due` is to be asked next."""
        return self._timers[0][0] if self._timers else None

    def _restore_part(self, entry: Entry) -> None:
        facts = entry.facts
        fan_out = str(facts["fan_out"])
        gather = self._all.setdefault(
            fan_out,
            Gather(
                fan_out,
                int(str(facts["parts"])),
                int(str(facts["closes_ms"])),
                int(str(facts["until_ms"])),
            ),
        )
        gather.add(Part(entry.part, PartEnd(str(facts["end"])), kept(entry.snapshot)))
