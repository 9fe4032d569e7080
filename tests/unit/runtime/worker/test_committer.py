"""The committer: order, batches, refused records."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from handrail.bus.port import NO_TOPIC, NOT_ALLOWED, Ahead, OffsetCommit, Written
from handrail.errors import CommitDoubtful, RecordRefused, TopicAway
from handrail.lane.decision import LaneSettings
from handrail.lane.lane import Lane
from handrail.lane.progress import OffsetMetadata
from handrail.runtime.closed_topics import PATIENCE_S, ClosedTopics
from handrail.runtime.worker.committer import BATCH_ITEMS_MAX, Committer, Item, Shared
from handrail.runtime.worker.opening import LanePlace
from handrail.runtime.worker.replies import Replies
from handrail.wire.memory import MEMORY_READ
from handrail.wire.record import Outgoing, TopicPartition
from tests.waiting import until

PLACE = LanePlace(
    "ns.a",
    TopicPartition("ns.in", 0),
    TopicPartition("ns.a.answers", 0),
    TopicPartition("ns.a.journal", 0),
    TopicPartition("ns.a.dead", 0),
)


class Log:
    """What the broker would have, and what it will not take."""

    def __init__(self) -> None:
        self.transactions: list[list[bytes]] = []
        self.offsets: list[OffsetCommit | None] = []
        self.ahead: list[list[bytes]] = []
        self.memory_read: list[list[bytes]] = []
        self.refuses: bytes | None = None
        self.away: str | None = None  # why nobody can write where it goes
        self.doubtful = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.renewed = 0


class Producer:
    """Keeps the promises of `LaneProducer` towards the log."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.dead = False

    async def init(self, *, deadline_s: float) -> None:
        del deadline_s

    async def commit(
        self,
        records: Sequence[Outgoing],
        offsets: OffsetCommit | None = None,
        *,
        deadline_s: float = 5.0,
    ) -> list[int]:
        del deadline_s
        assert not self.dead, "a producer is dead after an error"
        await self.log.gate.wait()
        if self.log.doubtful:
            self.dead = True
            raise CommitDoubtful(transactional_id="x", reason="the answer was lost")
        for index, record in enumerate(records):
            if record.value == self.log.refuses:
                self.dead = True
                if self.log.away is not None:
                    raise TopicAway(topic=record.topic, index=index, reason=self.log.away)
                raise RecordRefused(topic=record.topic, index=index, reason="refused")
        start = sum(len(transaction) for transaction in self.log.transactions)
        self.log.transactions.append([record.value or b"" for record in records])
        self.log.offsets.append(offsets)
        return list(range(start, start + len(records)))

    async def commit_ahead(
        self, ahead: Ahead, offsets: OffsetCommit | None = None, *, deadline_s: float = 5.0
    ) -> list[int]:
        places = [Written(n % 2, 100 + n) for n in range(len(ahead.records))]
        self.log.ahead.append([record.value or b"" for record in ahead.records])
        told = ahead.then(places)
        self.log.memory_read.append([dict(one.headers).get(MEMORY_READ, b"") for one in told])
        return await self.commit(told, offsets, deadline_s=deadline_s)

    async def close(self) -> None:
        self.dead = True


def item(text: str, **kw: object) -> Item:
    return Item([Outgoing("ns.out", None, text.encode())], **kw)  # type: ignore[arg-type]


@asynccontextmanager
async def committing(log: Log, shared: Shared | None = None) -> AsyncIterator[Committer]:
    async def renew(producer: object) -> Producer:
        assert isinstance(producer, Producer)
        await producer.close()
        log.renewed += 1
        return Producer(log)

    lane = Lane(LaneSettings("1", "in"), 0, None)
    for offset in range(300):
        lane.progress.admit(offset)
    committer = Committer(lane, Producer(log), PLACE, renew, shared)  # type: ignore[arg-type]
    running = asyncio.create_task(committer.run())
    try:
        yield committer
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_ready_together_is_one_transaction_in_order() -> None:
    log = Log()
    async with committing(log) as committer:
        for text in ("a", "b", "c"):
            committer.hand(item(text))
        await committer.flush()

    assert log.transactions == [[b"a", b"b", b"c"]]


async def test_what_arrives_during_a_commit_gathers_for_the_next_one() -> None:
    log = Log()
    log.gate.clear()
    async with committing(log) as committer:
        committer.hand(item("a"))
        await until(lambda: not committer.is_idle)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for number in range(BATCH_ITEMS_MAX + 1):
            committer.hand(item(str(number)))
        log.gate.set()
        await committer.flush()

    flat = [value for transaction in log.transactions for value in transaction]
    assert flat == [b"a", *(str(n).encode() for n in range(BATCH_ITEMS_MAX + 1))]
    assert max(len(transaction) for transaction in log.transactions) <= BATCH_ITEMS_MAX


