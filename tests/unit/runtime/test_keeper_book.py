"""What the keeper makes of a batch: decided once, bounded in memory, forgotten when undecided."""

import itertools
from typing import Any

from handrail.ledger.memory_event import MemoryRefused, MemoryWritten
from handrail.memory.bodies import Bodies
from handrail.memory.deciding import digest_of
from handrail.runtime.keeper_book import EXPIRED_COUNT_MAX
from handrail.runtime.registrar import TaskBook
from handrail.wire.memory import (
    Command,
    Op,
    StoredRecord,
    full_key,
    key_in_words,
)
from tests.promises.memory_askers import TENANT, command
from tests.unit.runtime.keeper_partition import COUNT, Partition, about, add_one

DAY_MS = 24 * 3_600_000


def test_a_batch_sees_what_it_has_made_itself_and_writes_each_key_once() -> None:
    partition = Partition()

    partition.takes(partition.asks(*(add_one() for _ in range(5))))

    (record,) = partition.newest("tally").values()
    assert (record.value, record.version, record.applied) == (5, 5, 4)
    assert len(partition.logs["ns.memory.tally"]) == 2
    assert [one.version for one in partition.answers()] == [1, 2, 3, 4, 5]
    versions = [StoredRecord.decode(r.value).version for r in partition.logs["ns.memory.history"]]
    assert versions == [1, 2, 3, 4, 5]


def test_what_was_decided_and_not_committed_is_forgotten() -> None:
    partition = Partition()
    partition.takes(partition.asks(add_one()))
    batch = partition.asks(add_one(), command(Op.PUT, "facts", "f", {"text": "a"}, expect=0))

    partition.decides(batch)
    partition.book.undo()
    partition.takes(batch)

    assert [one.version for one in partition.answers()] == [1, 2, 1]
    assert next(iter(partition.newest("tally").values())).value == 2


def test_a_command_that_was_decided_on_before_is_passed_over_also_by_the_next_keeper() -> None:
    partition = Partition()
    batch = partition.asks(add_one())
    partition.takes(batch)

    partition.begin_anew()
    partition.takes([*batch, *partition.asks(add_one())])

    assert partition.book.read_to == 2
    assert next(iter(partition.newest("tally").values())).value == 2


def test_records_that_do_not_fit_into_memory_are_read_back_when_they_are_needed() -> None:
    partition = Partition()
    partition.book._bodies = Bodies(records_count_max=3)
    for _, number in itertools.product(range(3), range(20)):
        partition.takes(partition.asks(add_one(f"k/{number}")))

    assert {one.value for one in partition.newest("tally").values()} == {3}
    assert partition.recalled == 40


def test_the_mark_says_which_command_was_the_last_to_write_to_each_topic() -> None:
    partition = Partition()
    refused = command(Op.PUT, "facts", "f", {"no": 1}, expect=0)

    partition.takes(partition.asks(add_one(), command(Op.ADD, "tags", "t", "a"), refused))

    for space in ("tally", "tags"):
        mark = partition.mark(space)
        assert (mark.applied, mark.spaces, mark.history) == (2, {"tally": 0, "tags": 1}, 1)
    partition.begin_anew()
    partition.takes(partition.asks(refused))
    mark = partition.mark("facts")
    assert (mark.applied, mark.spaces, mark.history) == (3, {"tally": 0, "tags": 1}, 1)


def test_what_has_expired_is_removed_a_bounded_number_at_once_and_said() -> None:
    partition = Partition()
    count = EXPIRED_COUNT_MAX + 1
    partition.takes(
        partition.asks(*(command(Op.PUT, "short", f"k/{n}", n, expect=0) for n in range(count)))
    )
    partition.takes(partition.asks(add_one()))

    assert partition.book.overdue(60_999) == []
    removed: list[int] = []
    for _ in range(3):
        before = len(partition.told())
        partition.commits(partition.book.overdue(61_000), 61_000)
        removed.append(len(partition.told()) - before)

    assert removed == [EXPIRED_COUNT_MAX, 1, 0]
    assert partition.newest("short") == {}
    last = partition.told()[-1]
    assert isinstance(last, MemoryWritten)
    assert (last.op, last.removed, last.version, last.tenant) == ("expire", True, 2, TENANT)
    assert len(partition.newest("tally")) == 1
    assert partition.mark("short").applied == count


def few(key: str, **facts: Any) -> Command:
    return command(Op.PUT, "few", key, 1, expect=0, **facts)


