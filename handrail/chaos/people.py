"""Plays the people of a team under chaos: they answer some questions, settle some doubts, cancel.

They hear of what there is to do from the ledger, as a desk does, and act by the same client as
people's own programs. Which requests they take up follows from the seed; the others go on waiting.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from handrail.bus.port import Bus
from handrail.errors import BrokerUnreachable, HandrailError, TaskUnknown
from handrail.ledger.event import Accepted, Event, PersonAsked, RequestKind
from handrail.ledger.event_record import LEDGER, UnknownEvent, decode
from handrail.runtime.client import Client
from handrail.runtime.doubts import decide
from handrail.wire.record import TopicPartition

ANSWER_SHARE = 0.5  #: of the questions are answered
SETTLE_SHARE = 0.5  #: of the doubts are settled: it happened
CANCEL_SHARE = 0.02  #: of the tasks are canceled
THINKS_S = (0.2, 5.0)  #: from hearing of something until doing it
POLL_S = 0.5
AGAIN_S = 1.0
TRIES_MAX = 30
BY = "chaos"

Deed = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class People:
    """Those who are asked, and those who have changed their mind."""

    bus: Bus
    namespace: str
    project: Path
    seed: int
    answers: float = ANSWER_SHARE
    settles: float = SETTLE_SHARE
    cancels: float = CANCEL_SHARE
    thinks_s: tuple[float, float] = THINKS_S
    done: dict[str, int] = field(default_factory=dict[str, int])  #: deeds, by what they were
    _doing: "set[asyncio.Task[None]]" = field(default_factory=set["asyncio.Task[None]"])

    async def play(self, over_s: float) -> None:
        """Do what there is to do for so long; returns when what was begun then is done."""
        name = f"{self.namespace}.{LEDGER}"
        count = (await self.bus.admin.topics())[name]
        tail = await self.bus.tail({TopicPartition(name, p): 0 for p in range(count)})
        ends_s = asyncio.get_running_loop().time() + over_s
        try:
            async with Client(self.project, bus=self.bus, namespace=self.namespace) as client:
                while asyncio.get_running_loop().time() < ends_s:
                    try:
                        records = await tail.poll(timeout_s=POLL_S)
                    except BrokerUnreachable:
                        await asyncio.sleep(AGAIN_S)
                        continue
                    for record in records:
                        event = decode(record)
                        if not isinstance(event, UnknownEvent):
                            self._hear(client, event)
                await asyncio.gather(*self._doing)
        finally:
            for task in self._doing:
                task.cancel()
            await asyncio.gather(*self._doing, return_exceptions=True)
            await tail.close()

    def _hear(self, client: Client, event: Event) -> None:
        match event:
            case PersonAsked(kind=RequestKind.QUESTION, task_id=task, request=request):
                if self._drawn(request).random() < self.answers:
                    self._do("answer", request, lambda: client.answer(task, "yes", by=BY))
            case PersonAsked(kind=RequestKind.DOUBT, request=request) as doubt:
                if self._drawn(request).random() < self.settles:
                    self._do("settle", request, lambda: self._happened(doubt))
            case Accepted(task_id=task):
                if self._drawn(task).random() < self.cancels:
                    self._do("cancel", task, lambda: client.cancel(task, "chaos has no use for it"))
            case _:
                pass

    def _drawn(self, what: str) -> random.Random:
        return random.Random(f"{self.seed}/{what}")  # noqa: S311 - chance of a test, not of a secret

    async def _happened(self, doubt: PersonAsked) -> None:
        now_ms = time.time_ns() // 1_000_000
        await decide(self.bus, self.namespace, doubt, b'"by hand"', BY, now_ms)

    def _do(self, what: str, about: str, deed: Deed) -> None:
        doing = asyncio.create_task(self._done(what, about, deed), name=f"{what} {about}")
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)

    async def _done(self, what: str, about: str, deed: Deed) -> None:
        await asyncio.sleep(self._drawn(f"{about}/when").uniform(*self.thinks_s))
        for _ in range(TRIES_MAX):
            try:
                await deed()
            except (BrokerUnreachable, TaskUnknown):  # a task has no row yet
                await asyncio.sleep(AGAIN_S)
            except HandrailError:
                return  # it has ended meanwhile, or waits no more: people are told so in words
            else:
                self.done[what] = self.done.get(what, 0) + 1
                return
