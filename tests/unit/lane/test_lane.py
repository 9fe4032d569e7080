"""What one lane decides: order per key, resting, gathering, restoring."""

from collections.abc import Iterable
from dataclasses import replace

from handrail.lane.bounds import LaneBounds
from handrail.lane.decision import LaneSettings, PartRefused, PartTaken
from handrail.lane.gather import PartEnd, Refusal
from handrail.lane.invocation import Invocation
from handrail.lane.journal import Entry, Kind, decode_entry, encode_entry
from handrail.lane.lane import Lane
from handrail.lane.progress import OffsetMetadata
from handrail.wire.envelope import Envelope, FanOutHeader
from handrail.wire.ids import gather_invocation_id
from handrail.wire.record import Record, TopicPartition

JOURNAL = TopicPartition("ns.a.journal", 0)
DEADLINE_MS = 1_000_000


def a_lane(**bounds: float) -> Lane:
    return Lane(LaneSettings("1", "in", None, LaneBounds(**bounds)), 0, None)  # type: ignore[arg-type]


def put(lane: Lane, offset: int, key: str, now_ms: int = 0) -> Invocation:
    record = Record("ns.in", 0, offset, 0, key.encode(), b"{}", ())
    envelope = Envelope(f"i{offset}", "str.v1", "s", 0, "t", "default", deadline_ms=DEADLINE_MS)
    assert lane.progress.admit(offset)
    return lane.take(record, envelope, key.encode(), now_ms)


def started(lane: Lane) -> list[str]:
    found: list[str] = []
    while (invocation := lane.start_next(0)) is not None:
        found.append(invocation.id)
    return found


def part(
    lane: Lane,
    number: int,
    of: int,
    offset: int,
    *,
    end: PartEnd = PartEnd.MESSAGE,
    fan_out: str = "f",
    now_ms: int = 0,
    body: bytes = b'"m"',
) -> PartTaken | PartRefused:
    header = FanOutHeader("in", fan_out, number, of)
    envelope = Envelope(
        f"i{offset}",
        "str.v1",
        "s",
        0,
        "t",
        "default",
        causation_id="x",
        deadline_ms=DEADLINE_MS,
        fan_outs=(header,),
    )
    record = Record("ns.in", 0, offset, 0, b"f", body, ())
    lane.progress.admit(offset)
    return lane.take_part(record, envelope, end, now_ms)


class Journal:
    """The journal as the broker would keep it."""

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes, Entry | None]] = []

    def write(self, lane: Lane, entries: Iterable[Entry], removed: Iterable[bytes] = ()) -> None:
        written: list[tuple[bytes, int, bool]] = []
        for key in removed:
            offset = len(self.records)
            self.records.append((offset, key, None))
            written.append((key, offset, True))
        for entry in entries:
            offset = len(self.records)
            out = encode_entry(entry, JOURNAL)
            record = Record("ns.a.journal", 0, offset, 0, out.key, out.value, out.headers)
            self.records.append((offset, entry.key, decode_entry(record)))
            written.append((entry.key, offset, False))
        lane.committed((), written)

    def reopened(self, lane: Lane, completing: list[int], now_ms: int = 0) -> Lane:
        low, text = lane.offset_metadata(completing)
        metadata = OffsetMetadata.decode(text)
        successor = Lane(lane.settings, low, metadata)
        successor.restore(
            [r for r in self.records if r[0] >= metadata.journal], len(self.records), now_ms
        )
        return successor


def test_handoffs_of_one_key_run_one_after_the_other_and_other_keys_beside_them() -> None:
    lane = a_lane()
    first, _, other = put(lane, 0, "a"), put(lane, 1, "a"), put(lane, 2, "b")

    assert started(lane) == ["i0", "i2"]
    lane.end(first, 0)
    assert started(lane) == ["i1"]
    lane.end(other, 0)
    assert started(lane) == []


def test_no_more_handlers_run_than_the_bound_says() -> None:
    lane = a_lane(running=2)
    for offset in range(5):
        put(lane, offset, f"k{offset}")

    assert len(started(lane)) == 2


def test_behind_one_key_only_so_many_may_wait_and_other_keys_have_room() -> None:
    lane = a_lane(per_key=3)
    for offset in range(3):
        put(lane, offset, "busy")

    assert not lane.has_room_behind(b"busy")
    assert lane.has_room_behind(b"idle")


