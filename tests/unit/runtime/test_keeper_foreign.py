"""What something else has written to the topics of memory stops its own key and nothing else."""

import pytest

from handrail.ledger.memory_event import MemoryRefused
from handrail.memory.asked import Usage
from handrail.memory.bodies import Bodies
from handrail.memory.deciding import digest_of
from handrail.runtime.keeper_reading import VERSION_HEADER
from handrail.wire.memory import (
    APPLIED_KEY,
    HOLD_PREFIX,
    INT_MAX,
    Command,
    Op,
    StoredRecord,
    full_key,
)
from handrail.wire.record import Record
from tests.promises.memory_askers import TENANT, command
from tests.unit.runtime.keeper_partition import Partition, about, add_one

FOREIGN_BODIES = [
    b"",
    b"no JSON",
    b"[1]",
    b'{"version":"three"}',
    StoredRecord(
        space="facts", key="acme/-/f", version=9, type_name="t", value=1,
        applied=1, written_ms=1, agent="a",
    ).encode().replace(b"acme/-/f", b"acme/-/g"),
    *(
        StoredRecord(
            space="facts", key="acme/-/f", version=version, type_name="t", value=1,
            applied=1, written_ms=1, agent="a",
        ).encode()
        for version in (-1, 0, INT_MAX)
    ),
]  # fmt: skip


def written_by_something_else(partition: Partition, key: bytes, body: bytes | None) -> None:
    log = partition.logs.setdefault("ns.memory.facts", [])
    log.append(Record("ns.memory.facts", 0, len(log), 1_000, key, body))


def fact(expect: int, by: str = "clerk", text: str = "a", op: Op = Op.PUT) -> Command:
    value = {"text": text} if op is Op.PUT else None
    return command(op, "facts", "f", value, expect=expect, by=by)


@pytest.mark.parametrize("body", FOREIGN_BODIES)
def test_an_agent_goes_on_from_nothing_that_nobody_can_read_and_a_person_takes_its_place(
    body: bytes,
) -> None:
    partition = Partition()
    partition.takes(partition.asks(fact(0)))
    written_by_something_else(partition, b"acme/-/f", body)

    partition.begin_anew()
    partition.takes(
        partition.asks(fact(1), fact(0), command(Op.MERGE, "facts", "f", {"text": "c"}), add_one())
    )
    refused = partition.told()[1:-1]
    counted = partition.book.foreign_count
    partition.takes(partition.asks(fact(0, by="person:ada"), fact(1, by="person:ada", text="b")))

    assert [isinstance(one, MemoryRefused) and one.reason for one in refused] == ["foreign"] * 3
    assert counted == 1
    assert [one.version for one in partition.answers()][-2:] == [1, 2]
    record = partition.newest("facts")["acme/-/f"]
    assert (record.value, record.version) == ({"text": "b"}, 2)
    history = [StoredRecord.decode(r.value) for r in partition.logs["ns.memory.history"]]
    assert history[-1].previous == digest_of(history[0].encode())
    partition.begin_anew()
    partition.takes(partition.asks(fact(2)))
    assert partition.answers()[-1].version == 3


@pytest.mark.parametrize("is_known", [True, False])
def test_compaction_decides_nothing_of_what_an_agent_may_write(*, is_known: bool) -> None:
    partition = Partition()
    partition.takes(partition.asks(fact(0)))
    written_by_something_else(partition, b"acme/-/f", b"no record")
    if is_known:
        partition.book._bodies = Bodies()
    else:
        del partition.logs["ns.memory.facts"][0]
        partition.begin_anew()
    batch = partition.asks(fact(0, text="b"), fact(1, text="b"))

    partition.book.begin(batch)
    partition.book.recall([])  # the offset at which it lay gives nothing any more
    partition.commits(partition.book.decide(1_000))

    refused = partition.told()[-2:]
    assert [isinstance(one, MemoryRefused) and one.reason for one in refused] == ["foreign"] * 2


def test_a_person_takes_away_what_nobody_can_read_and_its_room_is_free_again() -> None:
    partition = Partition()
    partition.takes(partition.asks(fact(0)))
    written_by_something_else(partition, b"acme/-/f", b"no record")

    partition.begin_anew()
    partition.takes(partition.asks(fact(1, by="person:ada", op=Op.REMOVE)))

    assert partition.newest("facts") == {}
    assert partition.book._shelf.usage("facts", TENANT) == Usage()
    partition.takes(partition.asks(fact(0)))
    assert partition.answers()[-1].version == 3


def test_what_nobody_can_read_under_a_forgotten_subject_is_removed_with_the_rest() -> None:
    partition = Partition()
    place = full_key(TENANT, "p/1", subject="d1")
    written_by_something_else(partition, place.encode(), b"no record")

    partition.begin_anew()
    partition.takes(partition.asks(about(Op.FORGET)))

    under_it = [one for one in partition.logs["ns.memory.facts"] if one.key == place.encode()]
    assert [one.value for one in under_it] == [b"no record", None]


def test_marks_holds_and_keys_that_nobody_can_read_are_passed_over_and_counted() -> None:
    partition = Partition()
    partition.takes(partition.asks(add_one()))
    for key in (APPLIED_KEY, b"\xff/-/k", HOLD_PREFIX + b"\xff", b""):
        written_by_something_else(partition, key, b"no record")
    huge = Record("ns.memory.facts", 0, 9, 1, b"acme/-/f", None, ((VERSION_HEADER, b"9" * 5_000),))
    partition.logs["ns.memory.facts"].append(huge)

    partition.begin_anew()
    partition.takes(partition.asks(add_one()))

    assert partition.book.foreign_count == 4
    assert next(iter(partition.newest("tally").values())).value == 2
