"""What one run of a handler has read: its label, who has said what, and the plan that holds for it.

The engine joins, never the handler. Guarantees: the label only ever grows more restrictive; each
that is joined comes from the handoff or stands with a recorded outcome, so that a run that is
repeated has the same label after each step; a plan only ever grows narrower.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import orjson

from handrail.contract.failure import Refused, State
from handrail.contract.plan import OPEN, Plan
from handrail.contract.tool import Tool
from handrail.lane.journal import Entry
from handrail.rails.endorsing import Allowed, not_endorsable
from handrail.rails.vouching import HasRead
from handrail.rails.words import Words, constants_of
from handrail.wire.envelope import Envelope
from handrail.wire.label import NOTHING_READ, OF_OUTSIDE, Confidentiality, Label, label_of
from handrail.wire.limits import MEMORY_READ_BYTES_MAX

FACT: Final = "label"  #: under which an outcome in the journal says where it comes from
WORDS_BYTES_MAX: Final = 384  #: of what trusted people have said, as it goes on with a handoff

#: What the variables of this process hold: a handler whose module has read one does not say it.
GIVEN: Final = frozenset(os.environ.values())


class RunLabels:
    """The label, the words and the plan of one run."""

    def __init__(self, envelope: Envelope) -> None:
        """Begin with those of the handoff; one that nobody has labelled nobody vouches for."""
        self.label = label_of(envelope.label)
        self.plan, words = _read(envelope.plan)
        self.words = Words()
        self.words.hear(envelope.tenant)
        if self.label.is_trusted:
            # Whoever submits names these. A run that is no longer trusted has heard them from its
            # plan, if whoever submitted was.
            for named in (envelope.task_id, envelope.reference, envelope.asked_by):
                self.words.hear(named)
        for text in words:
            self.words.hear(text)

    @property
    def has_read(self) -> HasRead:
        """What the gateway has to know."""
        return HasRead(self.label, self.words, self.plan)

    def begin(self, message: object, handler: Callable[..., Any]) -> None:
        """Take in what a handler is called with, and what its own code says."""
        self._hear(message, self.label)
        self.words.hear(constants_of(handler, GIVEN))

    def begun(self, gives: Label | None) -> Label:
        """Give the label of what a step gives that begins now: whatever was read may be in it."""
        return self.label.join(gives or NOTHING_READ)

    def read(self, label: Label | None) -> None:
        """Join the label of what the run has just been given; None for nothing new."""
        if label is not None:
            self.label = self.label.join(label)

    def replay(self, outcome: Entry, gives: Label | None) -> None:
        """Join that of a recorded outcome; `gives` is what its step declares now.

        The record counts, whatever the contract says by now. What another process or a person has
        recorded has no label of its own.
        """
        recorded = outcome.facts.get(FACT)
        self.read(gives if recorded is None else label_of(str(recorded)))

    def given(self, result: object, outcome: Entry | None) -> None:
        """Take in what a step has given, if those who are trusted have said it."""
        facts: Mapping[str, object] = {} if outcome is None else outcome.facts
        if "by" in facts:
            self.words.hear(result)  # a person has said it, whatever was read before
        elif (recorded := facts.get(FACT)) is not None:
            self._hear(result, label_of(str(recorded)))

    def hear_record(self, value: object, label: Label) -> None:
        """Take in a record of memory: what is trusted there was not written by who was read."""
        self._hear(value, label)

    def fix(self, plan: Plan) -> None:
        """Narrow the plan; what is said after an untrusted read frees nothing."""
        self.plan = self.plan.narrowed(plan, late=not self.label.is_trusted)

    def endorse(self, value: object, allowed: Allowed) -> None:
        """Take in a value in which nothing is free. Raises Refused."""
        # A text is one value, not a collection of its letters.
        allowed = {name: [v] if isinstance(v, str) else v for name, v in allowed.items()}
        why = not_endorsable(value, allowed)
        if why is None and not self.label.is_trusted:
            unsaid = [name for name, listed in allowed.items() if not self.words.said([*listed])]
            why = (
                f"nobody who is trusted has said what may stand in {unsaid[0]}" if unsaid else None
            )
        if why is not None:
            raise Refused(
                State.TAINTED_INPUT,
                f"{type(value).__name__} cannot be endorsed: {why}",
                remedy="Declare its fields closed, or have a person approve the act.",
            )
        self.words.hear_endorsed(value)

    def carried_on(self, envelope: Envelope) -> Envelope:
        """Give an envelope whose children are labelled as what this run has read by now."""
        label, plan = str(self.label), self._written(envelope)
        if (label, plan) == (envelope.label, envelope.plan):
            return envelope
        return replace(envelope, label=label, plan=plan)

    # ---- inside

    def _hear(self, value: object, label: Label) -> None:
        if label.is_trusted and label.confidentiality is not Confidentiality.RESTRICTED:
            self.words.hear(value)

    def _written(self, envelope: Envelope) -> str | None:
        # A message that nobody doubts brings its own words.
        room = 0 if self.label.is_trusted else WORDS_BYTES_MAX
        if len(envelope.memory_read or "") > MEMORY_READ_BYTES_MAX // 2:
            room = 0  # the attributes of a message are bounded as a whole
        return _write(self.plan, self.words.carried(room) if room else ())


def shown_to_model(tools: Iterable[Tool[..., Any]], sources: Sequence[object]) -> Label:
    """Give the label of what a turn shows beside what its run has read: passages, and each tool."""
    label = OF_OUTSIDE if sources else NOTHING_READ
    for tool in tools:
        label = label.join(tool.words)
    return label


def label_facts(label: Label | None) -> dict[str, object]:
    """Give what an outcome says of where it comes from."""
    return {} if label is None else {FACT: str(label)}


def plans_together(texts: Iterable[str | None]) -> str | None:
    """Give the plan of what has several messages before it: what all allow, whoever has spoken."""
    plan, words = OPEN, dict[str, None]()
    for text in texts:
        found, said = _read(text)
        plan = plan.narrowed(found, late=False)
        words.update(dict.fromkeys(said))
    heard = Words()
    for word in words:
        heard.hear(word)
    return _write(plan, heard.carried(WORDS_BYTES_MAX))


def _write(plan: Plan, words: Iterable[str]) -> str | None:
    listed = [plan.encode(), *words]
    return None if listed == [""] else orjson.dumps(listed).decode()


def _read(text: str | None) -> tuple[Plan, list[str]]:
    """Read what travels; what cannot be read allows nothing, and nobody has said anything."""
    if text is None:
        return OPEN, []
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not found:
        return Plan(()), []
    plan, *words = map(str, cast("list[object]", found))
    return Plan.decode(plan), words
