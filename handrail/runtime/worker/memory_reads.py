"""What a read of memory leaves in the journal, and the values that are made of it again.

A record is kept as it stands in its topic, sealed where it is sealed there. With it goes how far
commands have come in it, so that those who are told of it later never see less.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

import orjson

from handrail.contract.memory import Memory, Provenance, Record
from handrail.contract.memory_reader import NEWEST, AsOf, Found
from handrail.errors.memory import RecordUnreadable
from handrail.errors.root import HandrailError
from handrail.errors.steps import StepInvalid
from handrail.memory.asked import PERSON
from handrail.memory.derivation import reference
from handrail.memory.sealing import Finds, FoundOnce, opened
from handrail.wire.label import OF_PEOPLE, OF_TEAM, OF_USER, Label, joined, label_of
from handrail.wire.memory import Positions, StoredRecord, full_key, key_in_words

if TYPE_CHECKING:
    from handrail.runtime.worker.asking import Asker
    from handrail.runtime.worker.run_labels import RunLabels
    from handrail.store.subject_keys import SubjectKeys

M = TypeVar("M")
R = TypeVar("R")


class WhatWasRead:
    """The result of one read."""

    def __init__(self, found: Sequence[Found], positions: str) -> None:
        """Keep what was found, and which positions it has seen."""
        self.found = found
        self.positions = positions

    def encode(self) -> bytes:
        """Give it as the journal keeps it."""
        records = [[asdict(one.record), one.score] for one in self.found]
        return orjson.dumps({"records": records, "memread": self.positions})

    @classmethod
    def decode(cls, body: bytes) -> "WhatWasRead":
        """Read what `encode` gave."""
        facts = cast("dict[str, Any]", orjson.loads(body))
        found = [
            Found(StoredRecord.decode(orjson.dumps(record)), float(score))
            for record, score in facts["records"]
        ]
        return cls(found, str(facts["memread"]))


def label_of_records(space: Memory[Any], records: Sequence[StoredRecord]) -> Label:
    """Give where records come from, as the keeper has stored it.

    Those of a space about people are for few, whatever else they are.
    """
    found = joined(
        label_of(one.label, absent=OF_USER if one.agent.startswith(PERSON) else OF_TEAM)
        for one in records
    )
    return found.join(OF_PEOPLE) if space.is_personal and records else found


def hear_records(
    labels: "RunLabels",
    space: Memory[Any],
    kept: Sequence[StoredRecord],
    given: Sequence[Record[Any] | RecordUnreadable | None],
) -> None:
    """Tell a run what it has read of memory; of what is trusted there, what it says as well."""
    labels.read(label_of_records(space, kept))
    for stored, record in zip(kept, given, strict=True):
        if isinstance(record, Record):
            labels.hear_record(record.value, label_of_records(space, [stored]))


def positions_of(records: Sequence[StoredRecord], partitions: Sequence[int]) -> str:
    """Give how far commands have come in these records, which lie on these partitions."""
    seen = zip(partitions, records, strict=True)
    none = Positions({})
    return str(none.joined(Positions({partition: one.applied}) for partition, one in seen))


def as_given(space: Memory[M], kept: StoredRecord, keys: Finds | None) -> Record[M] | None:
    """Give a record as a handler sees it; None once its subject was forgotten.

    Raises SealBroken, and RecordUnreadable for what no model of the space reads.
    """
    stored = kept if keys is None else opened(kept, keys)
    if stored is None or stored.sealed:
        return None
    return Record(
        key=key_in_words(stored.key),
        value=_value_of(space, stored),
        version=stored.version,
        provenance=Provenance(
            agent=stored.agent,
            agent_version=stored.agent_version,
            task_id=stored.task_id,
            message_id=stored.message_id,
            tool_call=stored.tool_call,
            model=stored.model,
        ),
        derived_from=stored.derived_from,
        label=stored.label,
        confidence=stored.confidence,
        observed_at=_time(stored.observed_ms),
        expires_at=_time(stored.expires_ms),
        supersedes=stored.supersedes,
        reference=reference(stored),
        flagged=stored.flagged,
    )


def _value_of(space: Memory[M], stored: StoredRecord) -> M:
    try:
        return space.decode(stored.type_name, orjson.dumps(stored.value))
    except HandrailError as error:
        detail = error.facts.get("detail", "no model of that name and version is declared")
        raise RecordUnreadable(
            space=space.name,
            key=key_in_words(stored.key),
            version=stored.version,
            type=stored.type_name or "something without a name",
            known=" or ".join(space.type_names),
            detail=detail,
        ) from error


def given_or_not(
    space: Memory[M], kept: StoredRecord, keys: Finds | None
) -> Record[M] | RecordUnreadable | None:
    """Give a record as a handler sees it, or why no model of the space reads it.

    None once its subject was forgotten. Raises SealBroken.
    """
    try:
        return as_given(space, kept, keys)
    except RecordUnreadable as error:
        return error


async def all_given_or_not(
    space: Memory[M], kept: Sequence[StoredRecord], keys: "SubjectKeys | None"
) -> list[Record[M] | RecordUnreadable | None]:
    """Give what `given_or_not` gives of each; raises what it raises."""
    once = None if keys is None else FoundOnce(keys)
    return await beside_the_loop(keys, lambda: [given_or_not(space, one, once) for one in kept])


async def beside_the_loop(keys: "SubjectKeys | None", work: Callable[[], R]) -> R:
    """Do what asks a store of keys; one of the team's own may be far away, and nobody waits for it.

    The project's own file answers at once.
    """
    if keys is None or is_local(keys):
        return work()
    return await asyncio.to_thread(work)


def is_local(keys: "SubjectKeys") -> bool:
    """Say whether keys lie in the project's own file, which answers at once."""
    # Only a team with memory pays for SQLite; whoever has keys has loaded it.
    from handrail.store.subject_keys import LocalKeys  # noqa: PLC0415

    return isinstance(keys, LocalKeys)


def key_of(asker: "Asker", space: Memory[Any], key: str, subject: str | None) -> str:
    """Give a key as it stands in topics: whose it is, is said by the engine alone."""
    keys, envelope = asker.ground.worker.memory.keys, asker.envelope
    digest = None
    if subject is not None and keys is not None:
        digest = keys.digest(envelope.tenant, subject)
    task = envelope.task_id if space.rules.of_one_task else None
    return full_key(envelope.tenant, key, subject=digest, task=task)


def in_ms(moment: datetime) -> int:
    """Give a time as topics hold it."""
    return round(moment.timestamp() * 1000)


def read_as_of(wanted: datetime | int | None, shown: str) -> AsOf:
    """Give as of when is read. Raises StepInvalid for a time that names no zone."""
    if wanted is None:
        return NEWEST
    if isinstance(wanted, datetime):
        return AsOf(at_ms=in_ms(aware(wanted, shown)))
    return AsOf(version=wanted)


def aware(moment: datetime, shown: str) -> datetime:
    """Give a time that names its zone. Raises StepInvalid."""
    if moment.tzinfo is None:
        raise StepInvalid(
            step=shown, detail="its time names no time zone", cure="give one, as ctx.now() does"
        )
    return moment


def _time(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)
