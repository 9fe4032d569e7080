"""A destroyed key is known for as long as something can come that was sealed with it."""

from dataclasses import replace

import apsw

from handrail.ledger.memory_event import MemoryRefused
from handrail.memory.asked import Reason
from handrail.runtime.keeper_book import FORGOTTEN_COUNT_MAX
from handrail.runtime.keeper_subjects import FORGOTTEN_KEPT_MS
from handrail.store.sealing import key_name, seal
from handrail.wire.memory import FORGOTTEN_PREFIX, Command, Op, StoredRecord, full_key
from tests.promises.memory_askers import TENANT, command
from tests.unit.runtime.keeper_partition import SPACES, Partition, about, add_one

OLD, NEW = bytes(32), bytes([1] * 32)


def sealed_with(key: bytes, subject: str = "d1", name: str = "p/1") -> Command:
    full = full_key(TENANT, name, subject=subject)
    value = seal(key, b'{"likes": "tea"}', full)
    return command(Op.PUT, "people", name, value, full=full, sealed=True, expect=0)


def forget(*keys: bytes, subject: str = "d1") -> Command:
    return replace(about(Op.FORGET, subject), keys=tuple(map(key_name, keys)))


def refused(partition: Partition) -> list[str]:
    return [event.reason for event in partition.told() if isinstance(event, MemoryRefused)]


def test_a_value_sealed_with_a_destroyed_key_is_refused_also_by_the_next_keeper() -> None:
    partition = Partition()
    partition.takes(partition.asks(forget(OLD)))

    partition.takes(partition.asks(sealed_with(OLD)))
    partition.begin_anew()
    partition.takes(partition.asks(sealed_with(OLD), sealed_with(OLD, "d2"), sealed_with(NEW)))

    assert refused(partition) == [Reason.FORGOTTEN, Reason.FORGOTTEN]
    assert len(partition.newest("people")) == 2


def test_somebody_who_is_forgotten_twice_has_two_destroyed_keys() -> None:
    partition = Partition()
    partition.takes(partition.asks(forget(OLD)))
    partition.begin_anew()
    partition.takes(partition.asks(forget(NEW)))

    partition.takes(partition.asks(sealed_with(OLD), sealed_with(NEW)))

    assert refused(partition) == [Reason.FORGOTTEN, Reason.FORGOTTEN]


def test_once_nothing_can_come_any_more_a_destroyed_key_is_known_no_longer() -> None:
    partition = Partition()
    partition.takes(partition.asks(forget(OLD)), 1_000)

    early = partition.book.overdue(1_000 + FORGOTTEN_KEPT_MS - 1)
    partition.commits(partition.book.overdue(1_000 + FORGOTTEN_KEPT_MS))
    again = partition.book.overdue(1_000 + FORGOTTEN_KEPT_MS)

    assert (early, again) == ([], [])
    last = [one for one in partition.logs["ns.memory.people"] if is_of_forgotten(one.key)][-1]
    assert last.value is None
    partition.begin_anew()
    assert partition.book.overdue(10 * FORGOTTEN_KEPT_MS) == []


def test_destroyed_keys_are_let_go_of_a_bounded_number_in_a_transaction() -> None:
    partition = Partition()
    count = FORGOTTEN_COUNT_MAX + 1
    partition.takes(partition.asks(*(forget(OLD, subject=f"d{n}") for n in range(count))), 1_000)
    spaces = len(SPACES)

    parts: list[int] = []
    while out := partition.book.overdue(1_000 + FORGOTTEN_KEPT_MS):
        parts.append(sum(is_of_forgotten(one.key) for one in out))
        partition.commits(out)

    assert parts == [FORGOTTEN_COUNT_MAX * spaces, spaces]


MANY = [sealed_with(OLD, name=f"p/{number:04}") for number in range(2 * FORGOTTEN_COUNT_MAX + 1)]


def test_a_person_with_many_records_is_forgotten_a_bounded_number_in_a_transaction() -> None:
    partition = Partition()
    partition.takes(partition.asks(*MANY))
    batch = partition.asks(add_one(), forget(OLD), add_one())

    left: list[tuple[int, int]] = []
    marks: list[int] = []
    while batch:
        out = partition.decides(batch)
        count = partition.book.left_count
        partition.commits(out)
        batch = batch[len(batch) - count :]
        left.append((count, len(partition.newest("people"))))
        marks.append(partition.mark("people").applied)

    assert left == [(2, FORGOTTEN_COUNT_MAX + 1), (2, 1), (0, 0)]
    first = len(MANY)
    assert marks == [first, first, first + 2]
    assert next(iter(partition.newest("tally").values())).value == 2
    told = [one for one in partition.told() if one.op == "forget"]
    assert len({one.key for one in told}) == len(told) == len(MANY)
    assert {one.offset for one in told} == {first + 1}


def test_a_keeper_that_comes_after_a_kill_forgets_what_is_left_and_believes_no_old_value() -> None:
    partition = Partition()
    partition.takes(partition.asks(*MANY))
    batch = partition.asks(forget(OLD))
    partition.takes(batch)  # the first part; and there the process was killed

    partition.begin_anew()
    again = partition.book.read_to
    refused_before = refused(partition)
    late = partition.asks(sealed_with(OLD, name="late"), sealed_with(NEW, name="new"))
    batch = [*batch, *late]
    while batch:
        out = partition.decides(batch)
        count = partition.book.left_count
        partition.commits(out)
        batch = batch[len(batch) - count :]

    assert again == len(MANY)
    assert (refused_before, refused(partition)) == ([], [Reason.FORGOTTEN])
    assert list(partition.newest("people")) == [full_key(TENANT, "new", subject="d1")]


def test_what_a_view_is_told_of_a_part_does_not_pass_for_all_of_a_forgetting() -> None:
    partition = Partition()
    partition.takes(partition.asks(*MANY))
    partition.takes(partition.asks(forget(OLD)))

    history = [StoredRecord.decode(one.value) for one in partition.logs["ns.memory.history"]]
    removed = [one for one in history if one.removed]

    assert len(removed) == FORGOTTEN_COUNT_MAX
    assert {one.applied for one in removed} == {len(MANY) - 1}
    assert set(partition.mark("people").spaces.values()) == {len(MANY) - 1}


def test_forgetting_one_of_many_people_looks_at_no_record_of_the_others() -> None:
    asked = [steps_of_forgetting(beside=count) for count in (10, 1_000)]

    assert asked[0] > 0
    assert asked[1] < 2 * asked[0]


def steps_of_forgetting(*, beside: int) -> int:
    """Count by tens what SQLite does to forget one of whom nothing is there."""
    steps: list[None] = []

    def count(connection: apsw.Connection) -> None:
        connection.set_progress_handler(lambda: bool(steps.append(None)), 10)

    apsw.connection_hooks.append(count)
    try:
        partition = Partition()
    finally:
        apsw.connection_hooks.remove(count)
    partition.takes(partition.asks(*(sealed_with(NEW, "d2", f"p/{n}") for n in range(beside))))
    forgetting = partition.asks(forget(OLD))
    before = len(steps)
    partition.takes(forgetting)
    return len(steps) - before


def is_of_forgotten(key: bytes | None) -> bool:
    return (key or b"").startswith(FORGOTTEN_PREFIX)
