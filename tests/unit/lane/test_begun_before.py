"""What an owner before has begun comes first of its key, and what was sent back waits for it."""

from handrail.lane.decision import LaneSettings, PartRefused
from handrail.lane.gather import Refusal
from handrail.lane.invocation import Invocation, Why
from handrail.lane.journal import Entry, Kind
from handrail.lane.lane import Lane
from handrail.lane.redrives import Settled, Settling
from handrail.lane.resting import accepted_entry, parked_entry
from handrail.wire.envelope import Envelope
from handrail.wire.ids import gather_invocation_id
from handrail.wire.record import Record
from tests.unit.lane.test_lane import Journal, a_lane, part, put, started


def sent_back(lane: Lane, journal: Journal, offset: int, key: str, *steps: str) -> None:
    """Send the dead letter of an invocation back, with the steps that it had recorded."""
    envelope = Envelope(f"i{offset}", "str.v1", "s", 0, "t", "default")
    record = Record("ns.in", 0, offset, 0, key.encode(), b"{}", ())
    one = Invocation(envelope.id, key.encode(), offset, 0, record, envelope)
    settled = Settled(
        dead=offset,
        invocation=one.id,
        what=Settling.REDRIVEN,
        answer=0,
        by="ada",
        until_ms=9_000_000,
    )
    entries = [settled.entry(1, "1", 0), parked_entry(one, 1, "1", 0)]
    entries += [outcome(one.id, path) for path in steps]
    journal.write(lane, entries)
    lane.take_back(entries)


def outcome(invocation: str, path: str = "1") -> Entry:
    facts = {"name": "n", "digest": "d", "shown": "n()", "attempt": 1, "ok": True}
    return Entry(Kind.OUTCOME, invocation, 1, "1", 0, facts=facts, path=path, body=b"1")


def dead(lane: Lane, offset: int, key: str) -> None:
    lane.end(put_and_started(lane, offset, key), 0)
    lane.committed([offset], [])


def put_and_started(lane: Lane, offset: int, key: str) -> Invocation:
    invocation = put(lane, offset, key)
    assert started(lane) == [invocation.id]
    return invocation


def in_turn(lane: Lane) -> list[str]:
    order: list[str] = []
    while (invocation := lane.start_next(0)) is not None:
        order.append(invocation.id)
        lane.end(invocation, 0)
    return order


def test_what_was_sent_back_waits_until_the_inbox_has_brought_what_had_begun() -> None:
    lane, journal = a_lane(), Journal()
    dead(lane, 0, "a")
    put_and_started(lane, 1, "a")
    journal.write(lane, [outcome("i1")])
    sent_back(lane, journal, 0, "a", "1", "2")

    successor = journal.reopened(lane, [])
    assert started(successor) == []
    put(successor, 1, "a")

    assert in_turn(successor) == ["i1", "i0"]


def test_what_had_begun_and_ends_as_soon_as_it_comes_is_waited_for_no_more() -> None:
    lane, journal = a_lane(), Journal()
    dead(lane, 0, "a")
    put_and_started(lane, 1, "a")
    journal.write(lane, [outcome("i1")])
    sent_back(lane, journal, 0, "a")

    successor = journal.reopened(lane, [])
    successor.progress.admit(1)
    successor.forget("i1")

    assert started(successor) == ["i0"]


def test_what_was_sent_back_waits_for_what_stands_before_it_in_the_inbox() -> None:
    lane, journal = a_lane(), Journal()
    running = put_and_started(lane, 0, "a")
    put(lane, 1, "a")
    assert lane.progress.admit(2)
    lane.committed([2], [])
    sent_back(lane, journal, 2, "a")

    successor = journal.reopened(lane, [])
    assert started(successor) == []
    put(successor, 0, "a")
    put(successor, 1, "a")
    assert not successor.progress.admit(2)

    lane.end(running, 0)
    assert in_turn(lane) == ["i1", "i2"]
    assert in_turn(successor) == ["i0", "i1", "i2"]


