"""What the ledger says of memory: each write and refusal, by the keeper, and what models saw."""

from dataclasses import dataclass
from typing import Final

from handrail.contract.recall import Manifest
from handrail.ledger.happened import Happened

#: What the keeper does by itself when the time of a record is over; asked for by no command.
EXPIRE: Final = "expire"
#: Operations of memory of which one act may concern several keys.
MANY_KEYS: Final = frozenset({EXPIRE, "forget"})
#: In place of a partition, of what a worker has refused before any command was sent.
BEFORE_SENDING: Final = -1
MEMORY_TASK: Final = "memory"  #: under which is told what memory did in nobody's task


@dataclass(frozen=True, slots=True, kw_only=True)
class OfMemory(Happened):
    """What the keeper of memory says of each command. Opens and closes nothing.

    Its task is the one in whose name the command came; one without a task, such as a person's, is
    told under the task `memory`, which nobody has submitted and which has no state.
    """

    space: str
    key: str  #: as it stands in topics, so without personal data
    op: str  #: a word of the command, or `expire`
    by: str  #: agent, `person:NAME` or `keeper`
    message_id: str = ""  #: the invocation that asked for it
    partition: int
    offset: int  #: of the command on that partition of `memory.commands`; `expire`: the one before

    @property
    def place(self) -> str:
        """Say which command it is about."""
        return f"{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRecalled(Happened):
    """Records of memory were put before a model. Opens and closes nothing.

    Written in the transaction of the outcome of its step.
    """

    agent: str
    invocation: str
    run: int = 0
    step: str
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryWritten(OfMemory):
    """A version of a record was written, or was there already."""

    version: int
    removed: bool = False
    quarantined: bool = False
    same_as: str | None = None  #: the key that holds the same, or nearly
    unchanged: bool = False  #: the very same was there already, and nothing was written
    rollback_of: int | None = None
    reason: str = ""  #: why a person wanted it, as they said; at most 500 characters


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryForgotten(OfMemory):
    """The receipt of a forgetting: the key of a subject is destroyed and their records are gone.

    `key` is the digest of the subject; `offset` that of one of the commands.
    """

    records: int  #: about the subject
    versions: int  #: of these records, all unreadable now
    elsewhere: int  #: records that were made from them and were removed or marked
    left: int  #: records that were made from them and could not be
    key_destroyed: bool  #: False: it had been destroyed before
    reason: str = ""  #: as whoever wanted it has said


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRefused(OfMemory):
    """A command was not carried out, or a worker has refused a use of memory before it sent any.

    The latter stands in the transaction that ends its invocation; its partition is
    `BEFORE_SENDING`, and its offset counts what that run was refused.
    """

    reason: str  #: a word by which refusals are counted, or `conflict`
    state: str  #: one of the 23
    sentence: str
    remedy: str = ""  #: what to do instead
    run: int = 0  #: of the invocation, and how often it was redriven, where a worker has refused
    redrive: int = 0

    @property
    def place(self) -> str:
        """Say which command it is about, or the place in what a run was refused."""
        if self.partition != BEFORE_SENDING:
            return f"{self.partition}/{self.offset}"
        return f"{self.message_id}/{self.run}/{self.redrive}/{self.offset}"
