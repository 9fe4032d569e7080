"""What the registrar makes of a batch: each event counted once, memory bounded, ends announced."""

import json
from collections.abc import Sequence

from handrail.ledger.event import Event
from handrail.ledger.task_record import decode_end, decode_row
from handrail.runtime.registrar import KEPT_AFTER_END_MS, TOMBSTONES_COUNT_MAX, TaskBook
from handrail.wire.record import Outgoing, Record
from tests.unit.ledger.told import Story, as_record


class Partition:
    """A book with its own partition; commits what the book decides, or forgets it."""

    def __init__(self, rows_count_max: int = 100) -> None:
        self.rows_count_max = rows_count_max
        self.own: list[Record] = []
        self.results: list[Record] = []
        self.ledger: list[Record] = []
        self.book = TaskBook("ns", 0, rows_count_max)
        self.recalled = 0

    def tells(self, *events: Event) -> list[Record]:
        new = [as_record(event, len(self.ledger) + n) for n, event in enumerate(events)]
        self.ledger += new
        return new

    def takes(self, records: Sequence[Record], now_ms: int = 0) -> None:
        self.decides(records, now_ms)
        self.commits(self.decided)

    def decides(self, records: Sequence[Record], now_ms: int = 0) -> None:
        wanted = self.book.begin(records)
        self.recalled += len(wanted)
        self.book.recall([self.own[place.offset] for place in wanted])
        self.decided = self.book.decide(now_ms)

    def commits(self, out: Sequence[Outgoing]) -> None:
        offsets: list[int] = []
        for record in out:
            log = self.own if record.topic == "ns.tasks" else self.results
            offsets.append(len(log))
            at = len(log)
            log.append(Record(record.topic, 0, at, 0, record.key, record.value, record.headers))
        self.book.committed(offsets)

    def reopened(self) -> None:
        self.book.close()
        self.book = TaskBook("ns", 0, self.rows_count_max)
        self.book.restore(self.own)

    def states(self) -> dict[str, str]:
        newest = {record.key: record for record in self.own}
        return {
            decode_row(r).facts.task_id: decode_row(r).facts.state.value
            for r in newest.values()
            if r.value is not None
        }


def test_each_task_of_a_batch_gets_one_row_and_each_end_without_a_result_a_record() -> None:
    partition = Partition()
    a, b, c = Story("a"), Story("b"), Story("c")

    partition.takes(
        partition.tells(
            a.accepted(reference="mine"),
            b.accepted(),
            a.dead(),
            b.finished("s1", "r@results/result"),
            c.submitted(),
        )
    )

    assert partition.states() == {"a": "failed", "b": "completed", "c": "submitted"}
    assert len(partition.own) == 3
    (end,) = partition.results
    assert end.key == b"mine"
    assert decode_end(end) is not None


def test_an_end_is_announced_once_also_by_the_next_registrar() -> None:
    partition = Partition()
    story = Story("a")
    partition.takes(partition.tells(story.accepted(), story.dead()))

    partition.takes(partition.tells(story.submitted()))
    partition.reopened()
    partition.takes(partition.tells(story.submitted()))

    assert (len(partition.own), len(partition.results)) == (3, 1)


def test_what_was_decided_and_not_committed_is_forgotten() -> None:
    partition = Partition()
    story = Story("a")
    batch = partition.tells(story.accepted(), story.finished("s1", "h1@q", "h2@q"))

    partition.decides(batch)
    partition.book.undo()
    partition.takes(batch)

    assert decode_row(partition.own[-1]).facts.open == 2


def test_an_event_that_was_folded_before_is_passed_over_by_its_offset() -> None:
    partition = Partition()
    story = Story("a")
    batch = partition.tells(story.accepted(), story.finished("s1", "h1@q", "h2@q"))
    partition.takes(batch)

    partition.takes(batch)
    partition.reopened()
    partition.takes(batch)

    assert len(partition.own) == 1


def test_a_new_book_goes_on_from_the_rows_of_the_old_one() -> None:
    partition = Partition()
    story = Story("a")
    partition.takes(partition.tells(story.accepted(), story.finished("s1", "h1@q")))

    partition.reopened()
    read_to = partition.book.read_to
    partition.takes(partition.tells(story.finished("h1", topic="q")))

    assert read_to == 2
    assert partition.states() == {"a": "completed"}
    assert json.loads(partition.results[0].value or b"")["state"] == "completed"


def test_rows_that_do_not_fit_into_memory_are_read_back_when_they_are_needed() -> None:
    partition = Partition(rows_count_max=3)
    stories = [Story(f"task-{number}") for number in range(20)]
    partition.takes(partition.tells(*(story.accepted() for story in stories)))

    for story in stories:
        partition.takes(partition.tells(story.finished("s1", "h1@q", "h2@q")))
    for story in stories:
        partition.takes(partition.tells(story.finished("h1", topic="q")))

    newest = {record.key: decode_row(record).facts for record in partition.own}
    assert {facts.open for facts in newest.values()} == {1}
    assert {facts.invocations for facts in newest.values()} == {2}
    assert partition.recalled >= 34
    partition.book.close()


def test_rows_read_back_beside_a_wanted_one_do_not_replace_newer_ones() -> None:
    partition = Partition(rows_count_max=2)
    a, b = Story("a"), Story("b")
    partition.takes(partition.tells(a.accepted()))
    partition.takes(partition.tells(b.accepted()))
    partition.takes(partition.tells(a.finished("s1", "h1@q", "h2@q")))

    batch = partition.tells(a.finished("h1", topic="q"))
    partition.book.begin(batch)
    partition.book.recall(partition.own[:1])
    partition.commits(partition.book.decide(0))

    assert decode_row(partition.own[-1]).facts.open == 1


def test_records_that_are_no_events_are_counted_and_change_nothing() -> None:
    partition = Partition()

    partition.takes([Record("ns.ledger", 0, 0, 0, b"k", b"garbage")])

    assert (partition.own, partition.book.unknown_count) == ([], 1)


def test_rows_of_tasks_that_ended_thirty_days_ago_are_deleted_a_bounded_number_at_once() -> None:
    partition = Partition()
    old = [Story(f"old-{number}") for number in range(TOMBSTONES_COUNT_MAX + 1)]
    young, living = Story("young", start_ms=5_000_000), Story("living")
    partition.takes(partition.tells(*(story.rejected() for story in old)))
    partition.takes(partition.tells(young.rejected(), living.accepted()))
    now_ms = KEPT_AFTER_END_MS + 4_000_000

    counts = []
    for _ in range(3):
        out = partition.book.overdue(now_ms)
        partition.commits(out)
        counts.append(len(out))

    assert counts == [TOMBSTONES_COUNT_MAX, 1, 0]
    assert set(partition.states()) == {"young", "living"}
    partition.reopened()
    assert partition.book.overdue(now_ms) == []
    assert len(partition.book.overdue(now_ms + 2_000_000)) == 1


def test_a_task_whose_row_was_deleted_may_begin_again() -> None:
    partition = Partition()
    story = Story("a")
    partition.takes(partition.tells(story.rejected()))
    partition.commits(partition.book.overdue(KEPT_AFTER_END_MS + 10_000))

    partition.takes(partition.tells(story.accepted("s2")))

    assert partition.states() == {"a": "working"}
