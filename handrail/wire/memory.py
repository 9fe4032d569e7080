"""What travels to the keeper of memory and what it writes: commands, records, answers, positions.

A command stands on `memory.commands`, in the partition of its key; the keeper of that partition
writes the record to the same partition of `memory.<space>` and of `memory.history`. Bodies are
JSON, headers are those of every message (`ce_type`, `ce_taskid`, `ce_replyto` …). Keys hold no
personal data: a subject stands in them as a digest under a secret.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final, Self, TypeVar, cast

from handrail.errors.memory import MemoryRecordInvalid
from handrail.errors.wire import WireError
from handrail.wire.codec import decode_object, encode_body
from handrail.wire.record import Outgoing

COMMANDS: Final = "memory.commands"  #: names of topics, without the namespace
HISTORY: Final = "memory.history"
COMMAND_TYPE: Final = "handrail_memory_command.v1"
RECORD_TYPE: Final = "handrail_memory_record.v1"
APPLIED_TYPE: Final = "handrail_memory_applied.v1"
APPLIED_KEY: Final = b"handrail/applied"  #: key of the record that says how far commands are taken
#: Key of a legal hold, before tenant and subject. No full key begins so: `hold` is no owner.
HOLD_PREFIX: Final = b"handrail/hold/"
#: Key of what says that a subject was forgotten, likewise: `forgotten` is no owner either.
FORGOTTEN_PREFIX: Final = b"handrail/forgotten/"
NO_SUBJECT: Final = "-"
MEMORY_READ: Final = "ce_memread"  #: the header that holds positions

_OF_A_SPACE: Final = "memory.SPACE"  #: in words, where nobody says which

REASON_CHARS_MAX: Final = 500  #: of what is kept of a reason

INT_MAX: Final = 2**63 - 1  #: what every database and every other client can hold

R = TypeVar("R")

#: Type of a field → what JSON gives for it.
_KINDS: Final[Mapping[object, frozenset[type]]] = {
    int: frozenset([int]),
    str: frozenset([str]),
    bool: frozenset([bool]),
    int | None: frozenset([int, type(None)]),
    str | None: frozenset([str, type(None)]),
    float | None: frozenset([int, float, type(None)]),
    tuple[str, ...]: frozenset([list]),
    Mapping[str, int]: frozenset([dict]),
}


def space_topic(space: str) -> str:
    """Name the compacted topic of a space, without the namespace."""
    return f"memory.{space}"


def full_key(tenant: str, key: str, *, subject: str | None = None, task: str | None = None) -> str:
    """Give a key as it stands in topics: whose it is, then what the handler called it.

    `subject` is a digest, never the subject itself; `task` owns what is scratch.
    """
    owner = f"~{subject}" if subject else f"!{task}" if task else NO_SUBJECT
    return f"{tenant.replace('/', '%2F')}/{owner}/{key}"


def key_in_words(full: str) -> str:
    """Give a key as its handler called it."""
    return full.split("/", 2)[-1]


class Op(StrEnum):
    """What a command asks for."""

    PUT = "put"  #: a whole value, if the present version is the expected one
    ADD = "add"  #: an item into a set
    APPEND = "append"  #: an item onto a list
    INCREMENT = "increment"  #: a number onto a number
    MERGE = "merge"  #: fields into an object
    REMOVE = "remove"  #: a tombstone; by people, by undo and by retraction
    FLAG = "flag"  #: kept, and marked as derived from something that was retracted
    ENDORSE = "endorse"  #: out of quarantine, or looked at once more; by people
    FORGET = "forget"  #: every key of a subject, in this partition
    HOLD = "hold"  #: nothing of a subject is forgotten or removed until it is released
    RELEASE = "release"


#: What needs no answer and cannot conflict.
COMMUTATIVE: Final = frozenset({Op.ADD, Op.APPEND, Op.INCREMENT, Op.MERGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing that is asked of the keeper. Its envelope says for which task and tenant."""

    op: Op
    space: str
    key: str  #: as it stands in topics, see `full_key`; for FORGET, HOLD and RELEASE the subject
    by: str  #: agent, or `person:NAME`
    by_version: str = ""
    type_name: str = ""  #: of the value, as in `fact.v1`
    value: Any = None  #: plain JSON; when sealed a text
    sealed: bool = False
    expect: int | None = None  #: version that must be the present one; 0: none; None: any
    derived_from: tuple[str, ...] = ()
    confidence: float | None = None
    observed_ms: int | None = None
    rollback_of: int | None = None  #: version that this one takes back
    builds_on: int | None = None  #: of a rollback: the version whose value it gives back
    #: of a rollback: when what it gives back was to expire; None: as what is written now
    expires_ms: int | None = None
    label: str | None = None  #: of a rollback: where what it gives back came from
    quarantined: bool = False  #: of a rollback: what it gives back was in quarantine
    flagged: str | None = None  #: of a rollback: what it gives back was marked as not to be trusted
    tool_call: str = ""
    model: str = ""
    reason: str = ""
    seen: tuple[str, ...] = ()  #: digests of the texts that were injected from memory just before
    keys: tuple[str, ...] = ()  #: of FORGET: names of the keys that are destroyed

    def encode(self) -> bytes:
        """Give its body."""
        return encode_body(_lean(self))

    @classmethod
    def decode(cls, body: bytes | None) -> Self:
        """Read a command; raises MemoryRecordInvalid."""
        return _read(cls, body, COMMANDS, {"op": Op})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """One version of one key, as it stands on the space's topic and in the history."""

    space: str
    key: str
    version: int  #: +1 with each applied command
    type_name: str
    value: Any  #: plain JSON; sealed: a text
    applied: int  #: offset of the command on the same partition of `memory.commands`
    written_ms: int
    agent: str
    agent_version: str = ""
    task_id: str = ""
    message_id: str = ""
    tool_call: str = ""
    model: str = ""
    sealed: bool = False
    derived_from: tuple[str, ...] = ()
    label: str | None = None
    confidence: float | None = None
    observed_ms: int | None = None
    expires_ms: int | None = None
    supersedes: str | None = None
    rollback_of: int | None = None
    builds_on: int | None = None  #: version of the same key whose value it keeps, or adds to
    same_as: str | None = None
    quarantined: bool = False
    flagged: str | None = None  #: why it should not be trusted: what it was derived from
    previous: str | None = None  #: sha256 of the version before, as its record's body
    reason: str = ""  #: why a person did so, as they said; in the clear, also where it is sealed
    removed: bool = False  #: in the history only: the version that took it away

    def encode(self) -> bytes:
        """Give its body."""
        return encode_body(_lean(self))

    @classmethod
    def decode(cls, body: bytes | None) -> Self:
        """Read a record; raises MemoryRecordInvalid."""
        return _read(cls, body, _OF_A_SPACE, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedMark:
    """How far the commands of a partition are taken: the body under `APPLIED_KEY`.

    Each transaction of the keeper ends with one on every space topic that it wrote to, or on any
    one when it only refused. `spaces` and `history` say for each topic which command was the last
    to write there, so that a reader of one topic knows from another's mark that nothing is missing.
    """

    applied: int  #: offset of the last command that was decided on
    spaces: Mapping[str, int]  #: space → offset of the last command that wrote to its topic
    history: int = -1  #: offset of the last command that wrote to the history

    def encode(self) -> bytes:
        """Give its body."""
        return encode_body(_lean(self))

    @classmethod
    def decode(cls, body: bytes | None) -> Self:
        """Read a mark; raises MemoryRecordInvalid."""
        mark = _read(cls, body, _OF_A_SPACE, {})
        if not all(
            type(offset) is int and abs(offset) <= INT_MAX for offset in mark.spaces.values()
        ):
            raise MemoryRecordInvalid(detail="an offset is not a whole number", topic=_OF_A_SPACE)
        return mark

    def joined(self, other: "AppliedMark | None") -> "AppliedMark":
        """Give a mark that says what both say."""
        if other is None:
            return self
        return AppliedMark(
            applied=max(self.applied, other.applied),
            spaces={
                space: max(self.spaces.get(space, -1), other.spaces.get(space, -1))
                for space in {**self.spaces, **other.spaces}
            },
            history=max(self.history, other.history),
        )


class Verdict(StrEnum):
    """What became of a command that wanted an answer."""

    APPLIED = "applied"
    CONFLICT = "conflict"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the keeper answers to a command, as the body of a reply."""

    verdict: Verdict
    space: str
    key: str
    partition: int  #: of the command, with its offset: what a reader has to have seen
    offset: int
    version: int = 0  #: the present one, also after a conflict
    same_as: str | None = None
    quarantined: bool = False
    state: str = ""  #: of a refusal, one of the 23
    detail: str = ""
    remedy: str = ""

    def encode(self) -> bytes:
        """Give its body."""
        return encode_body(_lean(self))

    @classmethod
    def decode(cls, body: bytes | None) -> Self:
        """Read an answer; raises MemoryRecordInvalid."""
        return _read(cls, body, "answers", {"verdict": Verdict})


@dataclass(frozen=True, slots=True)
class Positions:
    """How far commands have to be applied in a view before it may answer: `ce_memread`."""

    by_partition: Mapping[int, int]  #: partition → offset of the last command that counts

    @classmethod
    def of(cls, text: str | None) -> "Positions":
        """Read a header; what cannot be read of it asks for nothing."""
        found: dict[int, int] = {}
        for item in (text or "").split(","):
            partition, _, offset = item.partition(":")
            if (
                partition.isascii()
                and partition.isdigit()
                and offset.isascii()
                and offset.isdigit()
            ):
                found[int(partition[:9])] = int(offset[:18])
        return cls(found)

    def __str__(self) -> str:
        """Give it as it stands in the header."""
        return ",".join(f"{p}:{o}" for p, o in sorted(self.by_partition.items()))

    def joined(self, others: "Iterable[Positions]") -> "Positions":
        """Give what has seen all of them."""
        found = dict(self.by_partition)
        for other in others:
            for partition, offset in other.by_partition.items():
                found[partition] = max(offset, found.get(partition, -1))
        return Positions(found)


NOTHING_WRITTEN: Final = Positions({})


def joined(texts: Iterable[str | None]) -> str | None:
    """Give the header of what comes after several messages; None when nothing counts."""
    held = {text for text in texts if text}
    if len(held) <= 1:
        return next(iter(held), None)
    return str(NOTHING_WRITTEN.joined(Positions.of(text) for text in held))


def reading(record: Outgoing, positions: Positions) -> Outgoing:
    """Give a message whose reader has to have seen these positions too."""
    before = next((v for name, v in record.headers if name == MEMORY_READ), b"")
    both = Positions.of(before.decode("ascii", "replace")).joined([positions])
    others = tuple((name, value) for name, value in record.headers if name != MEMORY_READ)
    headers = (*others, (MEMORY_READ, str(both).encode()))
    return Outgoing(record.topic, record.key, record.value, headers, record.partition)


def _lean(value: Any) -> dict[str, object]:  # noqa: ANN401 - any of the dataclasses above
    found: dict[str, object] = {}
    for name, default in _DEFAULTS[type(value)].items():
        fact = getattr(value, name)
        if fact != default or name == "value":
            found[name] = fact
    return found


def _read(cls: type[R], body: bytes | None, topic: str, words: Mapping[str, type[StrEnum]]) -> R:
    try:
        found: dict[str, Any] = cast("dict[str, Any]", decode_object(body))
    except WireError as error:
        raise MemoryRecordInvalid(detail=error.what, topic=topic) from error
    shapes = _SHAPES[cls]
    try:
        for name, enum in words.items():
            found[name] = enum(found.get(name, ""))
        facts: dict[str, Any] = {}
        for name, fact in found.items():
            kinds = shapes.get(name)
            if kinds is not None:
                # Most are texts; a view reads hundreds of thousands of these.
                is_text = type(fact) is str and str in kinds
                facts[name] = fact if is_text else _fact(name, fact, kinds)
        return cls(**facts)
    except (TypeError, ValueError) as error:
        raise MemoryRecordInvalid(detail=str(error), topic=topic) from error


def _fact(name: str, value: Any, kinds: frozenset[type]) -> Any:  # noqa: ANN401  # plain JSON
    if kinds and (type(value) not in kinds or (type(value) is int and abs(value) > INT_MAX)):
        raise TypeError(f"{name} is {str(value)[:40]!r}")
    if kinds and isinstance(value, list):
        return tuple(map(str, cast("list[object]", value)))
    return value


def _defaults(cls: type[Any]) -> Mapping[str, object]:
    return {one.name: one.default for one in fields(cls)}


def _shapes(cls: type[Any]) -> Mapping[str, frozenset[type]]:
    """Give for each field what JSON may hold for it; nothing where anything may stand."""
    return {one.name: _KINDS.get(one.type, frozenset()) for one in fields(cls)}


_FORMS: Final[tuple[type[Any], ...]] = (Command, StoredRecord, AppliedMark, Answer)
_DEFAULTS: Final[Mapping[type[Any], Mapping[str, object]]] = {cls: _defaults(cls) for cls in _FORMS}
_SHAPES: Final[Mapping[type[Any], Mapping[str, frozenset[type]]]] = {
    cls: _shapes(cls) for cls in _FORMS
}
