"""The acts that are under way in one open lane.

An act is a task of its own, so that it can outlive the handler that asked for it: when the lane is
let go, the handler ends, and the act goes on in the hands of `MovedActs`. Guarantee: what such an
act comes to is kept until its outcome was handed to a committer, or was sent to the lane's answers.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from handrail.contract.failure import Refused, State
from handrail.errors.wire import TooLarge
from handrail.lane.begun import Begun
from handrail.lane.journal import Entry
from handrail.lane.steps import Asked
from handrail.lane.trying_again import StepFailure
from handrail.runtime.worker.recorded_error import encode_error
from handrail.wire.limits import BLOB_BYTES_MAX
from handrail.wire.record import Outgoing

if TYPE_CHECKING:
    from handrail.runtime.worker.ground import Act

ACT_S_MAX = 600.0  #: how long an act without a time limit of its own is waited for elsewhere
TOLD_S_MAX = 15.0  #: more than its own time: until its outcome was sent and read


@dataclass(frozen=True, slots=True)
class ActEnd:
    """What an act came to; `body` is what is recorded."""

    body: bytes
    result: Any = None
    error: Exception | None = None
    failed: StepFailure | None = None
    fatal: SystemExit | None = None  #: nothing is recorded of it
    again: bool = False  #: another try may follow, under a licence of its own


@dataclass(slots=True, eq=False)
class Flight:
    """One licensed attempt; without a task it has not begun to act."""

    invocation: str
    asked: Asked
    attempt: int
    seconds_max: float
    began_s: float = field(default_factory=time.monotonic)
    begun_in: int | None = None  #: the epoch that its intent names
    licensed_until_s: float = 0.0  #: on the machine's own clock: it may not begin to act later
    task: "asyncio.Task[ActEnd] | None" = None
    act: "Act[Any] | None" = None  #: what it carries out, once it has begun

    @property
    def step(self) -> tuple[str, str, int]:
        """Which attempt it is."""
        return self.invocation, self.asked.path, self.attempt

    @property
    def ran_out(self) -> bool:
        """True when it was to begin too late, and has not begun."""
        task = self.task
        if task is None or not task.done() or task.cancelled():
            return False
        return isinstance(task.exception(), LicenceRanOut)

    def beside(self, outcome: Entry) -> "Sequence[Outgoing]":
        """Give what goes with its outcome."""
        if self.act is None:
            return ()
        return self.act.beside() if outcome.facts["ok"] else self.act.beside_failure(outcome)

    def left_s(self) -> float:
        """Say how long it takes at most until its outcome can be read by somebody else."""
        gone_s = time.monotonic() - self.began_s
        return max(0.0, self.seconds_max - gone_s) + TOLD_S_MAX


class Flights:
    """What is under way in one lane. It belongs to the event loop's thread."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self.letting_go = False  #: a handler that is cancelled now leaves its act alone
        self._under_way: dict[tuple[str, str], Flight] = {}
        self._waiting: dict[asyncio.Future[None], str] = {}

    def __iter__(self) -> "Iterator[Flight]":
        """Go through what is licensed and was neither recorded nor given up."""
        return iter(tuple(self._under_way.values()))

    def license(
        self,
        invocation: str,
        asked: Asked,
        attempt: int,
        timeout_s: float | None,
        begun_in: int | None = None,
    ) -> None:
        """An intent of this epoch is on its way to the journal."""
        flight = Flight(invocation, asked, attempt, timeout_s or ACT_S_MAX, begun_in=begun_in)
        self._under_way[invocation, asked.path] = flight

    def licensed(self, invocation: str, path: str, until_s: float) -> None:
        """Its intent has committed, and is good for an act that begins by then."""
        flight = self._under_way.get((invocation, path))
        if flight is not None:
            flight.licensed_until_s = until_s

    def begin(
        self, invocation: str, act: "Act[Any]", begun: Begun, tries: int
    ) -> "asyncio.Task[ActEnd]":
        """Carry out what was licensed. The task raises LicenceRanOut when it begins too late."""
        if (invocation, act.asked.path) not in self._under_way:
            self.license(invocation, act.asked, 1, act.timeout_s)
        flight = self._under_way[invocation, act.asked.path]
        flight.began_s, flight.act = time.monotonic(), act
        name = f"act {act.asked.name} of {invocation}"
        work = _carry_out_in_time(act, begun, flight.licensed_until_s, tries)
        flight.task = asyncio.create_task(work, name=name)
        return flight.task

    def land(self, invocation: str, path: str) -> None:
        """Its outcome was handed over, or nobody wants to know it: what still runs is cut off."""
        flight = self._under_way.pop((invocation, path), None)
        if flight is not None and flight.task is not None:
            flight.task.cancel()

    def take_all(self) -> list[Flight]:
        """Give away what is under way; it goes on."""
        flights = [*self._under_way.values()]
        self._under_way.clear()
        return flights

    # ---- waiting for an act that is under way elsewhere

    def tell(self) -> None:
        """Something became known about acts elsewhere: whoever waits looks again."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    def waits(self, invocation: str) -> bool:
        """Say whether a step of it is carried out elsewhere, and its outcome is waited for."""
        return invocation in self._waiting.values()

    async def told(self, invocation: str, sleep: "asyncio.Future[None]") -> None:
        """Wait until something became known, or until `sleep` is over."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[told] = invocation
        try:
            await asyncio.wait({told, sleep}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._waiting[told]
            sleep.cancel()


class LicenceRanOut(Exception):
    """An act was to begin when its licence was too old, and has not begun."""


class CutOffInPause(asyncio.CancelledError):
    """An act was cut off in the pause before another try; what came of the last one is known."""

    def __init__(self, known: ActEnd) -> None:
        """Keep what came of it."""
        super().__init__()
        self.known = known


class ApprovalEnded(Exception):
    """What an act was to go on by is worth nothing any more, and the act has not begun."""


async def _carry_out_in_time(act: "Act[Any]", begun: Begun, until_s: float, tries: int) -> ActEnd:
    # The process may have been stopped since its clock was looked at, and be nobody's owner now.
    if time.monotonic() > until_s:
        raise LicenceRanOut
    try:
        return await carry_out(act, begun, tries)
    except CutOffInPause as cut:
        return cut.known


async def carry_out_here(act: "Act[Any]", begun: Begun, tries: int) -> ActEnd:
    """Carry an act out in the task of its handler, which may be cancelled over it."""
    try:
        return await carry_out(act, begun, tries)
    except CutOffInPause:
        # Python 3.11: a timeout around it knows a plain cancellation alone.
        raise asyncio.CancelledError from None


async def cut_off(task: "asyncio.Task[ActEnd]") -> ActEnd | None:
    """Cut an act off; give what came of it if that is known all the same."""
    task.cancel()
    await asyncio.wait({task})
    return None if task.cancelled() or task.exception() is not None else task.result()


async def carry_out(act: "Act[Any]", begun: Begun, tries: int) -> ActEnd:
    """Carry an act out, for the so many-th time; whatever it raises is what came of it.

    A pause before another try belongs to it, so that what is known of this one is never lost.
    """
    name = act.asked.name
    try:
        result = await act.do()
        body = act.encode(result)
        if len(body) > BLOB_BYTES_MAX:
            raise TooLarge(what_is_large="result", size=len(body), limit=BLOB_BYTES_MAX)
        # What the handler sees is what a replay would give it.
        return ActEnd(body, act.decode(body))
    except SystemExit as error:
        return ActEnd(b"", fatal=error)
    except (LicenceRanOut, ApprovalEnded):
        raise  # the act itself has found that it begins too late
    except Exception as error:  # noqa: BLE001 - whatever the act raises is its outcome
        shown = error
        if isinstance(error, ValidationError | PydanticSerializationError):
            shown = Refused(State.OUTPUT_INVALID, f"{name}: its result cannot be recorded")
        shown = act.in_words(shown)
        failed = StepFailure.of(shown, begun.effect, earlier=begun.earlier)
        ended = ActEnd(encode_error(shown), error=shown, failed=failed)
        try:
            again = isinstance(error, Refused) and await act.again(error, tries)
        except asyncio.CancelledError:
            raise CutOffInPause(ended) from None
        return replace(ended, again=again)
