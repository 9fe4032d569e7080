"""What of memory is put before a model: `ctx.recall(...)`, one recorded step.

The records are read at one moment of the view and kept in the journal as they stand in topics. The
ledger gets the manifest in the transaction of that outcome: what a model was given is told once,
and exactly where the handler was given it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

import orjson

from handrail.contract.effect import Effect
from handrail.contract.memory import Memory, Record
from handrail.contract.memory_reader import Found, MemoryReader
from handrail.contract.recall import (
    RECALL_K_MAX,
    RECALL_TOKENS_MAX,
    RECALLS_COUNT_MAX,
    Recall,
    Recalled,
)
from handrail.errors.memory import RecordUnreadable
from handrail.errors.steps import StepInvalid
from handrail.lane.steps import Asked
from handrail.ledger.memory_event import MemoryRecalled
from handrail.memory.assembly import Assembly, Slot, assemble
from handrail.memory.sealing import Finds, FoundOnce, opened
from handrail.runtime.worker.asking import Asker
from handrail.runtime.worker.digest import call_in_words, digest_of
from handrail.runtime.worker.gating import refusing
from handrail.runtime.worker.ground import Act
from handrail.runtime.worker.memory_reads import (
    as_given,
    beside_the_loop,
    given_or_not,
    key_of,
    label_of_records,
    positions_of,
)
from handrail.runtime.worker.memory_refusals import Refusals
from handrail.runtime.worker.memory_rights import Right, known_space
from handrail.runtime.worker.policing import denied_memory
from handrail.runtime.worker.waiting import RunSteps
from handrail.wire.memory import COMMANDS, Positions, StoredRecord, key_in_words
from handrail.wire.record import Outgoing

Kept = Sequence[Sequence[Found]]  #: what was found for each part, as it stands in topics


class WhatWasRecalled:
    """The result of one recall: records for each part, and how far commands have come in them."""

    def __init__(self, kept: Kept, positions: str) -> None:
        """Keep what was found."""
        self.kept = kept
        self.positions = positions

    def encode(self) -> bytes:
        """Give it as the journal keeps it."""
        parts = [[[asdict(one.record), one.score] for one in part] for part in self.kept]
        return orjson.dumps({"parts": parts, "memread": self.positions})

    @classmethod
    def decode(cls, body: bytes) -> "WhatWasRecalled":
        """Read what `encode` gave."""
        facts = cast("dict[str, Any]", orjson.loads(body))
        kept = [
            [Found(StoredRecord.decode(orjson.dumps(r)), float(score)) for r, score in part]
            for part in facts["parts"]
        ]
        return cls(kept, str(facts["memread"]))


class Recalling:
    """One recall, from what a handler wants to what it is given."""

    def __init__(
        self, steps: RunSteps, asker: Asker, parts: Sequence[Recall], budget_tokens: int
    ) -> None:
        """Check it. Raises SpaceUnknown, Refused, MemoryKeyInvalid and StepInvalid."""
        self._steps, self._asker, self._worker = steps, asker, asker.ground.worker
        self._budget = budget_tokens
        self._parts = [_plain(part) for part in parts]
        self.shown = call_in_words("recall", [part.space.name for part in parts])
        _check_bounds(self.shown, self._parts, budget_tokens)
        for part in self._parts:
            known_space(self._worker.memory.spaces, part.space)
            refusals = Refusals(part.space, steps, asker)
            refusals.check("recall", Right.READ, part.subject, *part.keys)

    async def carry_out(self, path: str) -> Recalled:
        """Give the text, recorded or new, and remember that a model is about to see it."""
        told: list[Outgoing] = []

        async def do() -> WhatWasRecalled:
            found = await self._look()
            told.append(self._manifest(path, await self._assembled(found.kept)))
            return found

        def accept(value: Any) -> WhatWasRecalled:  # noqa: ANN401 - a READ step has no receiver to ask
            raise AssertionError(value)

        act = Act(
            asked=Asked(path, "memory.recall", digest_of(self._facts), self.shown, Effect.READ),
            declared=Effect.READ,
            idem_key="",
            do=do,
            encode=WhatWasRecalled.encode,
            decode=WhatWasRecalled.decode,
            accept=accept,
            beside=lambda: told,
        )
        spaces = dict.fromkeys(part.space.name for part in self._parts)
        judged = (
            denied_memory(self._steps, self._asker, path, Right.READ, (space, None))
            for space in spaces
        )
        denied = next(filter(None, judged), None)
        found = await self._steps.carry_out(act if denied is None else refusing(act, denied))
        memory, assembly = self._steps.memory, await self._assembled(found.kept)
        memory.see(found.positions)
        for part, kept in zip(self._parts, found.kept, strict=True):
            records = [one.record for one in kept]
            self._steps.labels.read(label_of_records(part.space, records))
        memory.tell(*(record.value for record in assembly.taken))
        return Recalled(
            text=assembly.text,
            tokens=assembly.manifest.tokens,
            records=tuple(self._given(record) for record in assembly.taken),
            dropped=_left_out(assembly),
            step=path,
        )

    async def _look(self) -> WhatWasRecalled:
        reader = self._worker.memory.reader
        assert reader is not None, "a process opens a view when one of its agents may read"
        wanted = self._steps.memory.positions
        kept = [await self._part(reader, part, wanted) for part in self._parts]
        records = [one.record for part in kept for one in part]
        topic, bus = self._worker.team.full(COMMANDS), self._worker.bus
        places = [await bus.partition_of(topic, one.key.encode()) for one in records]
        return WhatWasRecalled(kept, positions_of(records, places))

    async def _part(self, reader: MemoryReader, part: Recall, wanted: Positions) -> Sequence[Found]:
        found: list[Found] = []
        for key in part.keys:
            full = await self._whole(part, key)
            record = await reader.get(part.space.name, full, wanted=wanted)
            found += [] if record is None else [Found(record, 0.0)]
        if part.query and part.k:
            whose = await self._whole(part, "")
            found += await reader.search(part.space.name, whose, part.query, part.k, wanted=wanted)
        return found

    async def _whole(self, part: Recall, key: str) -> str:
        keys = self._worker.memory.keys if part.subject is not None else None
        return await beside_the_loop(
            keys, lambda: key_of(self._asker, part.space, key, part.subject)
        )

    async def _assembled(self, kept: Kept) -> Assembly:
        keys = self._worker.memory.keys
        once = None if keys is None else FoundOnce(keys)

        def slots() -> list[Slot]:
            return [
                _slot(part, _clear(found, once))
                for part, found in zip(self._parts, kept, strict=True)
            ]

        return assemble(self._budget, await beside_the_loop(keys, slots))

    def _given(self, stored: StoredRecord) -> Record[Any]:
        spaces: Mapping[str, Memory[Any]] = self._worker.memory.spaces
        record = as_given(spaces[stored.space], stored, None)
        assert record is not None, "what is in a text was opened"
        return record

    def _manifest(self, path: str, assembly: Assembly) -> Outgoing:
        invocation, envelope = self._steps.invocation, self._asker.envelope
        event = MemoryRecalled(
            task_id=envelope.task_id,
            tenant=envelope.tenant,
            time_ms=self._steps.now_ms(),
            agent=self._worker.agent.name,
            invocation=invocation.id,
            run=invocation.run,
            step=path,
            manifest=assembly.manifest,
        )
        return self._steps.ground.saying.record(event)

    @property
    def _facts(self) -> object:
        """What it was asked for, by which a later run is compared with the recorded one."""
        parts = [
            {
                "space": part.space.name,
                "query": part.query,
                "keys": part.keys,
                "k": part.k,
                "heading": part.heading,
                "tokens_max": part.tokens_max,
                "subject": part.subject,
            }
            for part in self._parts
        ]
        return {"parts": parts, "budget": self._budget}


def _plain(part: Recall) -> Recall:
    """Give a part whose keys nobody can change any more."""
    return Recall(
        part.space,
        part.query,
        tuple(part.keys),
        part.k,
        part.heading,
        part.tokens_max,
        part.subject,
    )


def _check_bounds(shown: str, parts: Sequence[Recall], budget_tokens: int) -> None:
    bounds = [
        ("parts", len(parts), 1, RECALLS_COUNT_MAX),
        ("budget_tokens", budget_tokens, 0, RECALL_TOKENS_MAX),
        *(("k", part.k, 0, RECALL_K_MAX) for part in parts),
        *(("number of keys", len(part.keys), 0, RECALL_K_MAX) for part in parts),
    ]
    for what, number, least, most in bounds:
        if not least <= number <= most:
            raise StepInvalid(
                step=shown, detail=f"its {what} is {number}", cure=f"give {least} to {most}"
            )
    if any("\n" in part.heading for part in parts):
        detail = "a heading has a line end, so that it could pass for a record"
        raise StepInvalid(step=shown, detail=detail, cure="give headings of one line")


def _slot(part: Recall, found: Sequence[Found]) -> Slot:
    unreadable = frozenset(
        one.record.key
        for one in found
        if isinstance(given_or_not(part.space, one.record, None), RecordUnreadable)
    )
    return Slot(part.space.name, part.title, found, part.tokens_max, unreadable)


def _clear(found: Sequence[Found], keys: Finds | None) -> list[Found]:
    """Give what can still be opened; whom was forgotten meanwhile is in no text."""
    clear = ((one.record if keys is None else opened(one.record, keys), one) for one in found)
    return [
        Found(record, one.score)
        for record, one in clear
        if record is not None and not record.sealed
    ]


def _left_out(assembly: Assembly) -> tuple[str, ...]:
    return tuple(
        f"{one.space}/{key_in_words(one.key)}@{one.version}: {one.dropped}"
        for slot in assembly.manifest.slots
        for one in slot.entries
        if one.dropped
    )
