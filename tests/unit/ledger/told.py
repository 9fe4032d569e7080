"""Tells the ledger's events of one task in few words, for tests that read like a story."""

from typing import Any

from handrail.ledger.event import (
    Accepted,
    CancelAsked,
    DeadLettered,
    Dropped,
    DropReason,
    Event,
    Finished,
    MarkerPassed,
    PartGathered,
    PartKind,
    PersonAnswered,
    PersonAsked,
    Redriven,
    Rejected,
    RequestKind,
    Rested,
    RestWhy,
    Submitted,
    Wrote,
    WroteKind,
)
from handrail.ledger.event_record import encode
from handrail.ledger.task_state import TaskFacts, fold
from handrail.wire.record import Record

TASK = "11111111-1111-5111-8111-111111111111"


class Story:
    """Makes events of one task, each a second after the one before."""

    def __init__(self, task_id: str = TASK, tenant: str = "default", start_ms: int = 0) -> None:
        self.task_id, self.tenant, self.now_ms = task_id, tenant, start_ms

    def _happened(self) -> dict[str, Any]:
        self.now_ms += 1000
        return {"task_id": self.task_id, "tenant": self.tenant, "time_ms": self.now_ms}

    def _lane(self, agent: str, topic: str) -> dict[str, Any]:
        at = {"agent": agent, "agent_version": "1", "process": f"{agent}-1"}
        return self._happened() | at | {"topic": topic, "partition": 0, "offset": self.now_ms}

    def submitted(self, ce_id: str = "s1", **more: Any) -> Submitted:
        return Submitted(**self._happened(), ce_id=ce_id, topic="intake", **more)

    def accepted(self, ce_id: str = "s1", **more: Any) -> Accepted:
        return Accepted(**self._lane("planner", "intake"), ce_id=ce_id, **more)

    def rejected(self, ce_id: str = "s1", **more: Any) -> Rejected:
        words = {"reason": "schema", "sentence": "It is not JSON."} | more
        return Rejected(**self._lane("planner", "intake"), ce_id=ce_id, **words)

    def finished(
        self, invocation: str = "s1", *wrote: str, agent: str = "planner", **more: Any
    ) -> Finished:
        """`wrote` are texts `id@topic` or `id@topic/kind`."""
        at = self._lane(agent, more.pop("topic", "intake"))
        told = tuple(_wrote(text) for text in wrote)
        more.setdefault("started_ms", self.now_ms - 400)
        return Finished(**at, invocation=invocation, wrote=told, **more)

    def dead(self, invocation: str = "s1", *wrote: str, **more: Any) -> DeadLettered:
        words = {"reason": "attempts", "sentence": "It raised."} | more
        at = self._lane(words.pop("agent", "planner"), words.pop("topic", "intake"))
        return DeadLettered(
            **at, invocation=invocation, wrote=tuple(_wrote(w) for w in wrote), **words
        )

    def part(self, ce_id: str, part: int, parts: int, **more: Any) -> PartGathered:
        words = {"what": PartKind.MESSAGE, "first": part == 0, "gather": "g1", "fan_out": "f1"}
        at = self._lane("writer", "findings")
        return PartGathered(**at, ce_id=ce_id, part=part, parts=parts, **(words | more))

    def passed(self, ce_id: str, *wrote: str, topic: str = "questions") -> MarkerPassed:
        at = self._lane("researcher", topic)
        return MarkerPassed(**at, ce_id=ce_id, wrote=tuple(_wrote(w) for w in wrote))

    def dropped(self, ce_id: str, reason: DropReason, *, intake: bool) -> Dropped:
        at = self._lane("planner", "intake")
        return Dropped(**at, ce_id=ce_id, reason=reason, intake=intake)

    def redriven(self, invocation: str, **more: Any) -> Redriven:
        return Redriven(**self._lane("planner", "intake"), invocation=invocation, **more)

    def rested(self, invocation: str = "s1", **more: Any) -> Rested:
        words = {"why": RestWhy.RETRY, "failed_count": 1, "until_ms": 9_000, "sentence": "No."}
        return Rested(**self._lane("planner", "intake"), invocation=invocation, **(words | more))

    def cancel(self, by: str = "ada") -> CancelAsked:
        return CancelAsked(**self._happened(), by=by, why="no longer needed")

    def asks(self, request: str, kind: RequestKind) -> PersonAsked:
        words = {"text": "Refund 150?", "invocation": "s1", "agent": "clerk"}
        return PersonAsked(**self._happened(), request=request, kind=kind, **words)

    def answered(self, request: str) -> PersonAnswered:
        return PersonAnswered(**self._happened(), request=request, by="ada", decision="yes")


def _wrote(text: str) -> Wrote:
    identity, _, place = text.partition("@")
    topic, _, kind = place.partition("/")
    return Wrote(identity, topic, WroteKind(kind or "handoff"))


def folded(*events: Event) -> TaskFacts:
    """Fold a story from its beginning."""
    facts: TaskFacts | None = None
    for event in events:
        facts = fold(facts, event)
    assert facts is not None
    return facts


def as_record(event: Event, offset: int, partition: int = 0, topic: str = "ns.ledger") -> Record:
    """Give an event as it is read from the ledger."""
    out = encode(event, topic)
    return Record(topic, partition, offset, event.time_ms, out.key, out.value, out.headers)
