"""From what a handler returned to the messages that leave: where, for whom, under which key.

Pure: the same invocation and the same return value give the same messages with the same ids,
whoever computes them and however often.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count as count_from
from typing import Any, cast

from handrail.contract.agent import Agent
from handrail.contract.topic import Topic, results
from handrail.errors.lane import FanOutRefused
from handrail.ledger.event import Wrote, WroteKind
from handrail.rails.budget import share
from handrail.runtime.worker.place import TeamPlace
from handrail.wire.envelope import Envelope, FanOutHeader
from handrail.wire.ids import fan_out_id, handoff_id
from handrail.wire.marker import MARKER_TYPE, Marker, MarkerKind
from handrail.wire.priority import without_priority

RETURN_PATH = "return"
MARKER_INDEX = -1  #: place of the marker that an invocation leaves when it returns nothing


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose return value it is, and what its messages inherit."""

    invocation: str
    envelope: Envelope  #: for a gather: what the parts have in common
    written_ms: int
    run: int = 0


@dataclass(frozen=True, slots=True)
class Outbound:
    """One message on its way out; its body may still have to become a claim."""

    topic: str  #: without namespace
    envelope: Envelope
    key: bytes
    body: bytes
    kind: WroteKind
    partition: int | None = None  #: of an answer; otherwise the key decides

    @property
    def wrote(self) -> Wrote:
        """How the ledger names it."""
        return Wrote(self.envelope.id, self.topic, self.kind)


@dataclass(frozen=True, slots=True)
class Outputs:
    """All that an invocation leaves behind when it ends well."""

    messages: Sequence[Outbound]
    fan_out: str | None = None


def outputs_of(
    agent: Agent[..., Any], place: TeamPlace, origin: Origin, returned: object, parts_max: int
) -> Outputs:
    """Say what leaves.

    Raises NotSendable or FanOutRefused when the handler returned what its topics or its place in
    the team do not allow.
    """
    many = isinstance(returned, list | tuple)
    items = _items(returned)
    routed = [agent.topic_for(item) for item in items]
    if many:
        _check_width(agent, place, origin, len(routed), parts_max)
    fan_out = fan_out_id(origin.invocation, origin.run) if many else None
    slots = _slots(place, [topic.name for topic, _ in routed], fan_out)
    messages = [
        _message(agent, place, origin, topic, message, slot)
        for slot, (topic, message) in zip(slots, routed, strict=True)
    ]
    no_parts = all(slot.part is None for slot in slots)
    if many and no_parts and place.gather_of is not None and fan_out is not None:
        header = FanOutHeader(_gather_of(place, origin), fan_out, 0, 0)
        envelope = replace(origin.envelope, fan_outs=(*origin.envelope.fan_outs, header))
        messages.append(marker(agent, place, replace(origin, envelope=envelope), NO_PARTS))
    elif origin.envelope.fan_outs and not any(m.envelope.fan_outs for m in messages):
        messages.append(marker(agent, place, origin, EMPTY))
    return Outputs(_with_shares(messages, origin.envelope.budget), fan_out)


EMPTY = Marker(kind=MarkerKind.EMPTY)
NO_PARTS = Marker(kind=MarkerKind.NO_PARTS)


def marker(agent: Agent[..., Any], place: TeamPlace, origin: Origin, what: Marker) -> Outbound:
    """The record that ends a part of a fan-out without a message, straight to its gather."""
    header = origin.envelope.fan_outs[-1]
    envelope = _child(agent, place, origin, MARKER_INDEX, MARKER_TYPE, origin.envelope.fan_outs)
    return Outbound(
        header.gather, envelope, header.fan_out.encode(), what.encode(), WroteKind.MARKER
    )


def _items(returned: object) -> list[object]:
    if isinstance(returned, list | tuple):
        return [*cast("Sequence[object]", returned)]
    return [] if returned is None else [returned]


@dataclass(frozen=True, slots=True)
class _Slot:
    """A message's place in what was returned, and which part of the fan-out it is, if any."""

    index: int
    fan_out: str | None
    part: int | None
    parts: int


def _slots(place: TeamPlace, topics: list[str], fan_out: str | None) -> list[_Slot]:
    """Number as parts only the messages from which the gather can be reached."""
    if fan_out is None or place.gather_of is None:
        return [_Slot(index, fan_out, None, 0) for index in range(len(topics))]
    reaching = [
        index
        for index, topic in enumerate(topics)
        if place.gather_of in place.leads_to.get(topic, frozenset())
    ]
    number = {index: part for part, index in enumerate(reaching)}
    return [_Slot(index, fan_out, number.get(index), len(reaching)) for index in range(len(topics))]


