"""Settles the dead letters of a task for a client: sends them back, or gives them up.

Guarantee: once a letter counts as taken, the task's row says so too. Whoever waits for the task
next waits for its new life, and is not told how the old one ended.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from handrail.bus.port import Bus
from handrail.contract.topic import Topic
from handrail.errors.cli import DeadLetterUnknown
from handrail.errors.client import LetterStays
from handrail.ledger.event import Event
from handrail.ledger.event_record import LEDGER, UnknownEvent, decode
from handrail.runtime.clock import Clock
from handrail.runtime.dead_letters import (
    Fate,
    FoundLetter,
    ask_to_settle,
    dead_records,
    fate_of,
    letter_of,
    settled_by,
)
from handrail.runtime.task_handle import Task
from handrail.runtime.worker.packing import BLOBS, write_claim
from handrail.wire.claim import needs_claim
from handrail.wire.record import TopicPartition
from handrail.wire.settling import Edited

TAKEN_WITHIN_S = 15.0
POLL_S = 0.5
EARLIER_MS = 60_000  #: clocks of two processes may differ by this much


@dataclass(frozen=True, slots=True)
class SettledLetter:
    """A dead letter that was to be settled, and what its lane made of it."""

    id: str  #: AGENT/PARTITION/OFFSET
    taken: bool  #: False: nobody has said so within 15 s; its lane will once its agent runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to become of them; with a reason they are given up."""

    by: str
    letter: str | None = None  #: only this one
    discard_why: str | None = None
    from_step: int | None = None
    edit: object = None


@dataclass(frozen=True, slots=True)
class SettlingGround:
    """Where a client works."""

    bus: Bus
    namespace: str
    clock: Clock


async def settle_letters(ground: SettlingGround, task: Task, wish: Wish) -> list[SettledLetter]:
    """Have the open dead letters of a task settled, the oldest first.

    Raises DeadLetterUnknown when none is open, and LetterStays when a lane refuses one; those after
    it are still open then.
    """
    ledger = f"{ground.namespace}.{LEDGER}"
    where = TopicPartition(ledger, await ground.bus.partition_of(ledger, task.id.encode()))
    letters = await _open_letters(ground, task, wish, where)
    edited = None if wish.edit is None else await _edited(ground, wish.edit)
    return [await _settle(ground, task, found, wish, edited, where) for found in letters]


async def _open_letters(
    ground: SettlingGround, task: Task, wish: Wish, where: TopicPartition
) -> list[FoundLetter]:
    found: list[tuple[int, FoundLetter]] = []
    async with aclosing(dead_records(ground.bus, ground.namespace)) as records:
        async for record in records:
            letter = letter_of(ground.namespace, record)
            if letter is not None and letter.task == task.id:
                found.append((record.timestamp_ms, letter.without_body()))
    found.sort(key=lambda one: (one[0], one[1].id))
    wanted = [letter for _, letter in found if wish.letter in (None, str(letter.id))]
    if not wanted:
        named = f"of task {task.id}" if wish.letter is None else f"{wish.letter} of task {task.id}"
        raise DeadLetterUnknown(wanted=named, reason="none is kept; they are for 30 days.")
    told: list[Event] = []
    start = await ground.bus.offset_at(where, found[0][0] - EARLIER_MS)
    async for _, event in _told(ground.bus, where, start, task.id):
        told.append(event)
    still_open = [letter for letter in wanted if settled_by(told, letter.id) is None]
    if not still_open:
        reason = "each was sent back or given up already."
        raise DeadLetterUnknown(wanted=f"of task {task.id} that is open", reason=reason)
    return still_open


async def _told(
    bus: Bus, where: TopicPartition, start: int, task_id: str
) -> AsyncGenerator[tuple[int, Event]]:
    """Give what the ledger says of a task as of now, each event with its offset."""
    async with aclosing(bus.fetch(where, start, await bus.end_offset(where))) as records:
        async for record in records:
            event = decode(record)
            if not isinstance(event, UnknownEvent) and event.task_id == task_id:
                yield record.offset, event


async def _edited(ground: SettlingGround, message: object) -> Edited:
    """Give the message in the place of the original one; its lane judges whether it fits."""
    topic = Topic("edited", carries=type(message))
    body, kind = topic.encode(message), topic.type_of(message)
    if not needs_claim(body):
        return Edited(type=kind, message=body)
    claim = await write_claim(ground.bus, f"{ground.namespace}.{BLOBS}", body)
    return Edited(type=kind, claim=claim)


async def _settle(
    ground: SettlingGround,
    task: Task,
    found: FoundLetter,
    wish: Wish,
    edited: Edited | None,
    where: TopicPartition,
) -> SettledLetter:
    # What the ledger said before may be another refusal of the same letter.
    start = await ground.bus.end_offset(where)
    await ask_to_settle(
        ground.bus,
        ground.namespace,
        found,
        by=wish.by,
        now_ms=ground.clock.now_ms(),
        discard_why=wish.discard_why,
        from_step=wish.from_step,
        edited=edited,
    )
    try:
        async with asyncio.timeout(TAKEN_WITHIN_S):
            await task.has_heard(await _taken(ground.bus, task, found, where, start))
    except TimeoutError:
        return SettledLetter(str(found.id), taken=False)
    return SettledLetter(str(found.id), taken=True)


async def _taken(
    bus: Bus, task: Task, found: FoundLetter, where: TopicPartition, start: int
) -> int:
    """Wait until the lane has taken it; give where the ledger says so. Raises LetterStays."""
    tail = await bus.tail({where: start})
    try:
        while True:
            for record in await tail.poll(timeout_s=POLL_S):
                event = decode(record)
                if isinstance(event, UnknownEvent) or event.task_id != task.id:
                    continue
                fate, words = fate_of([event], found.id)
                if fate is Fate.REFUSED:
                    raise LetterStays(letter=str(found.id), reason=words)
                if fate is not Fate.ASKED:
                    return record.offset
    finally:
        await tail.close()
