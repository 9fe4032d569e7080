"""Finds dead letters, asks their lanes to settle them, and sees what became of that.

Nothing is decided here: a lane takes each letter once, and says in the ledger what it did.
"""

import hashlib
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from handrail.bus.port import Bus
from handrail.errors.cli import DeadLetterUnknown
from handrail.errors.wire import WireError
from handrail.ledger.event import (
    DeadLettered,
    Discarded,
    Dropped,
    DropReason,
    Event,
    Finished,
    PartGathered,
    PersonAnswered,
    PersonAsked,
    Redriven,
    RedriveRefused,
    Rejected,
    RequestKind,
)
from handrail.wire.dead_letter import DeadLetter
from handrail.wire.priority import priority_in, with_priority, without_priority
from handrail.wire.record import Record, TopicPartition
from handrail.wire.settling import Edited, Settle

TENANT = "ce_tenant"
GROUP_CHARS = 8


@dataclass(frozen=True, slots=True, order=True)
class DeadId:
    """Where a dead letter lies, and its name for people: AGENT/PARTITION/OFFSET.

    What died with high priority lies with those lanes of its agent, and is called AGENT.high/….
    """

    agent: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """Give it as people write it."""
        return f"{self.agent}/{self.partition}/{self.offset}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `str` gave. Raises DeadLetterUnknown."""
        agent, _, place = text.partition("/")
        partition, _, offset = place.partition("/")
        if not (agent and partition.isdecimal() and offset.isdecimal()):
            reason = "an id is written AGENT/PARTITION/OFFSET."
            raise DeadLetterUnknown(wanted=text, reason=reason)
        return cls(agent, int(partition), int(offset))


@dataclass(frozen=True, slots=True)
class FoundLetter:
    """A dead letter and where it lies."""

    id: DeadId
    letter: DeadLetter

    @property
    def task(self) -> str:
        """Its task."""
        return self.letter.task or ""

    @property
    def tenant(self) -> str:
        """On whose behalf its task runs."""
        named = [value.decode(errors="replace") for n, value in self.letter.headers if n == TENANT]
        return next(iter(named), "default")

    @property
    def group(self) -> str:
        """Name the letters that died alike: of one agent, for one reason, at one step."""
        failure = self.letter.failure
        alike = (self.id.agent, failure.reason, failure.exception_type or "", failure.step or "")
        return hashlib.sha256("\0".join(alike).encode()).hexdigest()[:GROUP_CHARS]

    def without_body(self) -> Self:
        """Give what there is to know of it, without the bytes that it carries."""
        failure = replace(self.letter.failure, stack=None)
        return replace(self, letter=replace(self.letter, failure=failure, body=None, key=None))


class Fate(StrEnum):
    """What became of a dead letter that was to be settled."""

    ASKED = "asked"  #: its lane has not taken the request yet
    REFUSED = "refused"
    DISCARDED = "discarded"
    WORKING = "working"  #: it was sent back and has not ended
    WAITING = "waiting"  #: it was sent back and waits for a person
    ENDED = "ended"  #: it was sent back and has ended well
    DIED = "died"  #: it was sent back and has died again


async def find_letter(bus: Bus, namespace: str, wanted: DeadId) -> FoundLetter:
    """Give one dead letter. Raises DeadLetterUnknown, with what the broker keeps there."""
    record = await find_record(bus, namespace, wanted)
    place = DeadId(agent_of(namespace, record.topic), record.partition, record.offset)
    try:
        return FoundLetter(place, DeadLetter.from_record(record))
    except WireError as odd:
        raise DeadLetterUnknown(wanted=str(wanted), reason=f"it is none: {odd}") from odd


async def find_record(bus: Bus, namespace: str, wanted: DeadId) -> Record:
    """Give the record of a dead letter. Raises DeadLetterUnknown.

    What is wanted may also be the place where it lay before it died, TOPIC/PARTITION/OFFSET: the
    transaction that buries it tells askers and gathers that one, since it cannot know the other.
    """
    name = f"{namespace}.{wanted.agent}.dead"
    counts = await bus.admin.topics()
    if name not in counts and wanted.agent in counts:
        return await _of_original(bus, namespace, wanted)
    if name not in counts:
        raise DeadLetterUnknown(wanted=str(wanted), reason=f"there is no topic {name}.")
    if wanted.partition >= counts[name]:
        raise DeadLetterUnknown(wanted=str(wanted), reason=f"{name} has no such partition.")
    first, end = (await bus.admin.offsets(name))[wanted.partition]
    if not first <= wanted.offset < end:
        kept = f"offsets {first} to {end - 1}" if first < end else "none"
        reason = f"of that partition the broker keeps {kept}."
        raise DeadLetterUnknown(wanted=str(wanted), reason=reason)
    where = TopicPartition(name, wanted.partition)
    async with aclosing(bus.fetch(where, wanted.offset, wanted.offset + 1)) as found:
        async for record in found:
            return record
    raise DeadLetterUnknown(wanted=str(wanted), reason="that offset holds no record.")


async def _of_original(bus: Bus, namespace: str, wanted: DeadId) -> Record:
    """Give what lay at a place of an inbox when it died, the last time if it died again."""
    last: Record | None = None
    async with aclosing(dead_records(bus, namespace)) as records:
        async for record in records:
            letter = letter_of(namespace, record)
            if letter is not None and letter.letter.where == str(wanted):
                last = record
    if last is None:
        reason = f"nothing that died lay at that place of {wanted.agent}."
        raise DeadLetterUnknown(wanted=str(wanted), reason=reason)
    return last


