"""Bringing the parts of a fan-out together: each part counts once, late ones are refused.

A gather is open from its first part until all parts have ended or its time is over, runs its
handler once, and stays closed but known until an hour after the deadline, so that a late part
is recognised.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from handrail.lane.bounds import GATHER_KEPT_AFTER_DEADLINE_S
from handrail.wire.envelope import Envelope, FanOutHeader
from handrail.wire.record import Record

WITHIN_SHARE_OF_TIME_LEFT = 0.9  #: how long a gather waits when its agent does not say


class PartEnd(StrEnum):
    """How one part of a fan-out has ended."""

    MESSAGE = "message"
    EMPTY = "empty"
    LOST = "lost"
    NO_PARTS = "no_parts"  #: the fan-out had no parts at all


class GatherStage(StrEnum):
    """Where a gather is."""

    OPEN = "open"  #: parts are missing and there is time
    READY = "ready"  #: its handler runs or is about to
    CLOSED = "closed"  #: gathered; only remembered


class Refusal(StrEnum):
    """Why a part was not taken."""

    LATE = "late_part"
    NOT_A_PART = "fanout"


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has ended. Without `record`, its message stands in the journal."""

    number: int
    end: PartEnd
    record: Record | None = None


@dataclass(slots=True, eq=False)
class Gather:
    """The parts of one fan-out that have ended so far."""

    fan_out: str
    parts_total: int
    closes_ms: int
    until_ms: int
    stage: GatherStage = GatherStage.OPEN
    parts: dict[int, Part] = field(default_factory=dict[int, Part])

    @property
    def is_complete(self) -> bool:
        """True when no part is missing."""
        return len(self.parts) >= self.parts_total

    def add(self, part: Part) -> None:
        """Count a part that has ended."""
        if part.end is not PartEnd.NO_PARTS:
            self.parts[part.number] = part


def open_gather(
    header: FanOutHeader, deadline_ms: int, now_ms: int, within_ms: int | None
) -> Gather:
    """Open a gather at its first part; without `within_ms` it waits 90 % of the time left."""
    left_ms = max(0, deadline_ms - now_ms)
    wait_ms = within_ms if within_ms is not None else int(left_ms * WITHIN_SHARE_OF_TIME_LEFT)
    return Gather(
        fan_out=header.fan_out,
        parts_total=header.parts,
        closes_ms=now_ms + min(wait_ms, left_ms),
        until_ms=deadline_ms + int(GATHER_KEPT_AFTER_DEADLINE_S * 1000),
    )


def judge_part(
    gather: Gather | None, envelope: Envelope, inbox: str, end: PartEnd, now_ms: int
) -> tuple[FanOutHeader, None] | tuple[None, tuple[Refusal, str]]:
    """Say whether this record is a part that still counts, or why it is not.

    `inbox` is the name of the gathering topic, without namespace.
    """
    header = envelope.fan_outs[-1] if envelope.fan_outs else None
    if header is None or header.gather != inbox:
        return None, (
            Refusal.NOT_A_PART,
            f"{inbox} gathers the parts of fan-outs, and this handoff is not part of one.",
        )
    if gather is not None and gather.stage is not GatherStage.OPEN:
        return None, (
            Refusal.LATE,
            f"Fan-out {header.fan_out} was gathered before part {header.part} arrived.",
        )
    no_parts = end is PartEnd.NO_PARTS
    fits = header.parts == 0 if no_parts else 0 <= header.part < header.parts
    if not fits or (gather is not None and gather.parts_total != header.parts):
        return None, (
            Refusal.NOT_A_PART,
            f"Part {header.part} of {header.parts} does not fit its fan-out {header.fan_out}.",
        )
    if gather is not None and header.part in gather.parts:
        return None, (
            Refusal.NOT_A_PART,
            f"Part {header.part} of fan-out {header.fan_out} has ended once already.",
        )
    if envelope.deadline_ms is not None and now_ms > envelope.deadline_ms:
        return None, (Refusal.LATE, "The task's deadline had passed when this part arrived.")
    return header, None