async def test_no_transaction_holds_more_than_a_hundred_items() -> None:
    log = Log()
    async with committing(log) as committer:
        for number in range(250):
            committer.hand(item(str(number)))
        await committer.flush()

    assert [len(transaction) for transaction in log.transactions] == [100, 100, 50]


async def test_no_transaction_is_larger_than_four_megabytes_unless_one_item_is() -> None:
    log = Log()
    megabytes = (1.5, 1.5, 1.5, 5, 0.1, 0.1)
    async with committing(log) as committer:
        for size in megabytes:
            committer.hand(item("x" * int(size * 1_000_000)))
        await committer.flush()

    found = [[round(len(value) / 1e6, 1) for value in one] for one in log.transactions]
    assert found == [[1.5, 1.5], [1.5], [5.0], [0.1, 0.1]]


async def test_offsets_are_finished_only_once_their_transaction_has_committed() -> None:
    log = Log()
    seen: list[int] = []
    async with committing(log) as committer:
        committer.hand(
            item("a", completes=(0,), on_committed=lambda _: seen.append(len(log.offsets)))
        )
        await committer.flush()

    assert seen == [1]
    ((_, journaled),) = log.transactions
    assert journaled == b"{}"
    assert log.offsets == [None], "the group is told later"


async def test_the_group_is_told_of_an_offset_once_nothing_has_to_wait_for_it() -> None:
    log = Log()
    async with committing(log) as committer:
        committer.hand(item("a", completes=(0,)))
        committer.hand(item("b", completes=(1,)))
        await committer.flush()
        await until(lambda: len(log.offsets) == 2)

    told = log.offsets[1]
    assert told is not None
    assert told.offset == 2
    assert log.transactions[1] == [b"{}"], "the journal says the same in the same transaction"


async def test_the_group_is_told_at_once_with_the_last_word_of_a_lane() -> None:
    log = Log()
    async with committing(log) as committer:
        committer.hand(item("a", completes=(0,)))
        await committer.commit(item("closed", tells_group=True))

    told = log.offsets[-1]
    assert told is not None
    assert told.offset == 1


async def test_a_refused_record_costs_nobody_else_and_is_told() -> None:
    log = Log()
    log.refuses = b"bad"
    told: list[RecordRefused] = []
    async with committing(log) as committer:
        committer.hand(item("a"))
        committer.hand(item("bad", on_refused=told.append))
        committer.hand(item("b"))
        await committer.flush()

    assert log.transactions == [[b"a"], [b"b"]]
    assert len(told) == 1
    assert log.renewed == 2, "each aborted transaction costs its producer"


async def test_what_is_refused_and_has_less_to_say_says_that_in_its_place() -> None:
    log = Log()
    log.refuses = b"large"
    async with committing(log) as committer:
        committer.hand(item("a"))
        committer.hand(item("large", instead=lambda: item("small").records))
        committer.hand(item("b"))
        await committer.flush()

    assert log.transactions == [[b"a"], [b"small"], [b"b"]]


async def test_whoever_waits_for_a_refused_item_is_told() -> None:
    log = Log()
    log.refuses = b"bad"
    async with committing(log) as committer:
        with pytest.raises(RecordRefused):
            await committer.commit(item("bad"))


