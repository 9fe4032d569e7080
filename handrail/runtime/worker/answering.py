"""Takes in what comes to the answers of one lane: whatever answers a step or steers an invocation.

Each kind of answer has a taker, which says whether the answer is settled. One that is too early,
because its invocation has not come so far again since the lane was opened, is kept and asked again;
the low-water mark of the answers stays below it, and those behind it are not held up. An answer
that is read twice changes nothing, because it names the attempt that it is about.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final

import structlog

from handrail.errors.wire import EnvelopeInvalid, WireError
from handrail.lane.journal import encode_entry, tombstone
from handrail.lane.resolving import resolve
from handrail.runtime.worker.acts_begun import surely_done
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.elsewhere import take_late_outcome
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.redriving import Redriving
from handrail.runtime.worker.replies import Replies
from handrail.wire.answer import FAILURE_TYPE, REPLY_TYPE
from handrail.wire.decision import DECISION_TYPE, Decision
from handrail.wire.human import ANSWER_TYPE
from handrail.wire.late_outcome import LATE_OUTCOME_TYPE
from handrail.wire.record import Outgoing, Record
from handrail.wire.settling import DISCARD_TYPE, REDRIVE_TYPE

if TYPE_CHECKING:
    from handrail.lane.invocation import Invocation
    from handrail.runtime.worker.waiting import RunSteps
    from handrail.wire.envelope import Envelope

log = structlog.get_logger("handrail.lane")

UNSETTLED_COUNT_MAX: Final = 1_000  #: too early at a time; those behind them have to wait

MARK_TYPE: Final = "handrail_mark.v1"  #: of a record that only shows where the end is

BATCH_COUNT: Final = 100  #: answers that are read before they are taken in

#: Takes an answer in; False when it is too early for it, and it is to be given again.
Take = Callable[[Record], Awaitable[bool]]


class Answering:
    """The answers of one open lane."""

    def __init__(
        self, ground: LaneGround, running: "Mapping[Invocation, tuple[Envelope, RunSteps]]"
    ) -> None:
        """Read the lane's own partition; `running` are the invocations whose handlers run."""
        self.on_woken: Callable[[], None] = lambda: None  #: called when one may start again
        self.next = ground.lane.answers  #: the first answer that was not read yet
        self._ground = ground
        self._one_at_a_time = asyncio.Lock()
        self._unsettled: list[Record] = []
        self._is_behind = False  # there was no room for one; what is heard lies behind it
        self._replies = Replies(ground, running)
        self.redriving = redriving = Redriving(ground, self._replies.drop)
        self._takers: Mapping[str, Take] = {
            REPLY_TYPE: self._replies.take,
            FAILURE_TYPE: self._replies.take,
            ANSWER_TYPE: self._replies.take_from_person,
            DECISION_TYPE: self._decided,
            REDRIVE_TYPE: redriving.take,
            DISCARD_TYPE: redriving.take,
            LATE_OUTCOME_TYPE: partial(take_late_outcome, ground),
            MARK_TYPE: _says_nothing,
        }

    async def look(self) -> None:
        """Take in every answer that has come. Raises what is the broker's fault."""
        if self._one_at_a_time.locked():
            return
        async with self._one_at_a_time:
            try:
                self._unsettled = [one for one in self._unsettled if not await self._take(one)]
                await self._read()
            finally:
                self._settle()

    async def take_in(self, records: Sequence[Record]) -> None:
        """Take in what was just heard, unless it was read before; replies commit together."""
        async with self._one_at_a_time:
            fresh = [one for one in records if one.offset >= self.next]
            try:
                if self._is_behind or not await self._take_all(fresh):
                    # What is too early may wait for one of them; `look` reads them again.
                    behind = (one for one in fresh if one.offset >= self.next and _is_reply(one))
                    await asyncio.gather(*map(self._take, behind))
            finally:
                self._settle()
        if not all(map(_is_reply, fresh)):
            self.on_woken()  # a decision or a redrive starts nothing by itself

    def _settle(self) -> None:
        # What is settled may be forgotten once a transaction has said so; whoever waits for it
        # goes on only then, so that its end is never committed before that is said.
        self._ground.lane.answers = self._settled
        if self._replies.tell():
            self.on_woken()

    @property
    def _settled(self) -> int:
        return self._unsettled[0].offset if self._unsettled else self.next

    async def _take_all(self, records: Sequence[Record]) -> bool:
        """Take these in; replies that follow one another commit together. False when it is full."""
        for are_replies, some in groupby(records, _is_reply):
            batch = [*some]
            if are_replies:
                await asyncio.gather(*(self._take(one) for one in batch))
                self.next = batch[-1].offset + 1
                await self._tell_dropped()
                continue
            for one in batch:
                if len(self._unsettled) >= UNSETTLED_COUNT_MAX:
                    self._is_behind = True
                    return False
                if not await self._take(one):
                    self._unsettled.append(one)
                self.next = one.offset + 1
                await self._tell_dropped()
        return True

    async def _tell_dropped(self) -> None:
        """Tell the ledger of what was dropped, if anything was."""
        if self._replies.has_dropped:
            await self._replies.tell_dropped(self._settled)

    async def _read(self) -> None:
        ground, where = self._ground, self._ground.place.answers
        end = await ground.worker.bus.end_offset(where)
        if end < self.next:
            await self._begin_anew()
        while self.next < end:
            batch: list[Record] = []
            async with aclosing(ground.worker.bus.fetch(where, self.next, end)) as records:
                async for record in records:
                    batch.append(record)
                    if len(batch) >= BATCH_COUNT:
                        break
            # Not while they are read: readers are few, taking in needs one too, and lanes that
            # each hold the last one would wait for one another for ever.
            if not await self._take_all(batch):
                return
            if len(batch) < BATCH_COUNT:
                self.next = end
        self._is_behind = False

    async def _begin_anew(self) -> None:
        """Read from the begin where the topic was deleted by hand and made anew.

        Its end has gone back then. A broker that has just restarted may say the same of one that is
        whole: where a record of our own comes to lie is the truth.
        """
        ground, where = self._ground, self._ground.place.answers
        headers = (("ce_type", MARK_TYPE.encode()),)
        mark = Outgoing(where.topic, None, b"{}", headers, where.partition)
        (offset,) = await ground.committer.commit(Item([mark]))
        if offset >= self.next:
            return
        log.warning("answers were made anew", partition=where.partition, what_lay_there="is lost")
        self.next = await ground.worker.bus.begin_offset(where)
        self._unsettled = [replace(one, offset=self.next) for one in self._unsettled]

    async def _take(self, record: Record) -> bool:
        kind = (record.header("ce_type") or b"").decode(errors="replace")
        taker = self._takers.get(kind)
        try:
            if taker is None:
                detail = f"nothing that answers is of the type {kind[:40]!r}"
                raise EnvelopeInvalid(header="ce_type", detail=detail)
            return await taker(record)
        except WireError as error:
            log.warning(
                "answer not readable",
                partition=record.partition,
                offset=record.offset,
                why=f"{error.what} {error.why}",
                look=f"handrail tail {self._ground.worker.lanes_name}.answers",
            )
            self._replies.drop_unreadable(record, error)
            return True

    async def _decided(self, record: Record) -> bool:
        """A person has found out what became of a step in doubt."""
        ground = self._ground
        decision = Decision.from_record(record)
        invocation = ground.lane.find(decision.request.rsplit("/", 2)[0])
        if invocation is None or not invocation.task_id:
            # It may not have come to its doubt again since the lane was opened.
            return not ground.lane.steps.waits_for(decision.request) and await self._is_written()
        now_ms = ground.worker.clock.now_ms()
        result = decision.result if decision.happened else None
        found = resolve(ground.lane.steps, decision.request, result, decision.by, now_ms)
        if found is None:
            log.warning("nobody waits for this answer", request=decision.request)
            return await self._is_written()
        journal = ground.place.journal
        records = [encode_entry(entry, journal) for entry in found.entries]
        records += [tombstone(key, journal) for key in found.removed]
        records.append(ground.saying.record(ground.saying.decided(invocation, decision)))
        if result is not None:
            log_of = ground.lane.steps.of(invocation.id)
            intent = log_of.records[found.path].intent
            done = None if intent is None else surely_done(intent, invocation, now_ms, result)
            # Its handler may never go on: its task may be canceled before.
            records += [] if done is None else [ground.saying.record(done)]
        await ground.committer.commit(Item(records))
        ground.lane.wake(invocation)
        return True

    async def _is_written(self) -> bool:
        """Come back once the journal shows what an answer was judged by: it may be passed then."""
        await self._ground.committer.flush()
        return True


async def _says_nothing(record: Record) -> bool:
    del record
    return True


def _is_reply(record: Record) -> bool:
    return (record.header("ce_type") or b"").decode(errors="replace") in (REPLY_TYPE, FAILURE_TYPE)