def test_what_rested_while_it_ran_has_begun() -> None:
    lane, journal = a_lane(), Journal()
    dead(lane, 0, "a")
    put_and_started(lane, 1, "a")
    sent_back(lane, journal, 0, "a")
    rest = lane.tick(30_000).rest
    assert rest is not None
    journal.write(lane, rest.entries)
    lane.committed(rest.offsets, [])

    assert in_turn(journal.reopened(lane, [])) == ["i1", "i0"]


def test_of_two_that_were_sent_back_the_one_that_has_begun_again_stays_first() -> None:
    lane, journal = a_lane(), Journal()
    dead(lane, 0, "a")
    dead(lane, 1, "a")
    sent_back(lane, journal, 1, "a", "1")
    begun = lane.find("i1")
    assert begun is not None
    assert started(lane) == ["i1"]
    journal.write(lane, [accepted_entry(begun, 1, "1", 0)])
    sent_back(lane, journal, 0, "a")

    assert in_turn(journal.reopened(lane, [])) == ["i1", "i0"]


def test_of_two_that_were_sent_back_and_have_not_begun_the_earlier_one_is_first() -> None:
    lane, journal = a_lane(), Journal()
    dead(lane, 0, "a")
    dead(lane, 1, "a")
    held = put_and_started(lane, 2, "a")
    sent_back(lane, journal, 1, "a", "1", "2")
    sent_back(lane, journal, 0, "a")

    lane.end(held, 0)
    assert in_turn(lane) == ["i0", "i1"]


def test_what_had_begun_and_rests_goes_on_resting_before_what_was_sent_back() -> None:
    lane, journal = a_lane(), Journal()
    dead(lane, 0, "a")
    running = put_and_started(lane, 1, "a")
    rest = lane.suspend(running, Why.RETRY, 60_000, 0, briefly=True)
    journal.write(lane, rest.entries)
    sent_back(lane, journal, 0, "a")

    successor = journal.reopened(lane, [])
    put(successor, 1, "a")

    assert in_turn(successor) == []
    successor.wake_due(60_000)
    assert in_turn(successor) == ["i1", "i0"]


def test_while_the_inbox_is_not_read_what_was_sent_back_waits_for_nothing_of_it() -> None:
    lane, journal = a_lane(parked=1), Journal()
    dead(lane, 0, "a")
    put_and_started(lane, 1, "a")
    journal.write(lane, [outcome("i1")])
    sent_back(lane, journal, 0, "a")

    successor = journal.reopened(lane, [])

    assert successor.is_full
    assert started(successor) == ["i0"]


def a_gather(within_ms: int) -> tuple[Lane, Journal]:
    lane, journal = Lane(LaneSettings("1", "in", within_ms), 0, None), Journal()
    taken = part(lane, 0, 2, 0)
    assert not isinstance(taken, PartRefused)
    journal.write(lane, [taken.entry])
    lane.committed([0], [])
    return lane, journal


def test_a_successor_opens_no_gather_again_whose_time_is_over() -> None:
    lane, journal = a_gather(within_ms=1_000)

    successor = journal.reopened(lane, [], now_ms=1_000)
    late = part(successor, 1, 2, 1, now_ms=1_000)

    assert isinstance(late, PartRefused)
    assert late.reason is Refusal.LATE
    assert started(successor) == [gather_invocation_id("f")]


def test_a_successor_opens_no_gather_again_that_has_begun() -> None:
    lane, journal = a_gather(within_ms=60_000)
    journal.write(lane, [outcome(gather_invocation_id("f"))])

    successor = journal.reopened(lane, [])

    assert isinstance(part(successor, 1, 2, 1), PartRefused)
    assert started(successor) == [gather_invocation_id("f")]


def test_a_successor_waits_on_for_the_parts_of_a_gather_that_has_time() -> None:
    lane, journal = a_gather(within_ms=60_000)

    successor = journal.reopened(lane, [], now_ms=59_999)

    assert started(successor) == []
    assert not isinstance(part(successor, 1, 2, 1), PartRefused)