async def test_a_suspended_committer_starts_no_transaction_and_then_goes_on() -> None:
    log = Log()
    async with committing(log) as committer:
        committer.suspend()
        await committer.settle()
        committer.hand(item("a"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert log.transactions == []
        committer.resume()
        await committer.flush()

    assert log.transactions == [[b"a"]]


async def test_settling_waits_for_the_commit_in_flight() -> None:
    log = Log()
    log.gate.clear()
    async with committing(log) as committer:
        committer.hand(item("a"))
        for _ in range(5):
            await asyncio.sleep(0)
        committer.suspend()
        settling = asyncio.create_task(committer.settle())
        await asyncio.sleep(0)
        assert not settling.done()
        log.gate.set()
        await settling

    assert log.transactions == [[b"a"]]


async def test_a_doubtful_commit_ends_the_committer() -> None:
    log = Log()
    log.doubtful = True
    lane = Lane(LaneSettings("1", "in"), 0, None)

    async def renew(producer: object) -> Producer:
        raise AssertionError(producer)

    committer = Committer(lane, Producer(log), PLACE, renew)  # type: ignore[arg-type]
    committer.hand(item("a"))

    with pytest.raises(CommitDoubtful):
        await committer.run()


async def test_commands_go_ahead_and_only_their_own_followers_say_where_they_stand() -> None:
    log = Log()
    before = ((MEMORY_READ, b"1:7,5:2"),)
    commands = [Outgoing("ns.memory.commands", b"k", text) for text in (b"x", b"y", b"z")]
    async with committing(log) as committer:
        committer.hand(item("plain"))
        told, untold = Outgoing("ns.out", b"k", b"told", before), Outgoing("ns.j", b"k", b"own")
        committer.hand(Item([told, untold], commands=commands, followers=1))
        committer.hand(Item([Outgoing("ns.out", b"k", b"other")], commands=commands[:1]))
        await committer.flush()

    assert log.ahead == [[b"x", b"y", b"z", b"x"]]
    assert log.transactions == [[b"plain", b"told", b"own", b"other"]]
    assert log.memory_read == [[b"", b"0:102,1:101,5:2", b"", b""]]


async def test_commands_of_a_refused_item_are_not_written_and_those_of_others_are() -> None:
    log = Log()
    log.refuses = b"bad"
    refused: list[RecordRefused] = []
    command = [Outgoing("ns.memory.commands", b"k", b"good command")]
    async with committing(log) as committer:
        committer.hand(Item([Outgoing("ns.out", b"k", b"bad")], on_refused=refused.append))
        committer.hand(Item([Outgoing("ns.out", b"k", b"good")], commands=command, followers=1))
        await committer.flush()

    assert len(refused) == 1
    assert log.transactions == [[b"good"]]
    assert log.ahead[-1] == [b"good command"]
    assert log.memory_read[-1] == [b"0:100"]


async def test_how_far_the_answers_were_read_commits_with_what_was_dropped_and_not_before() -> None:
    log = Log()
    async with committing(log) as committer:
        replies: Any = Replies(SimpleNamespace(committer=committer), {})  # type: ignore[arg-type]
        replies._dropped = [Outgoing("ns.ledger", b"task", b"dropped")]
        committer.hand(item("before", completes=(0,), tells_group=True))
        committer.hand(Item((), prepare=lambda: [Outgoing("ns.a.journal", b"k", b"copied")]))
        await replies.tell_dropped(7)

    assert [transaction[0] for transaction in log.transactions] == [
        b"before",
        b"copied",
        b"dropped",
    ]
    told = [OffsetMetadata.decode(one.metadata).answers for one in log.offsets if one is not None]
    assert told == [0, 7]


async def test_what_was_dropped_and_is_refused_with_others_passes_no_answer_before_it_commits() -> (
    None
):
    log = Log()
    log.refuses = b"bad"
    async with committing(log) as committer:
        committer.hand(item("first", completes=(0,), tells_group=True))
        committer.hand(item("bad", on_refused=lambda _: None))
        await committer.commit(item("dropped", tells_group=True, answers=7))

    assert [transaction[0] for transaction in log.transactions] == [b"first", b"dropped"]
    told = [OffsetMetadata.decode(one.metadata).answers for one in log.offsets if one is not None]
    assert told == [0, 7]


@pytest.mark.parametrize("why", [NO_TOPIC, NOT_ALLOWED])
async def test_an_answer_that_cannot_be_written_where_another_agent_waits_stops_nobody(
    why: str,
) -> None:
    log = Log()
    log.refuses, log.away = b"answer", why
    now_s = [0.0]
    closed = ClosedTopics(lambda: now_s[0])
    closed.refused("ns.gone.answers")
    now_s[0] = PATIENCE_S
    told: list[RecordRefused] = []
    answer = Item([Outgoing("ns.gone.answers", None, b"answer")], on_refused=told.append)
    async with committing(log, Shared(closed=closed)) as committer:
        committer.hand(answer)
        committer.hand(item("a"))
        await committer.flush()

    assert [type(one) for one in told] == [TopicAway]
    assert log.transactions == [[b"a"]]


@pytest.mark.parametrize(
    ("topic", "why"),
    [("ns.out", NO_TOPIC), ("ns.out", NOT_ALLOWED), ("ns.asker.answers", NOT_ALLOWED)],
)
async def test_a_topic_of_the_team_that_nobody_can_write_to_ends_the_committer_and_blames_no_record(
    topic: str, why: str
) -> None:
    log = Log()
    log.refuses, log.away = b"a", why
    told: list[RecordRefused] = []
    lane = Lane(LaneSettings("1", "in"), 0, None)

    async def never(producer: object) -> Producer:
        raise AssertionError(producer)

    committer = Committer(lane, Producer(log), PLACE, never)  # type: ignore[arg-type]
    committer.hand(Item([Outgoing(topic, None, b"a")], on_refused=told.append))
    with pytest.raises(TopicAway):
        await committer.run()

    assert told == []
