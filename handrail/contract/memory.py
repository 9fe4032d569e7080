"""A memory space as a type: what is remembered, for how long, and who may change it.

Guarantee: what cannot be decided at declaration raises there. A space says its *memory class*,
which fixes what may happen to its records; nothing is created on a broker here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, TypeGuard, overload

from typing_extensions import TypeVar

from handrail.contract.space_check import check_agents, check_class, check_name
from handrail.contract.topic import Topic
from handrail.contract.traces import trace_in_key
from handrail.errors.contract import TopicInvalid
from handrail.errors.memory import MemoryKeyInvalid, SpaceInvalid
from handrail.wire.label import Integrity

M = TypeVar("M")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")

NEW: Final = 0  #: in place of a version: the key must not be there yet

KEY_CHARS_MAX = 200
SEARCH_K = 5  #: how many records a search gives when nobody says
DAY_S = 86_400.0
RECORDS_COUNT_MAX, BYTES_MAX = (
    1_000_000,
    1 << 30,
)  #: of one space of one tenant, unless it says less
WORKING_AFTER_TASK_S = DAY_S  #: how long the scratch of a task outlives the task's deadline

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+=,-]*")  #: plain, so that it reads the same anywhere


class MemoryClass(StrEnum):
    """What may happen to the records of a space."""

    WORKING = "working"  #: scratch of one task; last write wins; gone a day after its deadline
    FACT = "fact"  #: kept until superseded; changed by compare-and-set
    PREFERENCE = "preference"  #: kept until erased; reviewed after 180 days
    PROCEDURE = "procedure"  #: how something is done; written by people, reviewed after 90 days
    ARTIFACT = "artifact"  #: pointer and digest of something stored elsewhere; never changed
    DECISION = "decision"  #: why somebody acted; immutable


class PersonalData(StrEnum):
    """Whether records say something about a person, who can then ask for them to be forgotten."""

    NONE = "none"
    SUBJECT = "subject"  #: each record names its subject, and is sealed with that subject's key


@dataclass(frozen=True, slots=True)
class Quota:
    """How much one tenant may keep in one space; what would exceed it is refused."""

    records: int = RECORDS_COUNT_MAX
    bytes: int = BYTES_MAX

    def __post_init__(self) -> None:
        """Keep both within what a space may have."""
        if not (0 < self.records <= RECORDS_COUNT_MAX and 0 < self.bytes <= BYTES_MAX):
            raise SpaceInvalid(
                space="(any)",
                detail=f"its quota is {self.records} records and {self.bytes} bytes",
                cure=f"give 1 to {RECORDS_COUNT_MAX} records and 1 to {BYTES_MAX} bytes",
            )


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a space, and what may be stored in it as it is."""

    readers: tuple[str, ...] = ()  #: names of agents; none: every agent
    writers: tuple[str, ...] = ()  #: names of agents; none: every agent
    integrity: Integrity = Integrity.INTERNAL  #: the least trusted origin that is stored as it is
    personal: PersonalData = PersonalData.NONE

    def __post_init__(self) -> None:
        """Refuse a text, of which each letter would be the name of an agent."""
        check_agents("readers", self.readers)
        check_agents("writers", self.writers)


@dataclass(frozen=True, slots=True)
class ClassRules:
    """What a memory class says, in values that the keeper acts on."""

    changes: bool  #: whether a key may get another value
    compares: bool  #: whether a change has to name the version it changes
    by_agents: bool  #: whether agents may write, not only people
    of_one_task: bool  #: whether keys belong to the task that writes them
    review_s: float | None  #: after so long somebody should look at it
    untrusted: bool  #: whether untrusted input may be stored; otherwise it goes to quarantine
    erasable: bool  #: whether a record may be removed before its time, other than by forgetting


RULES: Final[Mapping[MemoryClass, ClassRules]] = {
    MemoryClass.WORKING: ClassRules(True, False, True, True, None, True, True),
    MemoryClass.FACT: ClassRules(True, True, True, False, None, False, True),
    MemoryClass.PREFERENCE: ClassRules(True, True, True, False, 180 * DAY_S, False, True),
    MemoryClass.PROCEDURE: ClassRules(True, True, False, False, 90 * DAY_S, False, True),
    MemoryClass.ARTIFACT: ClassRules(False, True, True, False, None, True, True),
    MemoryClass.DECISION: ClassRules(False, True, True, False, None, True, False),
}

