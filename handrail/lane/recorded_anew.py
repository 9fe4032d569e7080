"""What of the recorded steps of a dead invocation is played back when it is sent back. Pure.

Guarantees: a recorded success is never asked for again, unless it is one of the steps from which on
everything is to be done anew. A step that was begun and whose outcome nobody knows stays so: by its
effect it is asked for under its old key, or a person decides. A recorded error that ended the run
is forgotten, so that its step is tried again; one that the handler went on from is played back,
since what is recorded after it may have followed from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import orjson

from handrail.contract.effect import Effect
from handrail.contract.failure import State
from handrail.contract.for_task import FOR_TASK
from handrail.lane.begun import may_have_acted_before
from handrail.lane.divergence import EDITED_SINCE
from handrail.lane.journal import STEP_KINDS, Entry
from handrail.lane.steps import (
    ANEW,
    COLLECTED,
    WAITS_FOR_PERSON,
    StepLog,
    StepRecord,
    StepState,
)

#: A second time does no harm, or costs money and is worth it: nothing of an attempt is kept.
_LEAVES_NOTHING: Final = frozenset({Effect.PURE, Effect.READ, Effect.PAID})
#: Any other refusal says that the act was not carried out.
MAY_HAVE_HAPPENED: Final = frozenset(
    {
        State.OUTCOME_UNKNOWN,
        State.PARTIAL,
        State.UNDONE,
        State.UNDO_FAILED,
        State.OUTPUT_INVALID,
        State.CANCELLED,
        State.INTERNAL,
    }
)
VOID: Final = "sent back"


def recorded_anew(entries: Sequence[Entry], from_step: int | None = None) -> list[Entry]:
    """Give the records that are written anew, from those of the dead invocation in their order.

    `from_step` is the number of the handler's step from which on everything is done anew; without
    one only the steps that failed are.
    """
    log: dict[str, StepRecord] = {}
    for entry in entries:
        if entry.kind in STEP_KINDS:
            log.setdefault(entry.path, StepRecord()).put(entry)
    steps = {path: record for path, record in log.items() if _is_step(path)}
    held = {_top(path) for path, record in steps.items() if _stays_open(_without_error(record))}
    order = {path: place for place, path in enumerate(log)}
    kept: dict[str, StepRecord] = {}
    anew: list[int] = []  # the places of what is done anew
    for path, record in steps.items():
        in_range = from_step is not None and _top(path) >= from_step
        if in_range and (_top(path) not in held or record.state is StepState.FAILED):
            left = _without_error(record)
            left = left if _stays_open(left) else _charged(record)
        elif record.state is StepState.FAILED and from_step is None:
            left = record if _followed(path, log, order) else _without_error(record)
        else:
            left = _asked_anew(record) if record.state is StepState.BEGUN else record
        if left is not None:
            kept[path] = left
        if left is not record:
            anew.append(order[path])
    first_anew = min(anew, default=len(log))
    # What was noted, such as a time, belongs to the steps that follow it.
    notes = [path for path in log if not _is_step(path) and order[path] < first_anew]
    if notes and order[notes[-1]] == len(log) - 1 and log[notes[-1]].state is StepState.FAILED:
        notes.pop()  # a refusal that was noted and has ended the run: it is judged anew
    kept.update((path, log[path]) for path in notes if not _lets_write(log[path]))
    return [entry for path in log if path in kept for entry in _entries(kept[path])]


def why_not_edited(entries: Sequence[Entry], from_step: int | None) -> str | None:
    """Say why another message cannot take the place of the original one; None when it can.

    What is played back was asked for with the original one, and a handler that asks for something
    else has left its recorded way.
    """
    first = from_step or 1
    left = _asked_as_before(recorded_anew(entries, first))
    if open_ones := [entry for entry in left if _top(entry.path) >= first]:
        return (
            f"{_in_words(open_ones[0])} may have been carried out with the original message, so it"
            " is not done with another one: send it back as it was, or discard it and submit the"
            " edited message as work of its own"
        )
    if from_step is None and (played_back := _asked_as_before(recorded_anew(entries))):
        return (
            f"{_in_words(played_back[0])} is recorded, with the original message: send the edited"
            " one with --from-step N (from_step=N). The steps before N are kept, and have to ask"
            " for the same; those from N on are done anew, and what acted acts again"
        )
    return None


def with_another_message(entries: Sequence[Entry]) -> list[Entry]:
    """Give records as those of an invocation whose message is another one from now on.

    A handler that asks for something else than they hold does so for that reason first of all.
    """
    return [replace(entry, facts={**entry.facts, EDITED_SINCE: True}) for entry in entries]


def _asked_as_before(entries: Sequence[Entry]) -> list[Entry]:
    """Give of what is written anew the steps that the handler has to ask for in the same words."""
    log = StepLog()
    for entry in entries:
        log.put(entry)
    steps = [record.latest for path, record in log.records.items() if _is_step(path)]
    return [entry for entry in steps if entry is not None]


def _in_words(entry: Entry) -> str:
    return f"step {entry.path} `{entry.facts['shown']}`"


def _entries(record: StepRecord) -> list[Entry]:
    found = (record.intent, record.outcome, record.in_doubt)
    return [_for_one_call(entry) for entry in found if entry is not None]


def _for_one_call(entry: Entry) -> Entry:
    """Give an approval for the call that it was shown for: further ones are asked about anew.

    Which of them the dead run has made may stand in records that are left out.
    """
    if FOR_TASK not in entry.facts:
        return entry
    return replace(entry, facts={k: v for k, v in entry.facts.items() if k != FOR_TASK})


def _is_step(path: str) -> bool:
    return path[:1].isdigit()


def _lets_write(record: StepRecord) -> bool:
    """Whether it is the yes to a write that the dead run never came to: it is judged anew."""
    noted = record.outcome
    return noted is not None and noted.facts.get("name") == COLLECTED and bool(noted.facts["ok"])


def _is_beside(path: str) -> bool:
    # What is asked before an act, for its approval or its budget, follows from nothing of it.
    return path.partition(".")[2][:1] in ("a", "b")


def _top(path: str) -> int:
    return int(path.partition(".")[0])


def _effect(record: StepRecord) -> Effect:
    # Only what leaves no trace is recorded without an intent.
    return Effect.READ if record.intent is None else Effect(str(record.intent.facts["effect"]))


def _stays_open(record: StepRecord | None) -> bool:
    """Whether the step was begun, may have had an effect, and nobody knows its outcome."""
    if record is None or record.intent is None or record.outcome is not None:
        return False
    open_ = "void" not in record.intent.facts and "waits" not in record.intent.facts
    return open_ and _effect(record) not in _LEAVES_NOTHING


def _without_error(record: StepRecord) -> StepRecord | None:
    """Give what is left when a recorded error is forgotten; None when nothing is."""
    if record.state is not StepState.FAILED:
        return record
    intent, effect = record.intent, _effect(record)
    if intent is None or effect in _LEAVES_NOTHING or _nothing_happened(record):
        return _charged(record)
    if effect is Effect.ASK:
        return StepRecord(intent=_voided(intent))
    return StepRecord(intent=intent)


def _charged(record: StepRecord) -> StepRecord | None:
    """Give what is left of a step that is done anew: what it has cost, and whom it had asked.

    A request to a person has the number of its attempt in its name, and how it was closed is kept
    under that name: another attempt under the same one could not be answered.
    """
    intent = record.intent
    if intent is None:
        return None
    if "cost" not in intent.facts and intent.facts.get("waits") != WAITS_FOR_PERSON:
        return None
    facts: dict[str, object] = {**intent.facts, "void": ANEW}
    if record.state is StepState.FAILED and _nothing_happened(record):
        facts["free"] = True
    return StepRecord(intent=replace(intent, facts=facts))


def _asked_anew(record: StepRecord) -> StepRecord:
    """A question whose answer was not awaited any more is asked again."""
    intent = record.intent
    if intent is None or _effect(record) is not Effect.ASK or "waits" not in intent.facts:
        return record
    if intent.facts.get("void") == ANEW:
        return record  # of an update that began anew: its step need not be asked for again
    return StepRecord(intent=_voided(intent))


def _voided(intent: Entry) -> Entry:
    # The intent stays, so that the next attempt has another number than this one.
    return replace(intent, facts={**intent.facts, "void": VOID})


def _nothing_happened(record: StepRecord) -> bool:
    """Say whether the recorded error itself says that the step has left nothing behind."""
    outcome = record.outcome
    if outcome is None or may_have_acted_before(record):
        return False
    if bool(outcome.facts.get("nothing_happened")):
        return True
    try:
        error = orjson.loads(outcome.body or b"null")
        return isinstance(error, dict) and State(str(error.get("state"))) not in MAY_HAVE_HAPPENED  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # JSON
    except ValueError:
        return False


def _followed(path: str, log: Mapping[str, StepRecord], order: Mapping[str, int]) -> bool:
    """Whether something is recorded that the handler asked for after this step had failed.

    Steps that run side by side have their numbers before any of them begins.
    """
    outcome = log[path].outcome
    assert outcome is not None, "it has failed"
    asked = int(str(outcome.facts.get("asked", _top(path))))
    return any(
        _top(other) > asked or (_top(other) == _top(path) and order[other] > order[path])
        for other in log
        if _is_step(other) and other != path and not _is_beside(other)
    )
