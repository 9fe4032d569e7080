"""A destroyed key is known for as long as something can come that was sealed with it."""

from dataclasses import replace

from handrail.ledger.memory_event import MemoryRefused
from handrail.memory.asked import Reason
from handrail.runtime.keeper_subjects import FORGOTTEN_KEPT_MS
from handrail.store.sealing import key_name, seal
from handrail.wire.memory import FORGOTTEN_PREFIX, Command, Op, full_key
from tests.promises.memory_askers import TENANT, command
from tests.unit.runtime.keeper_partition import Partition, about

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


def is_of_forgotten(key: bytes | None) -> bool:
    return (key or b"").startswith(FORGOTTEN_PREFIX)
