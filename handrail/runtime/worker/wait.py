"""What a step of a run waits for, and how: the words that those who wait share."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from handrail.lane.invocation import Why
from handrail.lane.journal import Entry
from handrail.ledger.event import Event
from handrail.runtime.worker.ground import Act
from handrail.wire.record import Outgoing

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Opening:
    """What begins to be waited for: facts of the intent, and what commits together with it."""

    facts: Mapping[str, object]
    records: Sequence[Outgoing] = ()
    events: Sequence[Event] = ()


@dataclass(frozen=True, slots=True)
class Closing:
    """What a step comes to whose time is over; without an error it has succeeded with nothing."""

    error: Exception | None = None
    records: Sequence[Outgoing] = ()
    events: Sequence[Event] = ()  #: of its time being over; not told where nobody waits any more


class WaitsUntil(Protocol):
    """How one kind of step waits."""

    @property
    def why(self) -> Why:
        """What its invocation rests for."""
        ...

    async def opening(self, now_ms: int, attempt: int) -> Opening:
        """Give what is written when it begins; `until_ms` among the facts bounds the waiting.

        `attempt` is the number that its intent has: more than 1 once it is asked for anew.
        """
        ...

    def closing(self, intent: Entry) -> Closing:
        """Give what becomes of it when its time is over."""
        ...

    def in_memory_until_ms(self, until_ms: int | None, now_ms: int) -> int:
        """Say until when it is worth to keep the run in memory for it."""
        ...


@dataclass(frozen=True, slots=True)
class Wait(Generic[R]):
    """A step that waits."""

    act: Act[R]
    until: WaitsUntil


@dataclass(slots=True, eq=False)
class Waiting:
    """One step that waits now."""

    why: Why
    in_memory_until_ms: int
    until_ms: int | None
    woken: "asyncio.Future[None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def wake(self) -> None:
        """Let it look again."""
        if not self.woken.done():
            self.woken.set_result(None)