def test_a_lane_is_full_until_what_it_holds_has_committed() -> None:
    lane = a_lane(buffered=2)
    invocation = put(lane, 0, "a")
    put(lane, 1, "b")
    started(lane)

    assert lane.is_full
    lane.end(invocation, 0)
    assert lane.is_full, "an end that has not committed still counts"
    lane.committed([0], [])
    assert not lane.is_full


def test_what_runs_for_thirty_seconds_gives_its_offset_free_with_all_its_followers() -> None:
    lane = a_lane()
    put(lane, 0, "slow")
    put(lane, 1, "slow", now_ms=10)
    put(lane, 2, "quick", now_ms=20_000)
    started(lane)

    rest = lane.tick(30_010).rest

    assert rest is not None
    assert list(rest.offsets) == [0, 1]
    assert [entry.facts["why"] for entry in rest.entries] == ["running", "waiting"]
    assert lane.offset_metadata(rest.offsets)[0] == 2


def test_what_holds_back_too_many_offsets_rests_without_waiting() -> None:
    lane = a_lane(park_span=10)
    put(lane, 0, "slow")
    for offset in range(1, 12):
        lane.end(put_and_start(lane, offset), 0)
        lane.committed([offset], [])

    rest = lane.tick(1).rest

    assert rest is not None
    assert list(rest.offsets) == [0]


def put_and_start(lane: Lane, offset: int) -> Invocation:
    invocation = put(lane, offset, f"k{offset}")
    started(lane)
    return invocation


def test_the_successor_finds_the_resting_before_the_inbox_in_the_order_of_the_key() -> None:
    lane, journal = a_lane(), Journal()
    for offset in (0, 1):
        put(lane, offset, "a")
    put(lane, 2, "a", now_ms=29_000)
    started(lane)
    rest = lane.tick(30_000).rest
    assert rest is not None
    journal.write(lane, rest.entries)
    lane.committed(rest.offsets, [])

    successor = journal.reopened(lane, [])
    put(successor, 2, "a")

    order: list[str] = []
    while (invocation := successor.start_next(0)) is not None:
        order.append(invocation.id)
        successor.end(invocation, 0)
    assert order == ["i0", "i1", "i2"]


def test_a_resting_invocation_costs_no_message_in_memory_once_the_journal_has_it() -> None:
    lane = a_lane()
    running, waiting = put(lane, 0, "a"), put(lane, 1, "a")
    started(lane)
    rest = lane.tick(30_000).rest
    assert rest is not None

    lane.rested(rest)

    assert waiting.record is None
    assert running.record is not None


def test_the_end_of_a_resting_invocation_removes_it_from_the_journal() -> None:
    lane, journal = a_lane(), Journal()
    invocation = put(lane, 0, "a")
    started(lane)
    rest = lane.tick(30_000).rest
    assert rest is not None
    journal.write(lane, rest.entries)
    lane.committed(rest.offsets, [])

    end = lane.end(invocation, 40_000)
    journal.write(lane, end.entries, end.removed)

    assert not end.offsets
    assert journal.reopened(lane, []).start_next(0) is None


def test_what_was_moved_keeps_its_new_place_unless_it_is_moved_back() -> None:
    lane, journal = a_lane(), Journal()
    put_and_start(lane, 0)
    moved, third = put_and_start(lane, 5), put_and_start(lane, 6)
    record = moved.record
    assert record is not None

    lane.moved_back(lane.move(moved, replace(record, offset=1), 10), record)
    assert (moved.parked, moved.offset, lane.parked_count) == (False, 5, 0)
    rest = lane.tick(30_000).rest
    assert rest is not None
    assert rest.offsets == (0, 5, 6)
    journal.write(lane, rest.entries)
    lane.committed(rest.offsets, [])

    again = lane.move(moved, replace(record, offset=1), 31_000)
    journal.write(lane, again.entries)
    assert not again.offsets
    assert lane.parked_count == 3
    (found,) = [one for one in started_all(journal.reopened(lane, [])) if one.id == moved.id]
    assert (found.parked, found.offset, third.offset) == (True, 1, 6)


def started_all(lane: Lane) -> list[Invocation]:
    return [one for one in iter(lambda: lane.start_next(0), None) if one is not None]


def test_the_pointer_never_passes_a_live_record() -> None:
    lane, journal = a_lane(), Journal()
    put(lane, 0, "a")
    started(lane)
    rest = lane.tick(30_000).rest
    assert rest is not None
    journal.write(lane, rest.entries)
    lane.committed(rest.offsets, [])
    journal.write(lane, [lane.lane_entry(Kind.EPOCH, 0)])

    pointer = OffsetMetadata.decode(lane.offset_metadata([])[1]).journal

    assert pointer == 0