def test_what_has_expired_and_is_not_swept_yet_takes_nobody_room() -> None:
    partition = Partition()
    partition.takes(partition.asks(few("k/1"), few("k/2"), add_one()))
    partition.takes(partition.asks(few("k/3"), few("k/4")), 2_000)
    full = partition.told()[-1]
    assert isinstance(full, MemoryRefused)
    assert full.reason == "quota"

    partition.takes(partition.asks(add_one(), few("k/4"), few("k/5"), few("k/6")), 61_500)

    told = partition.told()[-6:]
    assert [(one.op, key_in_words(one.key)) for one in told] == [
        ("increment", "t"),
        ("expire", "k/1"),
        ("expire", "k/2"),
        ("put", "k/4"),
        ("put", "k/5"),
        ("put", "k/6"),
    ]
    assert isinstance(told[-1], MemoryRefused)
    assert [key_in_words(key) for key in sorted(partition.newest("few"))] == ["k/3", "k/4", "k/5"]
    assert (partition.mark("few").applied, partition.mark("few").spaces["few"]) == (8, 7)
    partition.begin_anew()
    partition.takes(partition.asks(few("k/6")), 62_000)
    assert [key_in_words(key) for key in sorted(partition.newest("few"))] == ["k/4", "k/5", "k/6"]


def test_room_is_made_of_what_has_expired_of_the_same_tenant_and_is_under_no_hold() -> None:
    partition = Partition()
    keys = [f"k/{number}" for number in range(3)]
    others = [full_key("other", key) for key in keys]
    held = [sealed(f"g/{number}", space="guests", expect=0) for number in range(3)]
    partition.takes(partition.asks(*(few("", full=other) for other in others), tenant="other"))
    partition.takes(partition.asks(*(few(key) for key in keys), *held[:2], about(Op.HOLD)))

    partition.takes(partition.asks(few("k/3"), held[2]), 61_500)

    assert sorted(partition.newest("few")) == [full_key(TENANT, "k/3"), *others]
    assert sorted(partition.newest("guests")) == [one.key for one in held[:2]]
    last = partition.told()[-1]
    assert isinstance(last, MemoryRefused)
    assert last.reason == "quota"


def test_one_transaction_makes_room_by_a_bounded_number_of_removals() -> None:
    partition = Partition()
    numbers = range(COUNT + EXPIRED_COUNT_MAX + 1)
    many = [command(Op.PUT, "many", f"k/{number}", 1, expect=0) for number in numbers]
    partition.takes(partition.asks(*many[:COUNT]))

    partition.takes(partition.asks(*many[COUNT:]), 61_500)

    assert len([one for one in partition.told() if one.op == "expire"]) == EXPIRED_COUNT_MAX
    assert len(partition.newest("many")) == COUNT
    assert dict(partition.book.refused_counts) == {"quota": 1}


def test_scratch_is_swept_a_day_after_the_deadline_of_its_task() -> None:
    partition = Partition()
    scratch = command(Op.PUT, "scratch", "s", {"a": 1})
    partition.takes(partition.asks(scratch, deadline_ms=5_000))

    assert partition.book.overdue(5_000 + DAY_MS - 1) == []
    partition.commits(partition.book.overdue(5_000 + DAY_MS))

    assert partition.newest("scratch") == {}


def test_the_number_of_a_removed_version_is_known_to_the_next_keeper() -> None:
    partition = Partition()
    put = command(Op.PUT, "facts", "f", {"text": "a"}, expect=0)
    remove = command(Op.REMOVE, "facts", "f", by="person:ada", expect=1)
    partition.takes(partition.asks(put, remove))

    partition.begin_anew()
    partition.takes(partition.asks(put))

    assert partition.answers()[-1].version == 3
    history = [StoredRecord.decode(r.value) for r in partition.logs["ns.memory.history"]]
    assert history[2].previous == _digest(history[1])


def _digest(record: StoredRecord) -> str:
    return digest_of(record.encode())


def sealed(key: str, subject: str = "d1", space: str = "people", **facts: object) -> Command:
    full = full_key(TENANT, key, subject=subject)
    return command(Op.PUT, space, key, "c2VhbA==", full=full, sealed=True, **facts)


def test_a_subject_is_forgotten_with_every_key_and_nobody_else_is() -> None:
    partition = Partition()
    mine = [sealed(f"p/{number}", expect=0) for number in range(3)]
    others = [sealed("p/0", subject="d10", expect=0), sealed("p/0", subject="d2", expect=0)]
    partition.takes(partition.asks(*mine, *others))

    partition.takes(partition.asks(about(Op.FORGET), reply_to=None))

    assert sorted(partition.newest("people")) == sorted(one.key for one in others)
    gone = [event for event in partition.told() if event.op == "forget"]
    assert len(gone) == 3
    partition.takes(partition.asks(about(Op.FORGET), reply_to=None))
    assert partition.told()[-1].op == "forget"
    assert isinstance(partition.told()[-1], MemoryWritten)


