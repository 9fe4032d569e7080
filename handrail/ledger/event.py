"""What the ledger can say: a closed set of events, each about one task, and their bytes.

Each event is written in the transaction of what it reports, under the task's id as its key: all
about a task lies in one partition, causes before effects. Times are milliseconds since 1970 (UTC).

The open records of a task are counted from these events alone: `wrote` opens one for each record
that an agent will read, and an event that says so closes its own.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, get_args

from handrail.ledger.happened import Acted, AtLane, Happened
from handrail.ledger.memory_event import (
    MANY_KEYS,
    MemoryForgotten,
    MemoryRecalled,
    MemoryRefused,
    MemoryWritten,
)
from handrail.ledger.rail_event import ActRefused, BudgetWarned, FurtherCall, OfRails
from handrail.ledger.undo_event import OfUndo, UndoEvent, name_of
from handrail.wire.priority import priority_in, with_priority

TEXT_CHARS_MAX = 200  #: of a summary of what was asked
SENTENCE_CHARS_MAX = 500  #: of the words that say why something ended badly


class WroteKind(StrEnum):
    """What a record is to its reader; the first three are open until an agent ends them."""

    HANDOFF = "handoff"  #: to an inbox
    MARKER = "marker"  #: to an inbox: a part that carries no message
    QUESTION = "question"  #: to an inbox, by a step that waits for the reply
    ANSWER = "answer"  #: to the answers of the agent that asked
    OUTPUT = "output"  #: to a topic that no agent of the team reads
    RESULT = "result"  #: to `results`


OPEN_KINDS = frozenset({WroteKind.HANDOFF, WroteKind.MARKER, WroteKind.QUESTION})  #: yet to end


@dataclass(frozen=True, slots=True)
class Wrote:
    """One record that was written in the same transaction as the event that names it."""

    id: str  #: its `ce_id`, which is the invocation id of whoever reads it
    topic: str  #: without the namespace
    kind: WroteKind = WroteKind.HANDOFF


class PartKind(StrEnum):
    """How a part of a fan-out ended."""

    MESSAGE = "message"
    EMPTY = "empty"
    LOST = "lost"
    NONE = "none"  #: the one record that says that the fan-out has no parts


class RequestKind(StrEnum):
    """What a person is asked for: approvals give `auth_required`, others `input_required`."""

    APPROVAL = "approval"
    DOUBT = "doubt"
    QUESTION = "question"
    BUDGET = "budget"


class RestWhy(StrEnum):
    """Why an invocation rests before its handler goes on."""

    RETRY = "retry"  #: a try has failed
    PROVIDER = "provider"  #: the provider of its model is away, or wants fewer calls
    VERSION = "version"  #: another version of the agent has begun it
    PAUSED = "paused"  #: a person has paused or drained the agent, or its tenant


class DropReason(StrEnum):
    """Why a record was ended without its handler, which is no failure of its own."""

    COPY = "copy"  #: a repeat of a submission
    CANCELED = "canceled"  #: its task was canceled
    REPEAT = "repeat"  #: what it names is being carried out: it ends nothing but its own record


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(Happened):
    """Somebody asked for work. Written by the submitter, before or after the record itself."""

    ce_id: str  #: of the record on the intake
    topic: str  #: the intake, without the namespace
    reference: str | None = None
    deadline_ms: int | None = None
    text: str = ""  #: at most 200 characters, made by `summary`
    by: str = ""
    priority: str | None = None  #: what was asked for; None is normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(AtLane):
    """The intake's lane took a submission, before its handler starts. May be written again.

    Opens one record for each `ce_id`, however often it is said; a new one opens the task anew.
    """

    ce_id: str
    reference: str | None = None
    deadline_ms: int | None = None
    text: str = ""
    priority: str | None = None  #: None is normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(AtLane):
    """The intake's lane refused a submission before any handler saw it; it is a dead letter.

    Closes nothing unless this `ce_id` had been accepted, in which case the task has failed, as a
    handler may have begun; with `unread` none can have, and the task was refused after all.
    """

    ce_id: str
    reason: str  #: the word of `dlq.reason`
    sentence: str
    reference: str | None = None
    text: str = ""
    unread: bool = False  #: accepted unread, because its body was stored elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(AtLane):
    """An invocation ended well. Closes its record (or its gather) and opens what it wrote."""

    invocation: str
    run: int = 0
    started_ms: int
    waited_ms: int | None = None  #: from the record's timestamp to the start of its handler
    wrote: tuple[Wrote, ...] = ()
    opened_fan_out: str | None = None  #: what it wrote are the parts of this fan-out
    gathered: str | None = None  #: it was made of the parts of this fan-out
    missing: int = 0  #: of a gathered one: parts that brought no message
    model_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int | None = None  #: millionths of the price list's currency; None: unknown
    acted: tuple[Acted, ...] = ()  #: what it has done to the world; of very much the first


@dataclass(frozen=True, slots=True, kw_only=True)
class PartGathered(AtLane):
    """A part reached its gather. Closes its record; the first part opens the gather itself."""

    ce_id: str
    fan_out: str
    part: int
    parts: int
    what: PartKind
    first: bool
    gather: str  #: invocation id under which the gathering agent will run
    sentence: str = ""  #: why it is lost


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerPassed(AtLane):
    """A marker went through an agent without running it. Closes its record, opens the next."""

    ce_id: str
    wrote: tuple[Wrote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettered(AtLane):
    """A handoff will not be tried again. Closes its record (or its gather).

    The task has failed unless somebody absorbed the loss: a gather that is told so by a marker in
    `wrote`, or an asker who gets a failed answer. Reason `late_part` never fails a task.
    """

    invocation: str
    run: int = 0
    reason: str
    sentence: str
    absorbed: bool = False
    attempts: int = 1
    error: str = ""  #: type of the exception or code of the error
    started_ms: int | None = None  #: None: its handler was never started
    waited_ms: int | None = None
    wrote: tuple[Wrote, ...] = ()
    gathered: str | None = None
    redrive: int = 0  #: how often it had been sent back before
    acted: tuple[Acted, ...] = ()  #: what it has done to the world; of very much the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped(AtLane):
    """A record was ended without its handler. Closes it if it was open."""

    ce_id: str
    reason: DropReason
    intake: bool  #: it is a submission, which is open only once it was accepted
    wrote: tuple[Wrote, ...] = ()
    acted: tuple[Acted, ...] = ()  #: what it had done to the world by then


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAsked(AtLane):
    """A step asked another agent and waits. Opens the question, closes nothing."""

    invocation: str
    step: str
    wrote: tuple[Wrote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDropped(AtLane):
    """An answer that no step waits for any longer, or that cannot be read. It opens nothing."""

    answer: str  #: its `ce_id`; of one that cannot be read where it lies, TOPIC/PARTITION/OFFSET
    question: str  #: the `ce_id` of the question that it names; empty where it cannot be read
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWasted(AtLane):
    """A step that costs money was begun, and the outcome of that attempt was lost.

    Its process ended after it was begun and before the outcome was recorded: it is carried out
    again, or its handoff died or its task was canceled meanwhile. Opens and closes nothing.
    """

    invocation: str
    step: str  #: its path
    attempt: int  #: the one whose outcome is lost
    text: str  #: the call, shortened
    cost_micros: int | None = None  #: of the lost attempt; None: unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Rested(AtLane):
    """An invocation rests and goes on by itself. Opens and closes nothing."""

    invocation: str
    run: int = 0
    why: RestWhy
    failed_count: int  #: tries that have failed so far
    until_ms: int  #: when it goes on, at the latest at its task's deadline
    sentence: str
    error: str = ""  #: type of the exception or code of the error


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven(AtLane):
    """A dead letter was taken back into its lane. Opens its record again.

    One that was `resubmitted` opens nothing: it lies on the inbox anew and is yet to be accepted.
    """

    invocation: str
    by: str = ""
    absorbed: bool = False  #: as its `DeadLettered` said
    dead: int = -1  #: offset of the dead letter, on the same partition number
    run: int = 0
    count: int = 1  #: how often it was sent back, this time included
    resubmitted: bool = False
    deadline_ms: int | None = None  #: of its handoff from now on


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded(AtLane):
    """A person gave a dead letter up for good. Opens and closes nothing."""

    invocation: str
    by: str
    why: str
    dead: int  #: offset of the dead letter


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveRefused(AtLane):
    """A dead letter was to be sent back or given up, and stays as it is."""

    by: str
    sentence: str
    dead: int  #: offset of the dead letter
    answer: int  #: offset of the request among the agent's answers


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsked(Happened):
    """A person asked that the task stop. Counts only while the task has not ended."""

    by: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAsked(Happened):
    """A request to a person was opened."""

    request: str
    kind: RequestKind
    text: str
    invocation: str
    agent: str
    expires_ms: int | None = None
    act: str | None = None  #: of a doubt: the tool or function that was begun
    reply_to: str | None = None  #: topic/partition that decisions go to, without the namespace
    decides: str | None = None  #: who may decide; None: anyone
    call: str | None = None  #: of an approval: the act with its arguments, in words
    because: str | None = None  #: of an approval: why this act is asked, where rules ask for it
    free: tuple[str, ...] | None = None  #: in which further calls may differ; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAnswered(Happened):
    """A request to a person was closed: by a decision, by its expiry or with its task."""

    request: str
    by: str
    decision: str


Event = (
    Submitted
    | Accepted
    | Rejected
    | Finished
    | PartGathered
    | MarkerPassed
    | DeadLettered
    | Dropped
    | QuestionAsked
    | AnswerDropped
    | StepWasted
    | OfRails
    | Rested
    | Redriven
    | Discarded
    | RedriveRefused
    | CancelAsked
    | PersonAsked
    | PersonAnswered
    | MemoryWritten
    | MemoryRefused
    | MemoryForgotten
    | MemoryRecalled
    | OfUndo
)


def summary(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """Give a text on one line, cut to a length; a cut one ends in an ellipsis."""
    line = " ".join(text[: 4 * chars_max].split())
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"


def event_id(event: Event) -> str:
    """Name an event after what it reports, so that the same one said twice has one name."""
    match event:
        case Finished(invocation=of, run=run):  # first, since it is by far the most frequent
            what = f"{of}/{run}"
        case Dropped(ce_id=of, reason=DropReason.REPEAT):
            what = f"{of}/{event.partition}/{event.offset}"
        case Submitted(ce_id=of) | Accepted(ce_id=of) | Rejected(ce_id=of) | Dropped(ce_id=of):
            what = of
        case PartGathered(ce_id=of) | MarkerPassed(ce_id=of) | AnswerDropped(answer=of):
            what = of
        case DeadLettered(invocation=of, run=run, attempts=attempts, redrive=redrive):
            what = f"{of}/{run}/{attempts}" + (f"/{redrive}" if redrive else "")
        case QuestionAsked(invocation=of, step=step) | FurtherCall(invocation=of, step=step):
            what = f"{of}/{step}"
        case StepWasted(invocation=of, step=step, attempt=attempt):
            what = f"{of}/{step}/{attempt}"
        case ActRefused(request=str(of)):  # asked anew when it is sent back, it has another one
            what = of
        case ActRefused(invocation=of, run=run, step=step, attempt=attempt):
            what = f"{of}/{run}/{step}/{attempt}"
        case Rested(invocation=of) | Redriven(invocation=of) | CancelAsked(task_id=of):
            what = f"{of}/{event.time_ms}"
        case PersonAsked(request=of) | PersonAnswered(request=of) | BudgetWarned(invocation=of):
            what = of
        case Discarded(dead=at, topic=inbox) | RedriveRefused(answer=at, topic=inbox):
            lanes = with_priority(event.agent, priority_in(inbox))
            what = f"{lanes}/{event.partition}/{at}"
        case MemoryWritten(offset=at, partition=partition, op=op, key=key):
            what = f"{partition}/{at}" + (f"/{op}/{key}" if op in MANY_KEYS else "")
        case MemoryRefused(place=what) | MemoryForgotten(place=what):
            pass
        case MemoryRecalled(invocation=of, run=run, step=step):
            what = f"{of}/{run}/{step}"
        case UndoEvent():
            what = name_of(event)
    return f"{_WORDS[type(event)]}/{what}"


_WORDS: Final = {cls: cls.__name__.lower() for cls in get_args(Event)}