#: What agents act by: nothing of an untrusted origin is kept as one, in quarantine either.
_TRUSTED_ALONE: Final = frozenset({MemoryClass.PREFERENCE, MemoryClass.PROCEDURE})


class Memory(Generic[M]):
    """One declared kind of shared memory, on a compacted topic of its own.

    `carries` is a pydantic model or a JSON type, or a tuple of them, as a topic has it: the older
    models whose records are still to be read, and last the one that is written now. A record is
    read as the very model that it was written as, never as another one, so readers are given
    each of them. `keeps` is its memory class. `ttl_s` lets records
    expire. `access` says which agents may read and write it; without it all may. With
    `Access(personal=PersonalData.SUBJECT)` every record is sealed with the key of the subject that
    its writer names, so that the subject can be forgotten. The first line of the model's docstring
    says in words what the space is for. Raises SpaceInvalid with its cure.
    """

    @overload
    def __init__(
        self: "Memory[A]",
        name: str,
        *,
        carries: type[A],
        keeps: MemoryClass,
        ttl_s: float | None = None,
        quota: Quota | None = None,
        access: Access | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: "Memory[A | B]",
        name: str,
        *,
        carries: tuple[type[A], type[B]],
        keeps: MemoryClass,
        ttl_s: float | None = None,
        quota: Quota | None = None,
        access: Access | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: "Memory[A | B | C]",
        name: str,
        *,
        carries: tuple[type[A], type[B], type[C]],
        keeps: MemoryClass,
        ttl_s: float | None = None,
        quota: Quota | None = None,
        access: Access | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: "Memory[A | B | C | D]",
        name: str,
        *,
        carries: tuple[type[A], type[B], type[C], type[D]],
        keeps: MemoryClass,
        ttl_s: float | None = None,
        quota: Quota | None = None,
        access: Access | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: "Memory[A]",
        name: str,
        *,
        carries: tuple[type[A], ...],
        keeps: MemoryClass,
        ttl_s: float | None = None,
        quota: Quota | None = None,
        access: Access | None = None,
    ) -> None: ...

    def __init__(
        self,
        name: str,
        *,
        carries: Any,
        keeps: MemoryClass,
        ttl_s: float | None = None,
        quota: Quota | None = None,
        access: Access | None = None,
    ) -> None:
        """Declare a space."""
        check_name(name)
        check_class(name, keeps, MemoryClass)
        if ttl_s is not None and ttl_s <= 0:
            raise SpaceInvalid(
                space=name, detail=f"ttl_s={ttl_s:g}", cure="give more than 0, or none"
            )
        if keeps is MemoryClass.DECISION and ttl_s is not None:
            raise SpaceInvalid(
                space=name, detail="a decision never expires", cure="leave ttl_s out, or keep facts"
            )
        self.name = name
        self.keeps = keeps
        self.ttl_s = ttl_s
        self.quota = quota or Quota()
        self.access = access or Access()
        if self.is_personal and keeps is MemoryClass.DECISION:
            raise SpaceInvalid(
                space=name,
                detail="what can never change can never be forgotten either",
                cure="keep personal data in a space of another class and name its key here",
            )
        if keeps in _TRUSTED_ALONE and self.access.integrity is Integrity.UNTRUSTED:
            raise SpaceInvalid(
                space=name,
                detail=f"a {keeps} never comes from untrusted input",
                cure="leave it at Access(integrity=Integrity.INTERNAL), or keep facts, which lie in"
                " quarantine until a person vouches for them",
            )
        try:
            self._carrier: Topic[M] = Topic(name, carries=carries)
        except TopicInvalid as error:
            raise SpaceInvalid(
                space=name, detail=str(error.detail), cure=str(error.cure)
            ) from error

    @property
    def carries(self) -> Any:  # noqa: ANN401 - an annotation as a value
        """The type of the values that are written now: the last that is declared."""
        return self._carrier.carries[-1]

    @property
    def purpose(self) -> str:
        """What it is for: the first line of the docstring of what it carries."""
        if self.carries in (str, int, float, bool, list, dict):
            return ""
        return (self.carries.__doc__ or "").strip().partition("\n")[0]

    @property
    def is_personal(self) -> bool:
        """Say whether each record is about a subject who can be forgotten."""
        return self.access.personal is PersonalData.SUBJECT

    @property
    def rules(self) -> ClassRules:
        """What its memory class says."""
        return RULES[self.keeps]

    @property
    def topic(self) -> str:
        """The compacted topic that holds it, without the namespace."""
        return f"memory.{self.name}"

    @property
    def type_name(self) -> str:
        """The name on the wire of the type that is written now, such as `fact.v2`."""
        return self.type_names[-1]

    @property
    def type_names(self) -> tuple[str, ...]:
        """The names of every type that is read, the one that is written now last."""
        return tuple(self._carrier.models)

    def type_of(self, value: M) -> str:
        """Give the name on the wire of a value's type; raises NotSendable."""
        return self._carrier.type_of(value)

    def encode(self, value: M) -> bytes:
        """Give the JSON of a value; raises NotSendable, TooLarge, TooDeep or MessageInvalid."""
        return self._carrier.encode(value)

    def decode(self, type_name: str, body: bytes) -> M:
        """Read a value; raises TypeUnknown, BodyNotJson or MessageInvalid."""
        return self._carrier.decode(type_name, body)

    def may_read(self, agent: str) -> bool:
        """Say whether this agent may read it."""
        return not self.access.readers or agent in self.access.readers

    def may_write(self, agent: str) -> bool:
        """Say whether this agent may write it."""
        return self.rules.by_agents and (not self.access.writers or agent in self.access.writers)

    def check_key(self, key: str) -> str:
        """Give a key back that may be used; raises MemoryKeyInvalid."""
        found = trace_in_key(self.check_form(key))
        if found is not None:
            # The key is not quoted: what is said here goes to logs and to the ledger.
            raise MemoryKeyInvalid(
                space=self.name,
                detail=f"it holds what looks like {found}, and keys are never encrypted",
                cure="name a person with subject= (--subject), in a space with"
                " Access(personal=PersonalData.SUBJECT), and for anything else a key of your own,"
                " as in order/42 or a digest of what the key is about",
            )
        return key

    def check_form(self, key: str) -> str:
        """Give a key back whose signs are allowed, whatever it says; raises MemoryKeyInvalid.

        For what looks at what is there, or takes it away: it may be older than what is refused now.
        """
        if not _KEY.fullmatch(key) or len(key) > KEY_CHARS_MAX:
            raise MemoryKeyInvalid(
                space=self.name,
                detail=f"{key[:60]!r}",
                cure=f"use 1 to {KEY_CHARS_MAX} letters, digits and . _ : / + = , -"
                ", as in order/42; name a person with subject=, never in the key",
            )
        return key

    def __eq__(self, other: object) -> bool:
        """Two spaces are equal when everything that they say is."""
        if not isinstance(other, Memory):
            return NotImplemented
        return self._said() == other._said()

    def __hash__(self) -> int:
        """Spaces of one name share a hash."""
        return hash(self.name)

    def _said(self) -> tuple[object, ...]:
        return (self.name, self._carrier.carries, self.keeps, self.ttl_s, self.quota, self.access)

    def __repr__(self) -> str:
        """Show the name, the class and what is carried."""
        return f"Memory({self.name!r}, carries={', '.join(self.type_names)}, keeps={self.keeps})"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who wrote a version, and in carrying out what."""

    agent: str  #: or the name of a person, with `person:` before it
    agent_version: str = ""
    task_id: str = ""
    message_id: str = ""  #: the invocation
    tool_call: str = ""  #: the last one that was answered before: its step and the tool's name
    model: str = ""  #: the last one that had answered before, by its name


@dataclass(frozen=True, slots=True)
class Record(Generic[M]):
    """One version of one key, as a reader gets it."""

    key: str
    value: M
    version: int
    provenance: Provenance
    derived_from: tuple[str, ...] = ()  #: `space/key@version`, or the id of a message
    label: str | None = None
    confidence: float | None = None
    observed_at: datetime | None = None
    expires_at: datetime | None = None
    supersedes: str | None = None
    reference: str = ""  #: names this very version, for `derived_from` of what is made from it
    #: Why it should not be trusted, where a retraction or a forgetting has marked it; else None.
    flagged: str | None = None


@dataclass(frozen=True, slots=True)
class Hit(Generic[M]):
    """One record that a search found; a higher score is a better match within one search."""

    record: Record[M]
    score: float


@dataclass(frozen=True, slots=True)
class Applied:
    """A write that the keeper has taken."""

    version: int
    same_as: str | None = None  #: the key that already held the very same, where nothing was added
    quarantined: bool = False  #: kept where only people see it, until a person writes it anew


def is_memory(value: object) -> TypeGuard[Memory[Any]]:
    """Say whether a value is a Memory."""
    return isinstance(value, Memory)