def _check_width(
    agent: Agent[..., Any], place: TeamPlace, origin: Origin, count: int, parts_max: int
) -> None:
    detail = None
    if count > parts_max:
        detail = f"at most {parts_max} messages may leave at once"
    elif count > 1 and place.gather_of is None and origin.envelope.fan_outs:
        detail = (
            "it is itself a part of a fan-out, and no agent between here and the gather on "
            f"{origin.envelope.fan_outs[-1].gather} brings these messages together"
        )
    if detail is not None:
        raise FanOutRefused(agent=agent.name, count=count, detail=detail)


def _message(
    agent: Agent[..., Any],
    place: TeamPlace,
    origin: Origin,
    topic: Topic[Any, Any],
    message: object,
    slot: _Slot,
) -> Outbound:
    inherited = _carried_on(place, topic, origin.envelope.fan_outs)
    fan_outs = inherited
    if slot.fan_out is not None and slot.part is not None and place.gather_of is not None:
        opened = FanOutHeader(_gather_of(place, origin), slot.fan_out, slot.part, slot.parts)
        fan_outs = (*origin.envelope.fan_outs, opened)
    envelope = _child(agent, place, origin, slot.index, topic.type_of(message), fan_outs)
    return Outbound(
        _inbox(place, topic.name, envelope),
        envelope,
        _key(topic, message, envelope, slot).encode(),
        topic.encode(message),
        _kind(place, topic),
    )


def _gather_of(place: TeamPlace, origin: Origin) -> str:
    """Name the very inbox on which all parts meet; they have one priority, that of the task."""
    assert place.gather_of is not None
    return place.inbox_of(place.gather_of, origin.envelope.priority)


def _inbox(place: TeamPlace, topic: str, envelope: Envelope) -> str:
    """Say where a message goes; a part to where the fan-out was to meet when it was opened."""
    innermost = envelope.fan_outs[-1] if envelope.fan_outs else None
    if innermost is not None and without_priority(innermost.gather) == topic:
        return innermost.gather
    return place.inbox_of(topic, envelope.priority)


def _carried_on(
    place: TeamPlace, topic: Topic[Any, Any], fan_outs: tuple[FanOutHeader, ...]
) -> tuple[FanOutHeader, ...]:
    """A message carries its fan-outs on only where they can still meet again."""
    reachable = place.leads_to.get(topic.name, frozenset())
    if fan_outs and without_priority(fan_outs[-1].gather) in reachable:
        return fan_outs
    return ()


def _key(topic: Topic[Any, Any], message: object, envelope: Envelope, slot: _Slot) -> str:
    if topic.name == results.name:
        return envelope.reference or envelope.task_id
    innermost = envelope.fan_outs[-1] if envelope.fan_outs else None
    if innermost is not None and without_priority(innermost.gather) == topic.name:
        return innermost.fan_out
    own = topic.key_of(message)
    if own is not None:
        return own
    if innermost is not None:
        return f"{innermost.fan_out}/{innermost.part}"
    if slot.fan_out is not None:
        return f"{slot.fan_out}/{slot.index}"
    return envelope.task_id


def _with_shares(messages: list[Outbound], budget: str | None) -> list[Outbound]:
    """Split what is left of the budget among those who get something to do, or hand it on."""
    if budget is None:
        return messages
    goes_on = [one.kind in (WroteKind.HANDOFF, WroteKind.MARKER) for one in messages]
    count, shares = sum(goes_on), count_from(0)
    return [
        replace(
            one, envelope=one.envelope.but(budget=share(budget, next(shares), count) if on else "0")
        )
        for one, on in zip(messages, goes_on, strict=True)
    ]


def _kind(place: TeamPlace, topic: Topic[Any, Any]) -> WroteKind:
    if topic.name == results.name:
        return WroteKind.RESULT
    return WroteKind.HANDOFF if topic.name in place.inboxes else WroteKind.OUTPUT


def _child(
    agent: Agent[..., Any],
    place: TeamPlace,
    origin: Origin,
    index: int,
    type_name: str,
    fan_outs: tuple[FanOutHeader, ...],
) -> Envelope:
    parent = origin.envelope
    return Envelope(
        id=handoff_id(origin.invocation, origin.run, RETURN_PATH, index),
        type=type_name,
        source=f"handrail/{place.namespace}/{agent.name}",
        time_ms=origin.written_ms,
        task_id=parent.task_id,
        tenant=parent.tenant,
        reference=parent.reference,
        causation_id=origin.invocation,
        hop=parent.hop + 1,
        deadline_ms=parent.deadline_ms,
        budget=parent.budget,
        priority=parent.priority,
        fan_outs=fan_outs,
        memory_read=parent.memory_read,
        label=parent.label,
        plan=parent.plan,
        asked_by=parent.asked_by,
        trace_parent=parent.trace_parent,
    )
