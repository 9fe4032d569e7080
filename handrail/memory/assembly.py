"""Puts remembered records into a prompt within a budget, and says exactly what it did.

Guarantee: the text is a function of its manifest and of the versions that it names, so that a
prompt is rebuilt byte for byte for as long as the history keeps them; a rebuilt text that differs
in a byte is an error. Tokens are counted by a stated rule, the same wherever a prompt is made: one
token for every `BYTES_PER_TOKEN` bytes of UTF-8, and one for what is left over.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

import orjson

from handrail.contract.memory_reader import Found
from handrail.contract.recall import Entry, Manifest, SlotManifest
from handrail.errors.memory import PromptNotRebuilt
from handrail.wire.memory import StoredRecord, key_in_words

BYTES_PER_TOKEN: Final = 4
RULE: Final = f"utf8-bytes/{BYTES_PER_TOKEN}-rounded-up"
FORM: Final = 1  #: of the text; a change of how records are written makes it 2

Lookup = Callable[[str, str, int], StoredRecord | None]  #: space, full key, version → its record


class Dropped(StrEnum):
    """Why a record was left out."""

    BUDGET = "no room in the budget"
    SLOT = "no room in its slot"
    REPEATED = "another slot has it already"
    SAME_TEXT = "another record says the very same"
    FLAGGED = "what it was derived from was taken back"
    UNREADABLE = "no model that its space carries reads it"


@dataclass(frozen=True, slots=True)
class Slot:
    """One part of a prompt: a heading and the records that a search or a reader gave for it."""

    name: str
    heading: str
    found: Sequence[Found]  #: best first
    tokens_max: int | None = None  #: of this slot, its heading included; None: what is left
    unreadable: frozenset[str] = frozenset()  #: full keys of those that no model of the space reads


def manifest_as_json(manifest: Manifest) -> bytes:
    """Give it as JSON, the same bytes for the same manifest."""
    return orjson.dumps(asdict(manifest), option=orjson.OPT_SORT_KEYS)


def manifest_from_json(body: bytes) -> Manifest:
    """Read what `manifest_as_json` gave."""
    found: dict[str, Any] = orjson.loads(body)
    slots = tuple(
        SlotManifest(one["name"], one["heading"], tuple(Entry(**e) for e in one["entries"]))
        for one in found.pop("slots")
    )
    return Manifest(slots=slots, **found)


@dataclass(frozen=True, slots=True)
class Assembly:
    """A text and its manifest."""

    text: str
    manifest: Manifest
    taken: tuple[StoredRecord, ...] = ()  #: the records in the text, in its order


def tokens_of(text: str) -> int:
    """Count the tokens of a text by our rule."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def written(record: StoredRecord) -> str:
    """Give a record as it stands in a text: one line, its name first, then its value as JSON.

    JSON has no line ends, so that no value can pass for a heading or for another record.
    """
    value = orjson.dumps(record.value, option=orjson.OPT_SORT_KEYS).decode()
    return f"- {record.space}/{key_in_words(record.key)}@{record.version}: {value}\n"


def assemble(budget: int, slots: Sequence[Slot]) -> Assembly:
    """Fill slots in their order, each with its best records, until the budget is used up.

    A record that does not fit is left out and a smaller one after it may still come in. No record
    and no text comes in twice. The text never takes more than `budget` tokens. Values have to be
    in the clear: whoever may not read one leaves it out before.
    """
    filling = _Filling(budget)
    manifests = tuple(filling.slot(slot) for slot in slots)
    text = "".join(filling.pieces)
    digest = hashlib.sha256(text.encode()).hexdigest()
    manifest = Manifest(budget, tokens_of(text), digest, manifests, RULE, FORM)
    return Assembly(text, manifest, tuple(filling.taken))


def rebuild(manifest: Manifest, lookup: Lookup) -> str:
    """Make the text of a manifest again; raises PromptNotRebuilt when it cannot be the same."""
    if manifest.form != FORM:
        raise PromptNotRebuilt(
            detail=f"it has form {manifest.form}, and this version writes {FORM}"
        )
    pieces: list[str] = []
    for slot in manifest.slots:
        entries = [entry for entry in slot.entries if not entry.dropped]
        if entries:
            pieces.append(_heading(slot.heading, is_first=not pieces))
        for entry in entries:
            record = lookup(entry.space, entry.key, entry.version)
            if record is None:
                name = f"{entry.space}/{key_in_words(entry.key)}@{entry.version}"
                raise PromptNotRebuilt(detail=f"{name} is not kept any more")
            pieces.append(written(record))
    text = "".join(pieces)
    if hashlib.sha256(text.encode()).hexdigest() != manifest.sha256:
        raise PromptNotRebuilt(detail="a record is not what it was, or was written otherwise then")
    return text


def _heading(heading: str, *, is_first: bool) -> str:
    return f"{heading}\n" if is_first else f"\n{heading}\n"


@dataclass(slots=True)
class _Filling:
    """A text that grows, and how many bytes of it are left."""

    budget: int
    pieces: list[str] = field(default_factory=list[str])
    taken: list[StoredRecord] = field(default_factory=list[StoredRecord])
    used: int = 0  #: bytes, since tokens of pieces do not add up to those of the whole
    names: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    texts: set[str] = field(default_factory=set[str])

    def slot(self, slot: Slot) -> SlotManifest:
        """Take in what fits of a slot."""
        room = self.budget * BYTES_PER_TOKEN - self.used
        own = room if slot.tokens_max is None else slot.tokens_max * BYTES_PER_TOKEN
        heading = _heading(slot.heading, is_first=not self.pieces)
        size = len(heading.encode())
        lines: list[str] = []
        entries: list[Entry] = []
        for found in slot.found:
            line = written(found.record)
            after = size + len(line.encode())
            dropped = self._refusal(found.record, over_budget=after > room, over_slot=after > own)
            if found.record.key in slot.unreadable:
                dropped = Dropped.UNREADABLE
            entries.append(_entry(found, line, dropped))
            if dropped is None:
                lines.append(line)
                self.taken.append(found.record)
                size = after
                self.names.add((found.record.space, found.record.key))
                self.texts.add(_content(found.record))
        if lines:
            self.pieces += [heading, *lines]
            self.used += size
        return SlotManifest(slot.name, slot.heading, tuple(entries))

    def _refusal(
        self, record: StoredRecord, *, over_budget: bool, over_slot: bool
    ) -> Dropped | None:
        if record.flagged is not None:
            return Dropped.FLAGGED
        if (record.space, record.key) in self.names:
            return Dropped.REPEATED
        if _content(record) in self.texts:
            return Dropped.SAME_TEXT
        if over_budget:
            return Dropped.BUDGET
        return Dropped.SLOT if over_slot else None


def _content(record: StoredRecord) -> str:
    return orjson.dumps(record.value, option=orjson.OPT_SORT_KEYS).decode()


def _entry(found: Found, line: str, dropped: Dropped | None) -> Entry:
    record = found.record
    return Entry(
        record.space,
        record.key,
        record.version,
        found.score,
        tokens_of(line),
        dropped.value if dropped else "",
    )
