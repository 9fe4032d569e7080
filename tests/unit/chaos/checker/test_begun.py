"""What a journal alone says of what has begun, and of what ran in the middle of it."""

from collections.abc import Sequence

import pytest

from handrail.chaos.checker.begun import GATHERS, ORDER, BegunBook
from handrail.lane.journal import Entry, Kind, entry_key
from handrail.lane.redrives import Settled, Settling

Line = tuple[bytes, Entry | None]


def record(kind: Kind, of: str, *, ms: int = 0, path: str = "", **facts: object) -> Line:
    entry = Entry(kind, of, 1, "1", ms, path=path, facts=facts)
    return entry.key, entry


def begins(of: str, *, ms: int = 0) -> Line:
    return record(Kind.INTENT, of, ms=ms, path="1", effect="paid")


def looks(of: str) -> Line:
    return record(Kind.OUTCOME, of, path="1", ok=True)


def starts(of: str) -> Line:
    return record(Kind.ACCEPTED, of, ms=5, why=None)


def pauses(of: str) -> Line:
    return record(Kind.ACCEPTED, of, why="paused")


def gone(line: Line) -> Line:
    return line[0], None


def sent_back(of: str) -> list[Line]:
    settled = Settled(dead=0, invocation=of, what=Settling.REDRIVEN, answer=0, by="ada", until_ms=9)
    entry = settled.entry(1, "1", 3)
    return [(entry.key, entry), record(Kind.PARKED, of, ms=3, why="waiting"), begins(of)]


def part(number: int, *, ms: int) -> Line:
    entry = Entry(Kind.GATHERED, "g", 1, "1", ms, part=number)
    return entry.key, entry


CLOSED = record(Kind.GATHER_CLOSED, "g", ms=4)


def found(lines: Sequence[Line]) -> list[str]:
    book = BegunBook()
    for of in ("a", "b"):
        book.wait(of, b"same")
    return [name for key, entry in lines for name, _ in book.take(key, entry)]


@pytest.mark.parametrize(
    ("lines", "broken"),
    [
        ([begins("a"), gone(begins("a")), begins("b")], []),
        ([begins("a"), begins("b")], [ORDER]),
        ([looks("a"), starts("b")], [ORDER]),
        ([begins("a"), looks("a"), pauses("b")], []),
        ([begins("a"), gone(begins("a")), begins("b"), *sent_back("a")], []),
        ([begins("a"), gone(begins("a")), begins("b"), *sent_back("a"), starts("a")], [ORDER]),
        ([begins("a"), begins("c")], []),
        ([begins("a"), begins("a"), begins("a", ms=7)], []),
    ],
    ids=[
        "one after the other",
        "in the middle of another",
        "started beside one that only looked",
        "paused before it began",
        "sent back and waiting",
        "sent back and started in the middle",
        "another key",
        "copied forward and tried again",
    ],
)
def test_of_a_key_one_runs_at_a_time_by_the_journal(lines: list[Line], broken: list[str]) -> None:
    assert found(lines) == broken


@pytest.mark.parametrize(
    ("lines", "broken"),
    [
        ([part(0, ms=1), part(1, ms=2), begins("g")], []),
        ([part(0, ms=1), begins("g"), part(1, ms=2)], [GATHERS]),
        ([part(0, ms=1), begins("g"), part(0, ms=1)], []),
        ([part(0, ms=1), gone(part(0, ms=1)), CLOSED, part(1, ms=5)], [GATHERS]),
        ([part(0, ms=1), gone(part(0, ms=1)), CLOSED, *sent_back("g"), part(0, ms=1)], []),
    ],
    ids=["before", "after its begin", "copied forward", "after its end", "sent back"],
)
def test_a_part_counts_before_its_gather_has_begun_or_not_at_all(
    lines: list[Line], broken: list[str]
) -> None:
    assert found(lines) == broken


def test_what_concerns_the_lane_itself_begins_nothing() -> None:
    assert not found([(entry_key("lane", Kind.RELEASED), None)])
