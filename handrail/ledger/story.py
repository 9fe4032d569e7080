"""Tells what happened to a task in one sentence for each event. Pure; no word is a guess."""

import json
from collections.abc import Mapping
from typing import Any, assert_never, cast

from handrail.contract.explain import many
from handrail.contract.for_task import ForTask
from handrail.ledger.asked import asked_in_words
from handrail.ledger.event import (
    Accepted,
    AnswerDropped,
    CancelAsked,
    DeadLettered,
    Discarded,
    Dropped,
    DropReason,
    Event,
    Finished,
    MarkerPassed,
    PartGathered,
    PartKind,
    PersonAnswered,
    PersonAsked,
    QuestionAsked,
    Redriven,
    RedriveRefused,
    Rejected,
    Rested,
    StepWasted,
    Submitted,
    Wrote,
    WroteKind,
)
from handrail.ledger.memory_event import (
    EXPIRE,
    MemoryForgotten,
    MemoryRecalled,
    MemoryRefused,
    MemoryWritten,
)
from handrail.ledger.rail_event import ActRefused, BudgetWarned, FurtherCall
from handrail.ledger.rest import rest_in_words
from handrail.ledger.undo_event import ActDone, ActUndone, OfUndo, UndoBegun, UndoFailed
from handrail.wire.priority import without_priority


def sentence(event: Event) -> str:  # one case per event
    """Say what an event reports."""
    match event:
        case Submitted():
            by = f" by {event.by}" if event.by else ""
            at = _at(event.priority)
            return f"Submitted{by} to {event.topic}{at}{_after_colon(event.text)}."
        case Accepted():
            return f"{event.agent} took it in{_at(event.priority)}."
        case Rejected():
            return f"Refused at the intake ({event.reason}): {event.sentence}"
        case Finished():
            return _finished(event)
        case PartGathered():
            return _part(event)
        case MarkerPassed():
            return f"A part that carries no message passed {event.agent} by."
        case DeadLettered():
            absorbed = " The gather counts it as missing." if event.absorbed else ""
            tried = f" after {event.attempts} attempts" if event.attempts > 1 else ""
            return f"{event.agent} gave up{tried} ({event.reason}): {event.sentence}{absorbed}"
        case Dropped():
            if event.reason is not DropReason.CANCELED:
                return f"{event.agent} dropped a repeat of what it had already taken in."
            return f"{event.agent} dropped a handoff, since the task was canceled."
        case QuestionAsked():
            return f"{event.agent} asked {_places(event.wrote)} and waits."
        case AnswerDropped():
            return f"An answer to {event.agent} was not used: {event.sentence}."
        case StepWasted() | BudgetWarned():
            return _of_money(event)
        case FurtherCall() | ActRefused():
            return _of_call(event)
        case Rested():
            return f"{rest_in_words(event)}."
        case Redriven():
            by = f" by {event.by}" if event.by else ""
            again = f" for the {_th(event.count)} time" if event.count > 1 else ""
            return f"A dead letter of {event.agent} was sent back{by}{again}."
        case Discarded():
            return f"{event.by} gave a dead letter of {event.agent} up: {event.why}"
        case RedriveRefused():
            return f"A dead letter of {event.agent} stays where it is: {event.sentence}."
        case CancelAsked():
            because = f": {event.why}" if event.why else ""
            return f"{event.by} asked to stop it{because}."
        case PersonAsked():
            return f"{event.agent} waits for a person ({event.kind}): {asked_in_words(event)}"
        case PersonAnswered():
            return _decided(event)
        case MemoryWritten() | MemoryForgotten() | MemoryRefused() | MemoryRecalled():
            return _of_memory(event)
        case ActDone() | UndoBegun() | ActUndone() | UndoFailed():
            return _of_undo(event)
        case _:
            assert_never(event)


