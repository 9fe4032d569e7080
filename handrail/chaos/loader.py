"""Hands tasks in over a stretch of time, through every outage, and keeps what was acknowledged.

Each task is a plain JSON record with a reference as its key, as any Kafka client writes one. A
send that fails is repeated under the same reference, which stands for the same task; a submission
is written down once the broker has acknowledged it, and not before.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from handrail.bus.port import Sender
from handrail.chaos.history import Submission
from handrail.chaos.lines import Lines
from handrail.errors import HandrailError
from handrail.runtime.worker.place import TENANT_DEFAULT
from handrail.wire.ids import task_id_of
from handrail.wire.priority import Priority, with_priority
from handrail.wire.record import Outgoing

AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    """One task to be handed in."""

    reference: str
    body: bytes
    kind: str = ""
    parts: int = 0
    results: int | None = None
    may_die: bool = False
    waits_for_person: bool = False
    dies: bool = False  #: once, until it is let through and sent back
    number: int = 0  #: under which it is let through
    priority: Priority = Priority.NORMAL  #: high only where the intake has a second inbox


@dataclass(slots=True)
class Loader:
    """Hands tasks in on one topic."""

    sender: Sender
    namespace: str
    intake: str
    log: Path
    submissions: list[Submission] = field(default_factory=list[Submission])

    async def hand_in(self, loads: Sequence[Load], over_s: float) -> None:
        """Hand all in, evenly over a stretch of time; returns when the last is acknowledged."""
        began = asyncio.get_running_loop().time()
        sending: set[asyncio.Task[None]] = set()
        with contextlib.closing(Lines(self.log)) as lines:
            try:
                for index, load in enumerate(loads):
                    due = began + over_s * index / max(1, len(loads))
                    await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
                    sending.add(asyncio.create_task(self._send(load, lines), name=load.reference))
                await _all(sending)
            finally:
                for task in sending:
                    task.cancel()
                await asyncio.gather(*sending, return_exceptions=True)

    async def _send(self, load: Load, lines: Lines) -> None:
        inbox = with_priority(self.intake, load.priority)
        record = Outgoing(f"{self.namespace}.{inbox}", load.reference.encode(), load.body)
        while True:
            try:
                partition, offset = await self.sender.send(record)
                break
            except HandrailError:
                await asyncio.sleep(AGAIN_S)
        submission = Submission(
            time_ms=time.time_ns() // 1_000_000,
            task=task_id_of(TENANT_DEFAULT, load.reference),
            topic=inbox,
            partition=partition,
            offset=offset,
            reference=load.reference,
            kind=load.kind,
            parts=load.parts,
            results=load.results,
            may_die=load.may_die,
            waits_for_person=load.waits_for_person,
            dies=load.dies,
        )
        lines.add(submission)
        self.submissions.append(submission)


async def _all(sending: Iterable[asyncio.Task[None]]) -> None:
    for task in [*sending]:
        await task