async def dead_records(
    bus: Bus, namespace: str, agent: str | None = None
) -> AsyncGenerator[Record]:
    """Give every record on the topics of dead letters, of one agent or of all."""
    own = f"{namespace}."
    for name in sorted(await bus.admin.topics()):
        of = agent_of(namespace, name)
        named = (None, of, without_priority(of))
        if not (name.startswith(own) and name.endswith(".dead")) or agent not in named:
            continue
        for partition, (first, end) in sorted((await bus.admin.offsets(name)).items()):
            if first == end:
                continue
            async with aclosing(bus.fetch(TopicPartition(name, partition), first, end)) as found:
                async for record in found:
                    yield record


def agent_of(namespace: str, topic: str) -> str:
    """Name the lanes whose dead letters lie on a topic: the agent, or its high priority."""
    return topic.removeprefix(f"{namespace}.").removesuffix(".dead")


def letter_of(namespace: str, record: Record) -> FoundLetter | None:
    """Read a dead letter; None for a record that is none."""
    place = DeadId(agent_of(namespace, record.topic), record.partition, record.offset)
    try:
        return FoundLetter(place, DeadLetter.from_record(record))
    except WireError:
        return None


async def all_letters(
    bus: Bus, namespace: str, agent: str | None = None, *, whole: bool = True
) -> list[FoundLetter]:
    """Give every dead letter that is kept, the oldest first; with their bytes if `whole`."""
    found: list[tuple[int, FoundLetter]] = []
    async with aclosing(dead_records(bus, namespace, agent)) as records:
        async for record in records:
            letter = letter_of(namespace, record)
            if letter is not None:
                found.append((record.timestamp_ms, letter if whole else letter.without_body()))
    found.sort(key=lambda one: (one[0], one[1].id))
    return [letter for _, letter in found]


async def ask_to_settle(
    bus: Bus,
    namespace: str,
    found: FoundLetter,
    *,
    by: str,
    now_ms: int,
    discard_why: str | None = None,
    from_step: int | None = None,
    edited: Edited | None = None,
) -> None:
    """Ask the lane of a dead letter to send it back, or, with a reason, to give it up.

    Returns once the request is on the broker; the ledger says what the lane made of it.
    """
    asked = Settle(
        dead=found.id.offset,
        by=by,
        task=found.task,
        tenant=found.tenant,
        discard=discard_why is not None,
        why=discard_why or "",
        from_step=from_step,
        edited=edited,
    )
    topic = f"{namespace}.{found.id.agent}.answers"
    await bus.sender().send(asked.outgoing(topic, found.id.partition, now_ms))


def is_about(event: Redriven | Discarded | RedriveRefused, letter: DeadId) -> bool:
    """Say whether an event tells of this dead letter."""
    lanes = with_priority(event.agent, priority_in(event.topic))
    return (lanes, event.partition, event.dead) == (
        letter.agent,
        letter.partition,
        letter.offset,
    )


def settled_by(events: Iterable[Event], letter: DeadId) -> Redriven | Discarded | None:
    """Give the event that settled a dead letter; None while it is open."""
    settling = (event for event in events if isinstance(event, Redriven | Discarded))
    return next((event for event in settling if is_about(event, letter)), None)


def refusals_of(events: Iterable[Event], letter: DeadId) -> int:
    """Count how often a lane has refused to settle a dead letter."""
    return sum(isinstance(event, RedriveRefused) and is_about(event, letter) for event in events)


def fate_of(
    events: Iterable[Event], letter: DeadId, *, refused_before: int = 0
) -> tuple[Fate, str]:
    """Say what became of a dead letter by the events of its task, and why where that is known.

    Of what waits for a person the words are what for. Refusals are counted beyond `refused_before`,
    those of earlier requests.
    """
    fate, words, sent_back, refused_count = Fate.ASKED, "", None, 0
    requests: dict[str, RequestKind] = {}  # that are open, of the handoff that was sent back
    for event in events:
        match event:
            case Redriven() if is_about(event, letter):
                fate, words, sent_back = Fate.WORKING, "", event.invocation
            case Discarded() if is_about(event, letter):
                fate, words = Fate.DISCARDED, event.why
            case RedriveRefused() if is_about(event, letter):
                refused_count += 1
                if fate is Fate.ASKED and refused_count > refused_before:
                    fate, words = Fate.REFUSED, event.sentence
            case DeadLettered(invocation=of, sentence=why) if of == sent_back:
                fate, words = Fate.DIED, why
            case Rejected(ce_id=of, sentence=why) if of == sent_back:
                fate, words = Fate.DIED, why
            case Finished(invocation=of) if of == sent_back:
                fate, words = Fate.ENDED, ""
            case Dropped(reason=DropReason.REPEAT):
                continue
            case Dropped(ce_id=of) | PartGathered(ce_id=of) if of == sent_back:
                fate, words = Fate.ENDED, ""
            case PersonAsked(invocation=of, request=request, kind=kind) if of == sent_back:
                requests[request] = kind
                fate, words = Fate.WAITING, str(kind)
            case PersonAnswered(request=request) if request in requests and sent_back:
                del requests[request]
                waits = next(iter(requests.values()), None)
                fate, words = (Fate.WORKING, "") if waits is None else (Fate.WAITING, str(waits))
            case _:
                continue
        if fate in (Fate.ENDED, Fate.DIED):
            sent_back = None
    return fate, words
