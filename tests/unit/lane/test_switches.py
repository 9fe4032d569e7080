"""Which cancels a process knows, what they cover, and when they are forgotten."""

from dataclasses import replace

import pytest

from handrail.lane.switches import CLOCKS_DIFFER_MS, KEPT_AFTER_DEADLINE_MS, Cancel, Switches
from handrail.wire.record import Outgoing, Record

DEADLINE_MS = 1_800_000_000_000
CANCEL = Cancel("t1", DEADLINE_MS, exact=True, by="ada", why="no longer wanted", asked_ms=1)


def stored(sent: Outgoing) -> Record:
    return Record("ns.control", 0, 0, 1, sent.key, sent.value, sent.headers)


def deletion(cancel: Cancel) -> Record:
    return Record("ns.control", 0, 1, 1, cancel.key, None, ())


def knowing(*cancels: Cancel, count_max: int = 100) -> Switches:
    switches = Switches(count_max)
    for cancel in cancels:
        switches.take(stored(cancel.outgoing("ns.control")))
    return switches


def test_a_cancel_is_read_as_it_was_written() -> None:
    assert Cancel.of(stored(CANCEL.outgoing("ns.control"))) == CANCEL


@pytest.mark.parametrize(
    ("exact", "deadline_ms", "covered"),
    [
        (True, DEADLINE_MS, True),
        (True, DEADLINE_MS - 1, False),
        (True, DEADLINE_MS + 1, False),
        (True, None, True),
        (False, DEADLINE_MS, True),
        (False, DEADLINE_MS - 1, True),
        (False, DEADLINE_MS + 1, False),
    ],
)
def test_a_cancel_covers_one_opening_of_its_task(
    exact: bool,
    deadline_ms: int | None,
    covered: bool,
) -> None:
    switches = knowing(replace(CANCEL, exact=exact))

    assert (switches.cancel_of("t1", deadline_ms) is not None) is covered
    assert switches.cancel_of("t2", deadline_ms) is None


@pytest.mark.parametrize(
    ("asked_ms", "deadline_ms", "covered"),
    [
        (CANCEL.asked_ms - 1, DEADLINE_MS - 1, True),
        (CANCEL.asked_ms - 1, DEADLINE_MS + 1, False),
        (CANCEL.asked_ms + CLOCKS_DIFFER_MS + 1, DEADLINE_MS - 1, False),
        (CANCEL.asked_ms + CLOCKS_DIFFER_MS + 1, DEADLINE_MS, True),
    ],
)
def test_a_cancel_covers_what_was_asked_before_it_with_a_time_of_its_own(
    asked_ms: int, deadline_ms: int, covered: bool
) -> None:
    switches = knowing(CANCEL)

    assert (switches.cancel_of("t1", deadline_ms, asked_ms=asked_ms) is not None) is covered


def test_two_openings_of_a_task_are_canceled_each_by_itself() -> None:
    later = replace(CANCEL, until_ms=DEADLINE_MS + 5, why="again")
    switches = knowing(CANCEL, later)

    switches.take(deletion(CANCEL))

    assert switches.cancel_of("t1", DEADLINE_MS) is None
    assert switches.cancel_of("t1", DEADLINE_MS + 5) == later


def test_a_cancel_is_forgotten_an_hour_after_the_deadline_and_not_before() -> None:
    switches = knowing(CANCEL)
    over_ms = DEADLINE_MS + KEPT_AFTER_DEADLINE_MS

    before, after = switches.expire(over_ms - 1), switches.expire(over_ms)

    assert (before, after) == ([], [CANCEL.key])
    assert (switches.count, switches.cancel_of("t1", DEADLINE_MS)) == (0, None)


def test_what_is_kept_is_bounded_and_the_oldest_goes_first() -> None:
    cancels = [replace(CANCEL, task_id=f"t{n}", until_ms=DEADLINE_MS + n) for n in range(5)]
    switches = knowing(*cancels, count_max=3)

    switches.expire(0)

    assert switches.count == 3
    assert switches.cancel_of("t1", DEADLINE_MS + 1) is None
    assert switches.cancel_of("t2", DEADLINE_MS + 2) is not None


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"task": 1}', b"\xff", None])
def test_what_cannot_be_read_changes_nothing(value: bytes | None) -> None:
    heard: list[str] = []
    switches = knowing(CANCEL)
    switches.listeners.add(lambda: heard.append("changed"))

    switches.take(replace(stored(CANCEL.outgoing("ns.control")), key=b"other", value=value))
    switches.take(Record("ns.control", 0, 0, 1, b"writer/pause", b"{}", ()))

    assert (switches.count, heard) == (1, [])


def test_listeners_hear_of_a_cancel_and_of_its_end() -> None:
    heard: list[int] = []
    switches = Switches()
    switches.listeners.add(lambda: heard.append(switches.count))

    switches.take(stored(CANCEL.outgoing("ns.control")))
    switches.take(deletion(CANCEL))
    switches.take(deletion(CANCEL))

    assert heard == [1, 0]
