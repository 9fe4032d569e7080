"""What is asked of the keeper, what is there already, and what can become of it. Values only."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from handrail.contract.failure import State
from handrail.wire.memory import Command, StoredRecord

PERSON: Final = "person:"  #: before the name of a person, in place of an agent's
KEEPER: Final = "keeper"  #: in place of an agent's name, of a record that was removed as expired


class Reason(StrEnum):
    """Why a command was not carried out, or a record left out; counted by these words."""

    UNREADABLE = "unreadable"  #: no command, or one of a later version
    UNKNOWN_SPACE = "unknown_space"
    KEY = "key"  #: no key of this space, or one of somebody else's
    RIGHT = "right"  #: the writer may not
    APPROVAL = "approval"  #: only a person may
    SIZE = "size"
    SCHEMA = "schema"
    MODEL = "model"  #: no model of the space reads it: a read went on, or an addition is refused
    OPERATION = "operation"  #: the operation does not fit what is there
    FUTURE = "future"  #: it names a version that does not exist yet
    FIXED = "fixed"  #: the class says that it never changes
    FOREIGN = "foreign"  #: something else than the keeper has written under its key
    HELD = "held"  #: a legal hold is on its subject
    FORGOTTEN = "forgotten"  #: it was sealed before its subject was forgotten
    ECHO = "echo"  #: it says only what memory had just told its writer
    SECRET = "secret"  # noqa: S105 - a word, no password
    PERSONAL = "personal"  #: personal data where none may be
    UNTRUSTED = "untrusted"
    QUOTA = "quota"


@dataclass(frozen=True, slots=True)
class Asked:
    """One command with what its envelope says."""

    command: Command
    partition: int
    offset: int
    task_id: str
    tenant: str
    message_id: str = ""  #: the invocation that asks
    deadline_ms: int | None = None  #: of its task
    label: str | None = None  #: where what it says comes from, as the engine knows

    @property
    def by_person(self) -> bool:
        """Say whether a person asks, not an agent."""
        return self.command.by.startswith(PERSON)


@dataclass(frozen=True, slots=True)
class Present:
    """What is known of a key."""

    version: int = 0  #: of the newest version, of a removal too; 0: never heard of
    record: StoredRecord | None = None  #: None when nothing is there
    digest: str | None = None  #: sha256 of the newest version's body
    bytes: int = 0  #: of the record that is there
    is_foreign: bool = False  #: what is there cannot be read, or is there no more: nobody knows it


NOTHING: Final = Present()


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there, as the one who asks sees it."""

    present: Present
    record: StoredRecord | None  #: None also for one that has expired, or that it may not see
    version: int  #: 0 when it sees none


@dataclass(frozen=True, slots=True)
class Usage:
    """What one tenant keeps in one space, in this partition."""

    records: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Alike:
    """Another record of the same space and tenant that says the same, or nearly."""

    key: str
    version: int
    exactly: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the decision may look at beside the present record."""

    now_ms: int
    usage: Usage
    partitions: int  #: among which a space's quota is divided
    is_held: bool  #: whether a legal hold is on the key's subject
    alike: "Callable[[object, str], Alike | None]"  #: looks for the same of a type
    personal: frozenset[str] = frozenset()  #: names of the spaces whose records are about people
    is_forgotten: bool = False  #: whether the value is sealed with a key that is destroyed


@dataclass(frozen=True, slots=True)
class Stored:
    """A version is to be written; a removal becomes a tombstone."""

    record: StoredRecord
    body: bytes


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing is to be written: it is there already."""

    key: str
    version: int


@dataclass(frozen=True, slots=True)
class Conflicting:
    """The present version is not the one that was expected."""

    version: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """It is not carried out; said in words that a person or a model can act on."""

    reason: Reason
    state: State
    detail: str
    remedy: str


Decision = Stored | Unchanged | Conflicting | Refusal