def _of_money(event: StepWasted | BudgetWarned) -> str:
    match event:
        case StepWasted():
            return (
                f"{event.agent} may have paid for {event.text} in vain: the answer to attempt"
                f" {event.attempt} was not recorded."
            )
        case BudgetWarned():
            left, limit = _amount(event.left_micros), _amount(event.limit_micros)
            return (
                f"{event.agent} has used or set aside most of its budget:"
                f" {left} of {limit} is left."
            )


def _of_call(event: FurtherCall | ActRefused) -> str:
    if isinstance(event, FurtherCall):
        nth = f"{event.count} of {event.calls}"
        return f"{event.by} has approved {event.call} before, for the task: {nth} further calls."
    said = [f"{event.agent} called {event.tool} in step {event.step}: {event.state}."]
    if event.request is None:  # else who and why is what the event of the request says
        said += [f"{text.rstrip('.')}." for text in dict.fromkeys((event.title, event.detail))]
    said.append(event.remedy)
    if event.retry_after_s is not None:
        said.append(f"It may be asked again after {event.retry_after_s:g} s.")
    if event.owner:
        said.append(f"The tool's owner is {event.owner}.")
    if event.request is None:
        said.append(f"The log has it under {event.trace}.")
    return " ".join(said)


def _of_undo(event: OfUndo) -> str:
    match event:
        case ActDone(certain=False):
            return f"{event.agent} called {event.tool}, which has an undo: {event.cannot}."
        case ActDone():
            return f"{event.agent} did what can be taken back by {event.undo}: {event.text}."
        case UndoBegun():
            return f"Task {event.undo_task} began to take act {event.act} back."
        case ActUndone():
            how = "says that it was taken back by hand" if event.by_hand else "had it taken back"
            return f"{event.by} {how} (task {event.undo_task}): act {event.act}."
        case UndoFailed():
            return f"Act {event.act} was not taken back: {event.sentence}"


def _decided(event: PersonAnswered) -> str:
    try:
        said: object = json.loads(event.decision)
    except ValueError:
        # In words: why nobody has.
        return f"{event.by} decided: {event.decision.rstrip('. ')}."
    if not isinstance(said, dict) or "approve" not in said or "digest" not in said:
        return f"{event.by} decided: {event.decision}."
    decision = cast("dict[str, Any]", said)
    reason = str(decision.get("reason") or "").rstrip(". ")
    reason = f": {reason}" if reason else ""
    if not decision["approve"]:
        return f"{event.by} denied it{reason}."
    changed = ", ".join(f"{name}={value}" for name, value in _changed(decision).items())
    given = ForTask.of(decision.get("for_task"))
    further = "" if given is None else f", and {given.in_words()}"
    return f"{event.by} approved it{f' (with {changed})' if changed else ''}{further}{reason}."


def _changed(decision: Mapping[str, Any]) -> Mapping[str, Any]:
    arguments = decision.get("arguments")
    return cast("Mapping[str, Any]", arguments) if isinstance(arguments, dict) else {}


def _amount(micros: int) -> str:
    whole, rest = divmod(micros, 1_000_000)
    places = f"{rest:06}"
    return f"{whole}.{places[:2]}{places[2:].rstrip('0')}"


def _at(priority: str | None) -> str:
    return "" if priority is None else f" with {priority} priority"


def agent_of(event: Event) -> str | None:
    """Name the agent that an event is about; None for an event of the task as a whole."""
    agent: str | None = getattr(event, "agent", None)
    return agent or None


def _finished(event: Finished) -> str:
    took = seconds(event.time_ms - event.started_ms)
    waited = "" if event.waited_ms is None else f" after {seconds(event.waited_ms)} of waiting"
    lost = f", {many(event.missing, 'part')} missing" if event.missing else ""
    if not event.wrote:
        return f"{event.agent} finished in {took}{waited}{lost} and handed nothing on."
    if all(one.kind is WroteKind.ANSWER for one in event.wrote):
        asker = without_priority(event.wrote[0].topic.removesuffix(".answers"))
        return f"{event.agent} finished in {took}{waited}{lost} and answered {asker}."
    what = "handed" if len(event.wrote) == 1 else f"handed {len(event.wrote)} parts"
    return (
        f"{event.agent} finished in {took}{waited}{lost} and {what} on to {_places(event.wrote)}."
    )


