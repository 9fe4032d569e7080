"""One memory space in the hands of a handler: `ctx.memory(space)`.

Every read is a recorded step that waits for what was written before it; every `put` is a step that
asks the keeper; everything else is collected and written when the handler ends, in the transaction
of its handoffs. Whose a record is, its tenant, task or subject, is said by the engine alone.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson

from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.memory import NEW, SEARCH_K, Applied, Hit, Record
from handrail.contract.memory_reader import NEWEST, AsOf, Found, MemoryReader
from handrail.errors import FailureClass
from handrail.errors.memory import Conflict, NeedsMerge, RecordUnreadable
from handrail.errors.steps import StepInvalid
from handrail.lane.failure_class import Failure
from handrail.lane.steps import Asked
from handrail.lane.trying_again import StepFailure
from handrail.memory.asked import Reason
from handrail.memory.sealing import sealed
from handrail.runtime.worker.asking_keeper import keeper_wait
from handrail.runtime.worker.digest import call_in_words, digest_of
from handrail.runtime.worker.gating import refusing
from handrail.runtime.worker.ground import Act
from handrail.runtime.worker.memory_additions import Additions
from handrail.runtime.worker.memory_reads import (
    WhatWasRead,
    all_given_or_not,
    aware,
    hear_records,
    in_ms,
    positions_of,
    read_as_of,
)
from handrail.runtime.worker.memory_rights import Content, Right
from handrail.runtime.worker.policing import denial, denied_memory, was_denied
from handrail.runtime.worker.step import Step
from handrail.wire.memory import COMMANDS, Answer, Command, Op, Positions, Verdict

M = TypeVar("M")
R = TypeVar("R")

#: Asks the view, which has to have seen these positions.
Look = Callable[[MemoryReader, Positions], Awaitable[Sequence[Found]]]

ROUNDS_COUNT_MAX = 3  #: of one update
K_MAX = 100


@dataclass(frozen=True, slots=True)
class _Change(Generic[M]):
    """A put, as its handler has asked for it."""

    key: str
    value: M
    expect: int | None
    subject: str | None
    derived_from: tuple[str, ...] = ()
    confidence: float | None = None
    observed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class _Update(Generic[M]):
    """An update, as its handler has asked for it."""

    key: str
    fn: Callable[[M | None], M]
    subject: str | None
    derived_from: tuple[str, ...]
    replaces_unreadable: bool


class SpaceHandle(Additions[M]):
    """Keeps what `contract.memory.MemoryHandle` promises, for one run."""

    # ---- reading

    def get(
        self, key: str, *, as_of: datetime | int | None = None, subject: str | None = None
    ) -> Step[Record[M] | None]:
        """Give the newest version, or the one at a time or of a number; None when there is none."""
        self._refusals.check("get", Right.READ, subject, key)
        shown = self._shown("get", key)
        wanted = read_as_of(as_of, shown)
        step = self._numbered.next_step(shown)
        return self._numbered.step(shown, lambda: self._get(str(step), shown, key, subject, wanted))

    def history(self, key: str, *, subject: str | None = None) -> Step[list[Record[M]]]:
        """Give every version that is still kept and can be read, oldest first."""
        self._refusals.check("history", Right.READ, subject, key)
        shown = self._shown("history", key)
        step = self._numbered.next_step(shown)

        async def look(reader: MemoryReader, wanted: Positions) -> Sequence[Found]:
            full = await self._whole(key, subject)
            records = await reader.history(self._space.name, full, wanted=wanted)
            return [Found(one, 0.0) for one in records]

        async def work() -> list[Record[M]]:
            asked = self._asked(str(step), "history", shown, {"key": key, "subject": subject})
            return [
                record
                for record, _ in self._readable("history", await self._read(asked, look, key))
            ]

        return self._numbered.step(shown, work)

    def search(
        self, text: str, k: int = SEARCH_K, *, subject: str | None = None
    ) -> Step[list[Hit[M]]]:
        """Give up to `k` records that match words of a text, best first (BM25)."""
        self._refusals.check("search", Right.READ, subject)
        shown = call_in_words("memory.search", [self._space.name, text, k])
        if not 0 < k <= K_MAX:
            raise StepInvalid(
                step=shown, detail=f"k={k} is out of bounds", cure=f"give 1 to {K_MAX}"
            )
        step = self._numbered.next_step(shown)

        async def look(reader: MemoryReader, wanted: Positions) -> Sequence[Found]:
            whose = await self._whole("", subject)
            return await reader.search(self._space.name, whose, text, k, wanted=wanted)

        async def work() -> list[Hit[M]]:
            facts = {"text": text, "k": k, "subject": subject}
            found = await self._read(self._asked(str(step), "search", shown, facts), look)
            return [Hit(record, score) for record, score in self._readable("search", found)]

        return self._numbered.step(shown, work)

    # ---- writing, and waiting for it

    def put(
        self,
        key: str,
        value: M,
        *,
        expect: int | None = None,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
        confidence: float | None = None,
        observed_at: datetime | None = None,
    ) -> Step[Applied]:
        """Write a version if the present one is `expect` (NEW: there is none), and wait for it."""
        self._refusals.check("put", Right.WRITE, subject, key)
        shown = self._shown("put", key)
        observed_ms = None if observed_at is None else in_ms(aware(observed_at, shown))
        change = _Change(key, value, expect, subject, tuple(derived_from), confidence, observed_ms)
        step = self._numbered.next_step(shown)
        return self._numbered.step(shown, lambda: self._put(str(step), shown, change))

    def update(
        self,
        key: str,
        fn: Callable[[M | None], M],
        *,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
        replaces_unreadable: bool = False,
    ) -> Step[Applied]:
        """Read, compute and put, at most three times; `fn` is pure. Raises NeedsMerge."""
        self._refusals.check("update", Right.READ, subject, key)
        self._refusals.check("update", Right.WRITE, subject, key)
        shown = self._shown("update", key)
        step = self._numbered.next_step(shown)
        change = _Update(key, fn, subject, tuple(derived_from), replaces_unreadable)
        return self._numbered.step(shown, lambda: self._update(step, shown, change))

    # ---- inside: reading

    async def _get(
        self,
        path: str,
        shown: str,
        key: str,
        subject: str | None,
        as_of: AsOf = NEWEST,
    ) -> Record[M] | None:
        async def look(reader: MemoryReader, wanted: Positions) -> Sequence[Found]:
            full = await self._whole(key, subject)
            record = await reader.get(self._space.name, full, wanted=wanted, as_of=as_of)
            return [] if record is None else [Found(record, 0.0)]

        facts = {"key": key, "subject": subject, "as_of": as_of}
        found = await self._read(self._asked(path, "get", shown, facts), look, key)
        if as_of == NEWEST:
            self._steps.memory.read_at[self._space.name, key] = path
        given = next((record for record, _ in found), None)
        if isinstance(given, RecordUnreadable):
            raise given
        return given

    def _asked(self, path: str, what: str, shown: str, facts: Mapping[str, object]) -> Asked:
        digest = digest_of({"space": self._space.name, **facts})
        return Asked(path, f"memory.{what}", digest, shown, Effect.READ)

    async def _read(
        self, asked: Asked, look: Look, key: str | None = None
    ) -> list[tuple[Record[M] | RecordUnreadable, float]]:
        memory, keys = self._steps.memory, self._worker.memory.keys

        async def do() -> WhatWasRead:
            reader = self._worker.memory.reader
            assert reader is not None, "a process opens a view when one of its agents may read"
            found = await look(reader, memory.positions)
            records = [one.record for one in found]
            topic, bus = self._worker.team.full(COMMANDS), self._worker.bus
            places = [await bus.partition_of(topic, one.key.encode()) for one in records]
            return WhatWasRead(found, positions_of(records, places))

        def accept(value: Any) -> WhatWasRead:  # noqa: ANN401 - a READ step has no receiver to ask
            raise AssertionError(value)

        act = Act(
            asked=asked,
            declared=Effect.READ,
            idem_key="",
            do=do,
            encode=WhatWasRead.encode,
            decode=WhatWasRead.decode,
            accept=accept,
        )
        where = self._space.name, key
        denied = denied_memory(self._steps, self._asker, asked.path, Right.READ, where)
        read = await self._steps.carry_out(act if denied is None else refusing(act, denied))
        memory.see(read.positions)
        stored = [one.record for one in read.found]
        records = await all_given_or_not(self._space, stored, keys)
        hear_records(self._steps.labels, self._space, stored, records)
        given = list[tuple[Record[M] | RecordUnreadable, float]]()
        for record, one in zip(records, read.found, strict=True):
            if record is not None:
                memory.read_at.setdefault((self._space.name, str(record.key)), asked.path)
                given.append((record, one.score))
        return given

    def _readable(
        self, op: str, found: Sequence[tuple[Record[M] | RecordUnreadable, float]]
    ) -> list[tuple[Record[M], float]]:
        """Give the records that can be read; each other one is told and counted."""
        given = list[tuple[Record[M], float]]()
        for record, score in found:
            if isinstance(record, RecordUnreadable):
                self._refusals.leave_out(op, record)
            else:
                given.append((record, score))
        return given

    # ---- inside: writing

    async def _put(self, path: str, shown: str, change: _Change[M]) -> Applied:
        with self._refusals.noting("put", change.key, Reason.SCHEMA):
            body = self._space.encode(change.value)
        full = await self._whole(change.key, change.subject)
        plain: object = orjson.loads(body)
        seen = self._steps.memory.echoed(plain)
        content = Content(plain, full, change.derived_from, seen, is_change=bool(change.expect))
        self._refusals.check_content("put", change.key, content, self._personal)
        facts = {
            "space": self._space.name,
            "key": change.key,
            "value": plain,
            "expect": change.expect,
            "subject": change.subject,
            "derived_from": change.derived_from,
            "confidence": change.confidence,
            "observed_ms": change.observed_ms,
        }
        asked = Asked(path, "memory.put", digest_of(facts), shown, Effect.ASK)

        def make() -> Command:
            command = replace(
                self._command(Op.PUT, change.key, plain, change.subject),
                type_name=self._space.type_of(change.value),
                expect=change.expect,
                derived_from=change.derived_from,
                confidence=change.confidence,
                observed_ms=change.observed_ms,
                seen=() if self._space.is_personal else seen,
            )
            keys = self._worker.memory.keys
            # Asked again by the same invocation, the keeper sees that it was carried out before.
            occasion = self._asker.invocation.id
            return command if keys is None else sealed(command, keys, occasion)

        wait = keeper_wait(self._asker, asked, self._steps.next_attempt(path), make)
        where = self._space.name, change.key
        denied = denied_memory(self._steps, self._asker, path, Right.WRITE, where)
        if denied is not None or was_denied(self._steps, path):
            with self._refusals.noting("put", change.key, Reason.RIGHT):
                await denial(self._steps, wait, denied)
        answer = await self._steps.wait_for(wait)
        self._steps.memory.see(f"{answer.partition}:{answer.offset}")
        return self._judged(path, answer, change)

    def _judged(self, path: str, answer: Answer, change: _Change[M]) -> Applied:
        """Give what was applied; raises Conflict or Refused, of which the run's retry is told."""
        steps, space = self._steps, self._space.name
        match answer.verdict:
            case Verdict.APPLIED:
                return Applied(answer.version, answer.same_as, answer.quarantined)
            case Verdict.CONFLICT:
                expected = "none" if change.expect == NEW else change.expect
                error = Conflict(
                    space=space, key=change.key, expected=expected, found=answer.version
                )
                since = steps.memory.read_at.get((space, change.key), path)
                again = StepFailure(Failure(FailureClass.TRANSIENT), nothing_happened=True)
                steps.errors.fail(path, error, again, Effect.ASK, since=since)
                raise error
            case Verdict.REFUSED:
                refused = Refused(State(answer.state), answer.detail, remedy=answer.remedy or None)
                never = StepFailure(Failure(FailureClass.FATAL), nothing_happened=True)
                steps.errors.fail(path, refused, never, Effect.ASK)
                raise refused

    async def _old(self, path: str, shown: str, wish: _Update[M]) -> tuple[M | None, int]:
        """Give what an update begins with, and the version that it changes."""
        try:
            old = await self._get(path, shown, wish.key, wish.subject)
        except RecordUnreadable as unreadable:
            if not wish.replaces_unreadable:
                raise
            return None, unreadable.version
        return (None, NEW) if old is None else (old.value, old.version)

    async def _update(self, step: int, shown: str, wish: _Update[M]) -> Applied:
        key, subject, sources = wish.key, wish.subject, wish.derived_from
        conflict: Conflict | None = None
        path = str(step)
        for count in range(ROUNDS_COUNT_MAX):
            old, expect = await self._old(f"{step}.{2 * count + 1}", shown, wish)
            value = wish.fn(old)
            change = _Change(key, value, expect, subject, sources)
            path = f"{step}.{2 * count + 2}"
            try:
                return await self._put(path, shown, change)
            except Conflict as somebody_was_faster:
                conflict = somebody_was_faster
        error = NeedsMerge(space=self._space.name, key=key, count=ROUNDS_COUNT_MAX)
        again = StepFailure(Failure(FailureClass.TRANSIENT), nothing_happened=True)
        self._steps.errors.fail(path, error, again, Effect.ASK, since=f"{step}.1")
        raise error from conflict
