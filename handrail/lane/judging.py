"""Reads from a lane's journal how its last life has ended, and judges whatever ran then. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from handrail.lane.journal import LANE, Entry, Kind
from handrail.lane.poison import Found, Judgement, Standing, judge

Place = tuple[int, bytes, Entry | None]


def judge_journal(found: Iterable[Place], owner: str) -> tuple[Judgement, Sequence[Place]]:
    """Give what follows for the new `owner`, and the records with the standings that follow.

    The record of how far the lane had come names its writer and is written with every offset, so
    it is there whatever the compaction or the pointer has left of the EPOCH itself.
    """
    places = tuple(found)
    entries = [entry for _, _, entry in places if entry is not None]
    of_lane = {entry.kind: entry for entry in entries if entry.invocation == LANE}
    progress = of_lane.get(Kind.PROGRESS)
    released, closed = of_lane.get(Kind.RELEASED), of_lane.get(Kind.CLOSED)
    judgement = judge(
        Found(
            process=owner,
            epoch=None if progress is None else progress.epoch,
            owner="" if progress is None else str(progress.facts.get("owner", "")),
            released_epoch=None if released is None else released.epoch,
            closed_epoch=None if closed is None else closed.epoch,
            accepted={
                entry.invocation: Standing.of(entry.facts)
                for entry in entries
                if entry.kind is Kind.ACCEPTED
            },
        )
    )
    return judgement, [(offset, key, _judged(entry, judgement)) for offset, key, entry in places]


def _judged(entry: Entry | None, judgement: Judgement) -> Entry | None:
    if entry is None or entry.kind is not Kind.ACCEPTED:
        return entry
    standing = judgement.changed.get(entry.invocation)
    return entry if standing is None else replace(entry, facts={**entry.facts, **standing.facts()})
