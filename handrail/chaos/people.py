"""Plays the people of a team under chaos: they answer, settle doubts, cancel, send back.

They hear of what there is to do from the ledger, as a desk does, and act by the same client as
people's own programs. Which requests they take up follows from the seed; the others go on waiting.
What was to die is always mended and sent back, also when it dies after everything else is done.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from handrail.bus.port import Bus
from handrail.chaos.let_through import let_through
from handrail.errors import BrokerUnreachable, HandrailError, TaskUnknown
from handrail.ledger.event import Accepted, DeadLettered, Event, PersonAsked, RequestKind
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
TRIES_MAX = 30  #: of what may be left undone
BY = "chaos"

Deed = Callable[[], Awaitable[object]]


class NotTakenYetError(Exception):
    """Whoever was to carry a request out has not said so."""


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
    again_s: float = AGAIN_S
    dying: Mapping[str, int] = field(default_factory=dict[str, int])  #: task → number, of a job
    done: dict[str, int] = field(default_factory=dict[str, int])  #: deeds, by what they were
    _mended: set[str] = field(default_factory=set[str])  #: each dies once by plan, and not again
    _doing: "set[asyncio.Task[None]]" = field(default_factory=set["asyncio.Task[None]"])

    async def play(self, over_s: float, until: asyncio.Event | None = None) -> None:
        """Do what there is to do for so long; returns when what was begun then is done.

        Tasks that were to die are sent back for as long as `until` is not set.
        """
        name = f"{self.namespace}.{LEDGER}"
        count = (await self.bus.admin.topics())[name]
        tail = await self.bus.tail({TopicPartition(name, p): 0 for p in range(count)})
        ends_s = asyncio.get_running_loop().time() + over_s
        try:
            async with Client(self.project, bus=self.bus, namespace=self.namespace) as client:
                while self._is_early(ends_s) or not (until is None or until.is_set()):
                    try:
                        records = await tail.poll(timeout_s=POLL_S)
                    except BrokerUnreachable:
                        await asyncio.sleep(AGAIN_S)
                        continue
                    for record in records:
                        event = decode(record)
                        if isinstance(event, DeadLettered):
                            self._hear_of_death(client, event, until)
                        elif not isinstance(event, UnknownEvent) and self._is_early(ends_s):
                            self._hear(client, event)
                await asyncio.gather(*self._doing)
        finally:
            for task in self._doing:
                task.cancel()
            await asyncio.gather(*self._doing, return_exceptions=True)
            await tail.close()

    @staticmethod
    def _is_early(ends_s: float) -> bool:
        return asyncio.get_running_loop().time() < ends_s

    def _hear_of_death(
        self, client: Client, event: DeadLettered, until: asyncio.Event | None
    ) -> None:
        task = event.task_id
        number = self.dying.get(task)
        if number is not None and task not in self._mended:
            self._mended.add(task)
            self._do("send back", task, lambda: self._send_back(client, task, number), until)

    async def _send_back(self, client: Client, task: str, number: int) -> None:
        let_through(self.project, number)
        letters = await client.redrive(task, by=BY)
        if not all(one.taken for one in letters):
            raise NotTakenYetError

    def _hear(self, client: Client, event: Event) -> None:
        match event:
            case PersonAsked(kind=RequestKind.QUESTION, task_id=task, request=request):
                if self._drawn(request).random() < self.answers:
                    self._do("answer", request, lambda: client.answer(task, "yes", by=BY))
            case PersonAsked(kind=RequestKind.DOUBT, request=request) as doubt:
                if self._drawn(request).random() < self.settles:
                    self._do("settle", request, lambda: self._happened(doubt))
            # What is to be sent back has to end well; a canceled task may not be sent back.
            case Accepted(task_id=task) if task not in self.dying:
                if self._drawn(task).random() < self.cancels:
                    self._do("cancel", task, lambda: client.cancel(task, "chaos has no use for it"))
            case _:
                pass

    def _drawn(self, what: str) -> random.Random:
        return random.Random(f"{self.seed}/{what}")  # noqa: S311 - chance of a test, not of a secret

    async def _happened(self, doubt: PersonAsked) -> None:
        now_ms = time.time_ns() // 1_000_000
        await decide(self.bus, self.namespace, doubt, b'"by hand"', BY, now_ms)

    def _do(self, what: str, about: str, deed: Deed, until: asyncio.Event | None = None) -> None:
        """Do it; for as long as `until` is not set it is tried until it is done."""
        done = self._done(what, about, deed, until)
        doing = asyncio.create_task(done, name=f"{what} {about}")
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)

    async def _done(self, what: str, about: str, deed: Deed, until: asyncio.Event | None) -> None:
        await asyncio.sleep(self._drawn(f"{about}/when").uniform(*self.thinks_s))
        tries = 0
        # Whoever would write the row of a task may be frozen for longer than most things are tried.
        while (until is not None and not until.is_set()) or tries < TRIES_MAX:
            tries += 1
            try:
                await deed()
            except (BrokerUnreachable, TaskUnknown, NotTakenYetError):  # it has no row yet, or lane
                await asyncio.sleep(self.again_s)
            except HandrailError:
                return  # it has ended meanwhile, or waits no more: people are told so in words
            else:
                self.done[what] = self.done.get(what, 0) + 1
                return