def test_a_legal_hold_blocks_forgetting_and_removal_until_it_is_released() -> None:
    partition = Partition()
    partition.takes(partition.asks(sealed("p/1", expect=0), about(Op.HOLD)))
    remove = command(
        Op.REMOVE, "people", "p/1", by="person:ada", full=full_key(TENANT, "p/1", subject="d1")
    )

    partition.begin_anew()
    partition.takes(partition.asks(about(Op.FORGET), remove))
    held = partition.told()[-2:]
    kept = len(partition.newest("people"))
    partition.takes(partition.asks(about(Op.RELEASE)))
    partition.begin_anew()
    partition.takes(partition.asks(about(Op.FORGET)))

    assert [isinstance(one, MemoryRefused) and one.reason for one in held] == ["held", "held"]
    assert (kept, partition.newest("people")) == (1, {})


def test_what_has_expired_under_a_legal_hold_is_swept_once_the_hold_is_released() -> None:
    partition = Partition()
    held, other = (sealed("g/1", subject, "guests", expect=0) for subject in ("d1", "d10"))
    partition.takes(partition.asks(held, other, about(Op.HOLD)))

    partition.begin_anew()
    partition.commits(partition.book.overdue(61_000), 61_000)
    under_hold = sorted(partition.newest("guests"))
    again = partition.book.overdue(10 * DAY_MS)
    partition.takes(partition.asks(about(Op.RELEASE)), 61_000)
    partition.commits(partition.book.overdue(61_000), 61_000)

    assert under_hold == [held.key]
    assert again == []
    assert partition.newest("guests") == {}
    last = partition.told()[-1]
    assert isinstance(last, MemoryWritten)
    assert (last.op, last.key, last.removed) == ("expire", held.key, True)


def test_what_has_expired_and_is_not_swept_yet_is_taken_back_or_the_hold_is_named() -> None:
    partition = Partition()
    free, held = (sealed("g/1", subject, "guests", expect=0) for subject in ("d1", "d2"))
    partition.takes(partition.asks(free, held, about(Op.HOLD, "d2")))
    removals = [
        command(Op.REMOVE, "guests", "g/1", by="person:ada", full=one.key, expect=1)
        for one in (free, held)
    ]

    partition.takes(partition.asks(*removals), 61_000)

    removed, kept = partition.told()[-2:]
    assert isinstance(removed, MemoryWritten)
    assert (removed.key, removed.removed, removed.version) == (free.key, True, 2)
    assert isinstance(kept, MemoryRefused)
    assert (kept.key, kept.reason) == (held.key, "held")
    assert "legal hold" in kept.sentence


def test_an_earlier_version_is_restored_over_one_that_has_expired() -> None:
    partition = Partition()
    first = command(Op.PUT, "short", "k", 1, expect=0)
    partition.takes(partition.asks(first))
    partition.takes(partition.asks(command(Op.PUT, "short", "k", 2, expect=1)))
    back = command(Op.PUT, "short", "k", 1, by="person:ada", expect=2, rollback_of=2)

    partition.takes(partition.asks(back), 61_000)

    (record,) = partition.newest("short").values()
    assert (record.value, record.version, record.rollback_of) == (1, 3, 2)
    written_over = command(Op.PUT, "short", "k", 3, expect=3)
    partition.takes(partition.asks(written_over), 200_000)
    refused = partition.told()[-1]
    assert isinstance(refused, MemoryRefused)
    assert refused.reason == "conflict"


def test_an_agent_forgets_nobody() -> None:
    partition = Partition()

    partition.takes(partition.asks(sealed("p/1", expect=0), about(Op.FORGET, by="clerk")))

    last = partition.told()[-1]
    assert isinstance(last, MemoryRefused)
    assert (last.reason, len(partition.newest("people"))) == ("right", 1)


def test_refusals_are_counted_by_their_reason() -> None:
    partition = Partition()

    partition.takes(
        partition.asks(
            command(Op.PUT, "nowhere", "k", 1),
            command(Op.PUT, "tally", "k", "no number"),
            command(Op.PUT, "tally", "k", "no number"),
            command(Op.PUT, "tally", "k", 1, expect=5),
        )
    )

    assert dict(partition.book.refused_counts) == {"unknown_space": 1, "schema": 2, "future": 1}


def test_a_task_that_nobody_submitted_does_not_begin_by_what_memory_says_of_it() -> None:
    partition = Partition()
    partition.takes(partition.asks(add_one()))
    registrar = TaskBook("ns", 0)

    registrar.begin(partition.logs["ns.ledger"])

    assert registrar.decide(0) == []
    registrar.close()
