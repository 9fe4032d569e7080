"""Tells the ledger of an act that can be taken back, in the transaction of its outcome.

Guarantee: an act that has succeeded and whose contract names an undo stands on the ledger with
what its undo takes, before its handler goes on to the next step; whoever has recorded the outcome,
be it this run, a process that had the lane before, or a person who resolved a doubt. Where that is
too large, or the broker refuses it, the act counts all the same, and the ledger says that it
cannot be undone and why. So does an act of which only a part happened, or nobody knows whether it
did: it is left to a person, with what is known of it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar, cast

import orjson

from handrail.contract.acted import LEAVES_NO_TRACE
from handrail.contract.canonical import plain
from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.tool import Tool, ToolContext
from handrail.contract.undo import kept_of
from handrail.lane.begun import may_have_acted_before
from handrail.lane.journal import Entry
from handrail.lane.recorded_anew import MAY_HAVE_HAPPENED
from handrail.lane.steps import Asked
from handrail.ledger.event import Event
from handrail.ledger.undo_event import ActDone
from handrail.models.port import JsonObject
from handrail.runtime.worker.acts_begun import (
    KEPT_BYTES_MAX,
    left_to_a_person,
    not_kept,
    too_large,
    undo_fact,
)
from handrail.runtime.worker.ground import Act
from handrail.runtime.worker.recorded_error import decode_error
from handrail.runtime.worker.taking_back import TakingBack
from handrail.runtime.worker.waiting import RunSteps
from handrail.wire.envelope import Envelope
from handrail.wire.label import NOTHING_READ, STRICTEST
from handrail.wire.record import Outgoing

R = TypeVar("R")

NOTE = "undo.note"


async def note(
    steps: RunSteps, path: str, what: str, events: Callable[[], Sequence[Event]]
) -> None:
    """Tell the ledger once, by a step that does nothing else."""

    async def nothing() -> None:
        """Do nothing: what is beside it is what it is for."""

    saying = steps.ground.saying
    act: Act[None] = Act(
        asked=Asked(path, NOTE, what, f"{NOTE}({what})", Effect.PURE),
        declared=Effect.PURE,
        idem_key="",
        do=nothing,
        encode=lambda _: b"null",
        decode=lambda _: None,
        accept=lambda _: None,
        beside=lambda: [saying.record(event) for event in events()],
    )
    await steps.carry_out(act)


def name_of(steps: RunSteps, path: str) -> str:
    """Name an act, or a claim on one, by its step."""
    return f"{steps.invocation.id}/{steps.run_of(int(path.partition('.')[0]))}/{path}"


class Telling(Generic[R]):
    """What the ledger is told of one call of a tool; of most nothing."""

    def __init__(self, tool: Tool[Any, R], steps: RunSteps, envelope: Envelope, path: str) -> None:
        """Know the call."""
        self._tool, self._steps, self._envelope, self._path = tool, steps, envelope, path
        found = tool.takes_back
        self._taking = found if isinstance(found, TakingBack) else None
        self._name = name_of(steps, path)
        self._read: JsonObject = {}
        self._result: tuple[R] | None = None
        self._shown = ""
        self._has_told = False  #: of a failure
        self._before = STRICTEST  #: what the run had read when the act began

    def context(self, ctx: ToolContext) -> ToolContext:
        """Give what the tool knows of the call: what takes an act back has the key of that act."""
        if self._taking is None or self._steps.begun_key(self._path) is not None:
            return ctx
        return replace(ctx, idem_key=self._taking.key)

    def of(self, act: Act[R], read: JsonObject) -> Act[R]:
        """Give the act that tells of itself: a claim with its intent, the rest with its outcome."""
        self._read, self._shown = read, act.asked.shown
        self._before = self._steps.labels.label
        if self._is_silent:
            return act
        taking, steps, asked = self._taking, self._steps, act.asked
        if taking is not None:

            def claim(attempt: int) -> Sequence[Outgoing]:
                event = taking.begun(steps, asked, self._name, attempt)
                return [steps.ground.saying.record(event)]

            act = replace(taking.looking(act, self._name, steps), with_intent=claim)

        encode_own = act.encode

        def encode(result: R) -> bytes:
            self._result = (result,)
            return encode_own(result)

        def beside() -> Sequence[Outgoing]:
            return [] if self._result is None else self._records(self._result[0])

        def instead() -> Sequence[Outgoing]:
            return [] if self._result is None else self._records(self._result[0], refused=True)

        def beside_failure(outcome: Entry) -> Sequence[Outgoing]:
            found = self._perhaps(decode_error(act.asked.name, outcome.body or b"{}"))
            return [steps.ground.saying.record(event) for event in found]

        act = replace(act, licence={**act.licence, **self._begun()})
        return replace(
            act, encode=encode, beside=beside, instead=instead, beside_failure=beside_failure
        )

    async def told(self, result: R) -> R:
        """Tell of an outcome that was recorded elsewhere, and give it back."""
        if self._is_silent or self._result is not None:
            return result
        step, _, index = self._path.partition(".")
        path = f"{step}.u{index or 0}"
        await note(self._steps, path, self._tool.name, lambda: self._events(result))
        return result

    async def told_failure(self, error: Exception) -> None:
        """Tell of an error that was recorded elsewhere, if the act may have happened."""
        if self._has_told or not (events := self._perhaps(error)):
            return
        step, _, index = self._path.partition(".")
        # It follows from the failed step alone, and is forgotten with it when that is tried again.
        await note(self._steps, f"u{step}.{index or 0}", self._tool.name, lambda: events)

    def _begun(self) -> dict[str, object]:
        """Give what the intent says, for whoever ends the act when its handler does not."""
        undo, tool = self._tool.terms.undo, self._tool
        if undo is None or tool.effect in LEAVES_NO_TRACE:
            return {}
        given, _ = kept_of(tool.undo_takes, cast("JsonObject", plain(self._read)), None)
        arguments, cannot = b"{}", ""
        try:
            arguments = orjson.dumps(given)
        except TypeError as error:
            cannot = not_kept(undo, error)
        done = self._done(undo, (arguments.decode(), "null", str(self._before)), cannot=cannot)
        gives = None if tool.gives is None else str(tool.gives)
        return undo_fact(done, tool.terms.undo_within_s, gives)

    def _perhaps(self, error: Exception) -> list[Event]:
        """Give what is told of a failed act; nothing where it is certain that nothing happened."""
        undo, tool = self._tool.terms.undo, self._tool
        if undo is None or tool.effect in LEAVES_NO_TRACE:
            return []
        record = self._steps.known(self._path)
        if record is None or record.intent is None:
            return []  # it was never begun
        state = error.state if isinstance(error, Refused) else State.OUTCOME_UNKNOWN
        earlier = may_have_acted_before(record)
        if state is State.UNDONE or (state not in MAY_HAVE_HAPPENED and not earlier):
            return []
        self._has_told = True
        kind = type(error).__name__
        said = error.detail if isinstance(error, Refused) else f"{tool.name} failed with {kind}"
        return [self._done(undo, cannot=left_to_a_person(state, said), certain=False)]

    @property
    def _is_silent(self) -> bool:
        return self._tool.terms.undo is None and self._taking is None

    def _records(self, result: R, *, refused: bool = False) -> list[Outgoing]:
        saying = self._steps.ground.saying
        return [saying.record(event) for event in self._events(result, refused=refused)]

    def _events(self, result: R, *, refused: bool = False) -> list[Event]:
        events: list[Event] = []
        if self._tool.terms.undo is not None:
            events.append(self._done_with(self._tool.terms.undo, result, refused=refused))
        if self._taking is not None:
            events.append(self._taking.undone(self._steps))
        return events

    def _done_with(self, undo: str, result: R, *, refused: bool) -> ActDone:
        tool = self._tool
        # To the last digit: of a number that is cut another act would be taken back.
        whole = json.loads(tool.result_as_json(result))
        given, got = kept_of(tool.undo_takes, cast("JsonObject", plain(self._read)), whole)
        arguments, kept, cannot = b"{}", b"null", ""
        try:
            arguments, kept = orjson.dumps(given), orjson.dumps(got)
        except TypeError as error:
            cannot, got = not_kept(undo, error), None
        if (size_bytes := len(arguments) + len(kept)) > KEPT_BYTES_MAX or refused:
            allowed = "the broker takes" if refused else f"{KEPT_BYTES_MAX} bytes"
            cannot = too_large(undo, size_bytes, allowed)
            arguments, kept, got = b"{}", b"null", None
        # Of an act that gave its undo nothing, nobody but the act's own run has had a say.
        gives = NOTHING_READ if got is None else tool.gives or NOTHING_READ
        kept_as = (arguments.decode(), kept.decode(), str(self._before.join(gives)))
        return self._done(undo, kept_as, cannot=cannot)

    def _done(
        self,
        undo: str,
        kept: tuple[str, str, str | None] = ("{}", "null", None),
        *,
        cannot: str,
        certain: bool = True,
    ) -> ActDone:
        steps, tool, now_ms = self._steps, self._tool, self._steps.now_ms()
        within_s, (arguments, result, label) = tool.terms.undo_within_s, kept
        takes = None if tool.undo_takes is None else tuple(sorted(tool.undo_takes))
        return ActDone(
            task_id=self._envelope.task_id,
            tenant=self._envelope.tenant,
            time_ms=now_ms,
            act=self._name,
            agent=steps.ground.worker.agent.name,
            tool=tool.name,
            text=self._shown,
            undo=undo,
            arguments=arguments,
            result=result,
            until_ms=None if within_s is None else now_ms + int(within_s * 1000),
            cannot=cannot,
            takes=takes,
            label=label,
            certain=certain,
        )