def _of_memory(
    event: MemoryWritten | MemoryForgotten | MemoryRefused | MemoryRecalled,
) -> str:
    match event:
        case MemoryWritten():
            return _remembered(event)
        case MemoryRecalled():
            return _recalled(event)
        case MemoryForgotten():
            return (
                f"{event.by} had a person forgotten: {many(event.records, 'record')} in"
                f" {many(event.versions, 'version')}, {event.elsewhere} more made from them;"
                f" {event.left} left" + (f" ({event.reason})." if event.reason else ".")
            )
        case MemoryRefused():
            return (
                f"{event.by} was not allowed to {event.op} memory {event.space}/{_own(event.key)}"
                f" ({event.reason}): {event.sentence}"
            )


def _recalled(event: MemoryRecalled) -> str:
    entries = [one for slot in event.manifest.slots for one in slot.entries]
    if not entries:
        return f"{event.agent} looked for what is remembered, and nothing is."
    left = sum(bool(one.dropped) for one in entries)
    out = f"; {left} left out" if left else ""
    given, tokens = many(len(entries) - left, "record"), event.manifest.tokens
    return (
        f"{event.agent} was given {given} of memory, {tokens} of {event.manifest.budget} tokens,"
        f" in step {event.step}{out}."
    )


def _remembered(event: MemoryWritten) -> str:
    what = f"memory {event.space}/{_own(event.key)}"
    if event.unchanged:
        where = f" as {_own(event.same_as)}" if event.same_as not in (None, event.key) else ""
        return f"{event.by} found {what} there already{where}, at version {event.version}."
    why = f" ({event.reason})" if event.reason else ""
    if event.op in {"hold", "release"}:
        held = "put a hold on" if event.op == "hold" else "ended the hold on"
        return f"{event.by} {held} a person{why}."
    if event.op == EXPIRE:
        return f"The time of {what} was over; it is removed, as version {event.version}."
    if event.removed:
        return f"{event.by} removed {what}, as version {event.version}{why}."
    back = "" if event.rollback_of is None else f", which takes back version {event.rollback_of}"
    hidden = " into quarantine" if event.quarantined else ""
    like = f"; {_own(event.same_as)} says nearly the same" if event.same_as else ""
    return f"{event.by} wrote version {event.version} of {what}{hidden}{back}{like}{why}."


def _own(full_key: str | None) -> str:
    return (full_key or "").split("/", 2)[-1]


def _part(event: PartGathered) -> str:
    number = f"part {event.part + 1} of {event.parts}"
    match event.what:
        case PartKind.MESSAGE:
            return f"{event.agent} has {number}."
        case PartKind.EMPTY:
            return f"{event.agent} has {number}, which is empty."
        case PartKind.LOST:
            return f"{event.agent} counts {number} as lost: {event.sentence}"
        case PartKind.NONE:
            return f"{event.agent} was told that there are no parts."
        case _:
            assert_never(event.what)


def _places(wrote: tuple[Wrote, ...]) -> str:
    return " and ".join(dict.fromkeys(one.topic for one in wrote))


def _th(count: int) -> str:
    return {2: "second", 3: "third"}.get(count, f"{count}th")


def _after_colon(text: str) -> str:
    return f": {text}" if text else ""


def seconds(ms: int) -> str:
    """Give a duration in words that fit its size."""
    if ms < 1_000:  # noqa: PLR2004
        return f"{max(0, ms)} ms"
    if ms < 120_000:  # noqa: PLR2004
        return f"{ms / 1_000:.1f} s"
    return f"{ms / 60_000:.0f} min"
