"""I10: what may never happen to memory is found, changed by hand or by a planted bug."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from handrail.chaos.checker.memories import memory_is_the_fold_of_its_log
from handrail.chaos.history import History
from handrail.ledger.event import Finished
from handrail.ledger.event_record import decode
from handrail.ledger.memory_event import MemoryWritten
from handrail.memory import view as views
from handrail.runtime import keeper_book
from handrail.runtime.keeper_book import KeeperBook
from handrail.runtime.worker.run_memory import CommandSender
from handrail.wire.memory import COMMANDS, HISTORY, StoredRecord
from handrail.wire.record import Outgoing, Record
from tests.unit.chaos.checker.changes import added, changed, without
from tests.unit.chaos.checker.counting import Counting, counting_that_may_be_wrong

Patch = pytest.MonkeyPatch
COUNTER = "default/-/station/clerk"


@pytest.fixture(scope="module")
def day() -> History:
    """What a day of the unharmed product left behind, recorded once."""

    async def lived() -> History:
        async with Counting() as team:
            await team.day()
            return await team.history()

    return asyncio.run(lived())


def judged(history: History) -> list[str]:
    return [one.sentence for one in memory_is_the_fold_of_its_log(history)]


def test_the_unharmed_product_breaks_no_promise(day: History) -> None:
    assert judged(day) == []
    assert len(day.replicas[0].rows) == 4 + 3
    assert len(day.replicas[0].versions or ()) == len(day.committed(HISTORY))
    assert len(day.committed(COMMANDS)) == 12


def versions(history: History, key: str) -> list[Record]:
    return [one for one in history.committed(HISTORY) if one.key == key.encode()]


def state(history: History, key: str = COUNTER) -> Record:
    return [one for one in history.committed("memory.counts") if one.key == key.encode()][-1]


def events(history: History, cls: type) -> list[Record]:
    return [one for one in history.committed("ledger") if isinstance(decode(one), cls)]


def with_value(record: Record, value: object) -> bytes:
    return replace(StoredRecord.decode(record.value), value=value).encode()


def a_command_is_doubled(day: History) -> History:
    return added(day, day.committed(COMMANDS)[1])


def a_command_is_not_decided_on(day: History) -> History:
    return without(day, events(day, MemoryWritten)[2])


def a_command_is_decided_on_twice(day: History) -> History:
    return added(day, events(day, MemoryWritten)[2])


def an_answer_is_lost(day: History) -> History:
    return without(day, day.committed("clerk.answers")[1])


def an_answer_is_doubled(day: History) -> History:
    return added(day, day.committed("clerk.answers")[1])


def a_version_is_lost(day: History) -> History:
    return without(day, versions(day, COUNTER)[1])


def the_newest_version_is_lost(day: History) -> History:
    return without(day, versions(day, COUNTER)[-1])


def a_counter_is_one_off(day: History) -> History:
    last, there = versions(day, COUNTER)[-1], state(day)
    body = with_value(last, 5)
    return changed(changed(day, last, value=body), there, value=body)


def the_state_is_another_than_the_history(day: History) -> History:
    there = state(day)
    return changed(day, there, value=with_value(there, 99))


def the_state_is_gone(day: History) -> History:
    gone = [r for r in day.committed("memory.counts") if r.key == COUNTER.encode()]
    return without(day, *gone)


def a_command_has_another_value(day: History) -> History:
    record = next(r for r in day.committed(COMMANDS) if orjson.loads(r.value or b"")["op"] == "put")
    body = {**orjson.loads(record.value or b""), "value": "other"}
    return changed(day, record, value=orjson.dumps(body))


def an_end_was_not_counted(day: History) -> History:
    record = events(day, Finished)[0]
    event = orjson.loads(record.value or b"")
    return changed(added(day, record), record, value=orjson.dumps({**event, "run": 7}))


def a_replica_is_behind_its_own_position(day: History) -> History:
    one = day.replicas[0]
    return replace(day, replicas=[replace(one, rows=one.rows[1:])])


def a_replica_holds_another_value(day: History) -> History:
    one = day.replicas[0]
    space, key, _ = one.rows[0]
    return replace(day, replicas=[replace(one, rows=((space, key, "0" * 64), *one.rows[1:]))])


def a_replica_lacks_a_version(day: History) -> History:
    one = day.replicas[0]
    return replace(day, replicas=[replace(one, versions=(one.versions or ())[1:])])


def a_replica_holds_a_version_twice(day: History) -> History:
    one = day.replicas[0]
    versions = one.versions
    assert versions
    return replace(day, replicas=[replace(one, versions=(versions[0], *versions))])


def a_replica_holds_another_version(day: History) -> History:
    one = day.replicas[0]
    assert one.versions
    (space, key, offset, _), *others = one.versions
    wrong = (space, key, offset, "0" * 64)
    return replace(day, replicas=[replace(one, versions=(wrong, *others))])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (a_command_is_doubled, "was sent twice"),
        (a_command_is_not_decided_on, "was decided on 0 times"),
        (a_command_is_decided_on_twice, "was decided on 2 times"),
        (an_answer_is_lost, "was answered 0 times"),
        (an_answer_is_doubled, "was answered 2 times"),
        (a_version_is_lost, "belongs"),
        (the_newest_version_is_lost, "the history has none"),
        (a_counter_is_one_off, "and 4 were added"),
        (the_state_is_another_than_the_history, "is not what its history ends with"),
        (the_state_is_gone, "is not what its history ends with"),
        (a_command_has_another_value, "is not what its command makes of what was there"),
        (an_end_was_not_counted, "invocations of clerk ended"),
        (a_replica_is_behind_its_own_position, "than its topic"),
        (a_replica_holds_another_value, "than its topic"),
        (a_replica_lacks_a_version, "0 times, and its history once"),
        (a_replica_holds_a_version_twice, "2 times, and its history once"),
        (a_replica_holds_another_version, "that is not in its history"),
    ],
)
def test_a_change_is_found(day: History, change: Callable[[History], History], words: str) -> None:
    assert any(words in sentence for sentence in judged(change(day)))


# ---- bugs planted in the product


def a_command_counts_again(patch: Patch) -> None:
    real = KeeperBook._one

    def one(book: KeeperBook, heard: Any, now_ms: int) -> bool:
        if heard.asked is not None and heard.asked.command.op == "increment":
            real(book, heard, now_ms)
        return real(book, heard, now_ms)

    patch.setattr(KeeperBook, "_one", one)


def an_addition_is_lost(patch: Patch) -> None:
    real = keeper_book.decide

    def decide(asked: Any, space: Any, present: Any, around: Any) -> Any:
        if asked.command.op == "increment":
            asked = replace(asked, command=replace(asked.command, value=0))
        return real(asked, space, present, around)

    patch.setattr(keeper_book, "decide", decide)


def commands_are_sent_twice(patch: Patch) -> None:
    real = CommandSender.records

    def records(sender: CommandSender, commands: Sequence[Any], origin: Any) -> list[Outgoing]:
        return real(sender, [*commands, *commands], origin)

    patch.setattr(CommandSender, "records", records)


def a_view_takes_only_what_is_new(patch: Patch) -> None:
    real = views._Fold._record

    def record(fold: Any, space: str, one: Record) -> int:
        if b'"version":1,' not in (one.value or b""):
            return StoredRecord.decode(one.value).applied
        return real(fold, space, one)

    patch.setattr(views._Fold, "_record", record)


def a_view_passes_versions_over(patch: Patch) -> None:
    real = views._Fold._version

    def version(fold: Any, one: Record) -> int:
        stored = StoredRecord.decode(one.value)
        return stored.applied if stored.version == 2 else real(fold, one)

    patch.setattr(views._Fold, "_version", version)


def a_view_takes_a_version_for_the_one_before(patch: Patch) -> None:
    real, before = views._Fold._version, list[Record]()

    def version(fold: Any, one: Record) -> int:
        before.append(one)
        old = before[-2:][0]
        real(fold, one if old.key != one.key else replace(one, value=old.value))
        return StoredRecord.decode(one.value).applied

    patch.setattr(views._Fold, "_version", version)


@pytest.mark.parametrize(
    "plant",
    [
        a_command_counts_again,
        an_addition_is_lost,
        commands_are_sent_twice,
        a_view_takes_only_what_is_new,
        a_view_passes_versions_over,
        a_view_takes_a_version_for_the_one_before,
    ],
)
async def test_a_planted_bug_is_found(plant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    plant(monkeypatch)
    async with counting_that_may_be_wrong() as team:
        await team.day()
        history = await team.history()
        monkeypatch.undo()

    assert judged(history) != []