def test_a_gather_runs_once_when_every_part_has_ended() -> None:
    lane = a_lane()

    one = part(lane, 1, 3, 0)
    two = part(lane, 0, 3, 1, end=PartEnd.LOST)
    assert started(lane) == []
    three = part(lane, 2, 3, 2, end=PartEnd.EMPTY)

    assert isinstance(one, PartTaken)
    assert one.first
    assert isinstance(two, PartTaken)
    assert not two.first
    assert isinstance(three, PartTaken)
    assert started(lane) == [gather_invocation_id("f")]


def test_a_fan_out_without_parts_is_gathered_at_once() -> None:
    lane = a_lane()

    part(lane, 0, 0, 0, end=PartEnd.NO_PARTS)

    assert started(lane) == [gather_invocation_id("f")]


def test_a_part_counts_once() -> None:
    lane = a_lane()
    part(lane, 0, 2, 0)

    again = part(lane, 0, 2, 1)

    assert isinstance(again, PartRefused)
    assert again.reason is Refusal.NOT_A_PART


def test_a_part_after_its_gather_is_late_also_for_the_successor() -> None:
    lane, journal = a_lane(), Journal()
    taken = part(lane, 0, 1, 0)
    assert isinstance(taken, PartTaken)
    journal.write(lane, [taken.entry])
    invocation = lane.start_next(0)
    assert invocation is not None
    end = lane.end(invocation, 5)
    journal.write(lane, end.entries, end.removed)

    successor = journal.reopened(lane, [0])

    for owner in (lane, successor):
        late = part(owner, 0, 1, 9)
        assert isinstance(late, PartRefused)
        assert late.reason is Refusal.LATE


def test_a_successor_goes_on_with_the_parts_that_had_ended() -> None:
    lane, journal = a_lane(), Journal()
    taken = part(lane, 0, 2, 0)
    assert isinstance(taken, PartTaken)
    journal.write(lane, [taken.entry])

    successor = journal.reopened(lane, [0])
    second = part(successor, 1, 2, 1)

    assert isinstance(second, PartTaken)
    assert not second.first
    assert second.invocation is not None
    assert sorted(second.invocation.gather.parts) == [0, 1]  # type: ignore[union-attr]


def test_a_successor_holds_the_small_parts_and_reads_back_only_the_large_ones() -> None:
    lane, journal = a_lane(), Journal()
    small, large = part(lane, 0, 3, offset=0), part(lane, 1, 3, offset=1, body=b"1" * 5_000)
    assert isinstance(small, PartTaken)
    assert isinstance(large, PartTaken)
    journal.write(lane, [small.entry, large.entry])

    successor = journal.reopened(lane, [0, 1])

    held = successor._gathers._all["f"].parts
    assert held[0].record == small.entry.snapshot
    assert held[1].record is None


def test_a_gather_whose_time_is_over_runs_with_what_there_is() -> None:
    lane = a_lane()
    part(lane, 0, 2, 0)

    lane.tick(int(DEADLINE_MS * 0.89))
    assert started(lane) == []
    lane.tick(int(DEADLINE_MS * 0.9))

    assert started(lane) == [gather_invocation_id("f")]


def test_a_closed_gather_is_forgotten_an_hour_after_the_deadline() -> None:
    lane, journal = a_lane(), Journal()
    taken = part(lane, 0, 1, 0)
    assert isinstance(taken, PartTaken)
    journal.write(lane, [taken.entry])
    invocation = lane.start_next(0)
    assert invocation is not None
    end = lane.end(invocation, 5)
    journal.write(lane, end.entries, end.removed)

    before = lane.tick(DEADLINE_MS + 3_599_999).forgotten
    after = lane.tick(DEADLINE_MS + 3_600_000).forgotten

    assert not before
    assert list(after) == [end.entries[0].key]


def test_a_handler_past_its_task_s_deadline_is_told_so() -> None:
    lane = a_lane()
    invocation = put(lane, 0, "a")
    started(lane)

    assert not lane.tick(DEADLINE_MS - 1).past_deadline
    assert list(lane.tick(DEADLINE_MS).past_deadline) == [invocation]


def test_a_lane_that_takes_over_a_long_bitmap_still_reads_on() -> None:
    lane = Lane(LaneSettings("1", "in"), 0, OffsetMetadata(0, 1, 0, ((1 << 9_500) - 1) << 1))

    assert not lane.is_full
