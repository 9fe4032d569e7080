"""What can be wrong with a memory space, with writing to it and with reading from it."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class SpaceInvalid(HandrailError):
    """Memory space {space} cannot be declared like this: {detail}

    Why: what is kept, for how long and who may change it is decided once, in a file of memory/,
    and what it says has to make sense before anything is written.
    Do: {cure}
    """

    code: ClassVar[str] = "HR-MEM-001"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SpaceUnknown(HandrailError):
    """This team has no memory space {space}; nothing is written without a declared one.

    Why: {detail}
    Do: handrail memory policy    the spaces that are declared, and what they keep
    declare it in memory/, as in Memory("{space}", carries=..., keeps=MemoryClass.FACT)
    """

    code: ClassVar[str] = "HR-MEM-002"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SpacesUndeclared(SpaceUnknown):
    """This team has no memory: it declares no space.

    Why: the folder memory/ has no file that declares one, and nothing is written without.
    Do: declare one in memory/, as in notes = Memory("notes", carries=str, keeps=MemoryClass.FACT)
    handrail memory policy    then says what it keeps
    """

    code: ClassVar[str] = "HR-MEM-010"


class NotCompacted(HandrailError):
    """Topic {topic} holds memory and is not compacted: old records would be lost. It says {policy}.

    Why: a compacted topic keeps the newest record of each key for ever; any other deletes by age.
    Do: handrail topics apply    sets what the team needs
    handrail topics plan -o sh    the same as commands for whoever owns the cluster
    """

    code: ClassVar[str] = "HR-MEM-003"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class Conflict(HandrailError):
    """Memory {space}/{key} is at version {found} and was to be changed from {expected}.

    Why: somebody else has written it meanwhile; a write that does not know the present version
    would undo theirs.
    Do: read it again, decide again, and put it with the version that was read
    """

    code: ClassVar[str] = "HR-MEM-004"
    exit_code: ClassVar[int] = 5
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class StaleView(HandrailError):
    """The local view of memory is behind: partition {partition} is at {at} and {wanted} is needed.

    Why: what an agent before this one has written has not arrived here within {within}; an answer
    without it would be an old one.
    Do: handrail status    whether the keeper runs, and what it waits for
    handrail runbook HR-MEM-005    how to wait for longer
    """

    code: ClassVar[str] = "HR-MEM-005"
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class NeedsMerge(HandrailError):
    """Memory {space}/{key} was changed by others {count} times while it was being updated.

    Why: an update reads, computes and writes; each time, somebody else was faster.
    Do: use .add, .increment, .append or .merge, which cannot conflict
    handrail memory history {space} {key}    who writes it so often
    """

    code: ClassVar[str] = "HR-MEM-006"
    exit_code: ClassVar[int] = 5
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class MemoryKeyInvalid(HandrailError):
    """This is no key of memory space {space}: {detail}

    Why: keys stand in topics in the clear and outlive what was stored under them.
    Do: {cure}
    """

    code: ClassVar[str] = "HR-MEM-007"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class MemoryRecordInvalid(HandrailError):
    """A record of memory cannot be read: {detail}

    Why: it was written by something else than the keeper, or by a later version of Handrail.
    Do: handrail tail {topic}    what stands there
    handrail runbook HR-MEM-008    how to find it, and how to go on
    """

    code: ClassVar[str] = "HR-MEM-008"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TooManyPartitions(HandrailError):
    """Topic {topic} has {count} partitions, and memory works with at most {most}.

    Why: every message says of each partition how far its reader has to have read; more would not
    fit into the headers of one.
    Do: handrail topics plan    how the topics of memory should be
    handrail runbook HR-MEM-009    how to have them made anew
    """

    code: ClassVar[str] = "HR-MEM-009"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class CommandsCut(HandrailError):
    """Commands of memory on {where} were deleted before the keeper had read them.

    Why: it had read up to offset {read}, and the first command that is still there is {first}.
    What they asked for was never written, and no answer says so; so nothing more is written.
    Do: handrail runbook HR-MEM-011    what is lost, how to go on deliberately, and how to avoid it
    """

    code: ClassVar[str] = "HR-MEM-011"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class MemoryShrunk(HandrailError):
    """The topic {where} of memory is shorter than what the keeper has read of it.

    Why: it had read up to offset {read}, but the topic ends at {end}: it was deleted and made
    anew, or an older copy of the broker's data was put in its place.
    Do: handrail runbook HR-MEM-012    how to go on, and what of memory is still there
    """

    code: ClassVar[str] = "HR-MEM-012"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class RecordUnreadable(HandrailError):
    """Memory {space}/{key}@{version} cannot be read as {known}: {detail}

    Why: it was written as {type}. What the space carries has changed since, and a value is never
    read as another model than its own.
    Do: let the space carry the older model too: Memory("{space}", carries=(Older, Newer), ...)
    handrail memory put {space} {key} JSON    or remove, in place of put, takes it away
    handrail runbook HR-MEM-013    what each of them means, and what else reads go on without
    """

    code: ClassVar[str] = "HR-MEM-013"
    exit_code: ClassVar[int] = 4
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL

    version: int  #: of the record, for a `put` that takes its place


class NothingRemembered(HandrailError):
    """Memory holds nothing under {what}.

    Why: {detail}
    Do: handrail memory list    the spaces, and how many records each of them holds
    handrail memory policy    which spaces there are, and what each of them keeps
    """

    code: ClassVar[str] = "HR-MEM-020"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class WriteRefused(HandrailError):
    """Memory {space}/{key} stays as it is: {sentence}

    Why: the keeper of memory holds everybody to what the space says of itself ({reason}).
    Do: {cure}
    handrail memory policy {space}    what the space allows
    """

    code: ClassVar[str] = "HR-MEM-021"
    exit_code: ClassVar[int] = 4
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class KeeperSilent(HandrailError):
    """The keeper of memory has not said within {within} what became of {count} commands.

    Why: they are written and will be carried out, but nobody takes them now.
    Do: handrail status    whether the keeper runs
    handrail run keeper    runs one here, in the foreground
    """

    code: ClassVar[str] = "HR-MEM-022"
    exit_code: ClassVar[int] = 6
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class PromptNotRebuilt(HandrailError):
    """The text of this manifest cannot be made again: {detail}

    Why: a text is made again from the very versions that were in it; what has expired from the
    history or was forgotten is gone, and that is meant to be so.
    Do: handrail memory history SPACE KEY    which versions are still kept
    """

    code: ClassVar[str] = "HR-MEM-030"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
