"""Tells the ledger of acts that were begun with an undo, and whose handler may never go on.

What an undo would take of an act's arguments stands in the act's intent. Guarantee: where the task
of such an act is canceled before anybody knew what came of it, the ledger tells of it as one of
which nobody knows whether it happened; where a person has said that it happened, and with which
result, it is told for certain in the transaction of that word. A handler that goes on says it
again, under the same name.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import orjson

from handrail.contract.failure import State
from handrail.contract.undo import kept_of
from handrail.lane.invocation import Invocation
from handrail.lane.journal import Entry
from handrail.lane.steps import StepRecord
from handrail.ledger.undo_event import ActDone
from handrail.wire.envelope import Envelope
from handrail.wire.label import NOTHING_READ, label_of

UNDO: Final = "undo"  #: of an intent: what the ledger is told of the act by others than its handler
KEPT_BYTES_MAX: Final = 64 * 1024  #: of what an undo takes, as JSON, beside the act's outcome
INTENT_BYTES_MAX: Final = 16 * 1024  #: of that which stands in the intent
SAID_CHARS_MAX: Final = 300  #: of what is known of a failed act
_KNOWN: Final = {
    State.OUTPUT_INVALID: "it has acted, and what it gave back is not what it promises",
    State.PARTIAL: "only a part of it happened",
    State.UNDO_FAILED: "it happened and could not be undone",
}


def left_to_a_person(state: State, said: str) -> str:
    """Say why an act that may have happened is not taken back by its undo."""
    known = _KNOWN.get(state, "nobody knows whether it happened")
    said = " ".join(said.split())[:SAID_CHARS_MAX].rstrip(". ")
    return f"{known} ({said}); look at the other side, and take back there what has happened"


def too_large(undo: str, size_bytes: int, allowed: str = f"{KEPT_BYTES_MAX} bytes") -> str:
    """Say why an act cannot be taken back of which too much would have to be kept."""
    return f"what {undo} takes of it is {size_bytes} bytes, more than {allowed}"


def not_kept(undo: str, why: TypeError) -> str:
    """Say why an act cannot be taken back of which no record keeps what would be needed."""
    return f"what {undo} takes of it cannot be recorded as it is ({why})"


def undo_fact(done: ActDone, within_s: float | None, gives: str | None) -> dict[str, object]:
    """Give what an intent says of an act that has not begun: as `done`, with its arguments."""
    arguments, cannot = done.arguments, done.cannot
    if (size_bytes := len(arguments.encode())) > INTENT_BYTES_MAX:
        arguments = "{}"
        cannot = too_large(done.undo, size_bytes, f"the {INTENT_BYTES_MAX} of an intent")
    return {
        UNDO: {
            "act": done.act,
            "agent": done.agent,
            "tool": done.tool,
            "text": done.text,
            "undo": done.undo,
            "arguments": arguments,
            "takes": None if done.takes is None else [*done.takes],
            "within_s": within_s,
            "label": done.label,
            "gives": gives,
            "cannot": cannot,
        }
    }


def perhaps_done(
    records: Iterable[StepRecord], envelope: Envelope, now_ms: int, why: str
) -> list[ActDone]:
    """Tell of the acts that were begun and of which nobody knows what came of them."""
    found: list[ActDone] = []
    for record in records:
        intent = record.intent
        if intent is None or record.outcome is not None or "void" in intent.facts:
            continue
        cannot = left_to_a_person(State.OUTCOME_UNKNOWN, why)
        of_task = envelope.task_id, envelope.tenant
        event = _event(intent, of_task, now_ms, {"cannot": cannot, "certain": False})
        found += [] if event is None else [event]
    return found


def surely_done(
    intent: Entry, invocation: Invocation, now_ms: int, result: bytes
) -> ActDone | None:
    """Tell of an act of which a person says that it happened; None for one without an undo."""
    fact = _fact(intent)
    if fact is None:
        return None
    arguments: dict[str, Any] = orjson.loads(fact["arguments"])
    given, got = kept_of(fact["takes"], arguments, json.loads(result))
    kept, cannot = dict[str, str](), str(fact["cannot"])
    try:
        kept = {"arguments": orjson.dumps(given).decode(), "result": orjson.dumps(got).decode()}
    except TypeError as error:
        cannot = cannot or not_kept(fact["undo"], error)
    size_bytes = sum(len(one.encode()) for one in kept.values())
    if not cannot and size_bytes > KEPT_BYTES_MAX:
        cannot = too_large(fact["undo"], size_bytes)
    if cannot:
        kept, got = {}, None
    gives = NOTHING_READ if got is None or fact["gives"] is None else label_of(fact["gives"])
    label = str(label_of(fact["label"]).join(gives))
    of_task = invocation.task_id, invocation.tenant
    return _event(intent, of_task, now_ms, {**kept, "cannot": cannot, "label": label})


def _event(
    intent: Entry, of_task: tuple[str, str], now_ms: int, more: Mapping[str, Any]
) -> ActDone | None:
    fact = _fact(intent)
    if fact is None:
        return None
    within_s, takes = fact["within_s"], fact["takes"]
    said: dict[str, Any] = {"arguments": "{}", "result": "null", **more}
    return ActDone(
        task_id=of_task[0],
        tenant=of_task[1],
        time_ms=now_ms,
        act=fact["act"],
        agent=fact["agent"],
        tool=fact["tool"],
        text=fact["text"],
        undo=fact["undo"],
        until_ms=None if within_s is None else now_ms + int(within_s * 1000),
        takes=None if takes is None else tuple(takes),
        **said,
    )


def _fact(intent: Entry) -> Mapping[str, Any] | None:
    found = intent.facts.get(UNDO)
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else None
