"""The engine's side of one call: its sockets, its time, what it printed, and how it ended."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from handrail.contract.confinement import Limits
from handrail.contract.failure import RetryClass, State
from handrail.rails.egress import Egress
from handrail.rails.sandbox import egress_proxy, frames
from handrail.rails.sandbox.child import SIGNALLED
from handrail.rails.sandbox.outcome import Ending, Outcome, ended, unavailable
from handrail.rails.secrets import cleared_end, longest_form

CONFINED_S_MAX = 30.0  #: a machine that is far too busy; the body's own time begins afterwards
CONFINED_BYTES_MAX = 4_096
TOLD_S_MAX = 5.0
LOG_BYTES_MAX = 8_192
READS_AT_END_MAX = 32  #: twice what the largest pipe of an ordinary user holds
ANSWER_BYTES_BESIDE = 64 * 1024  #: what an answer holds besides its result


@dataclass(frozen=True, slots=True)
class RanAtAll:
    """The body was begun: its answer, or None when its process ended without one."""

    answer: dict[str, Any] | None
    timed_out: bool = False


class OneCall:
    """Everything that belongs to one call, from the order to the end of its last process."""

    def __init__(
        self, number: int, limits: Limits, egress: Egress, secrets: Mapping[str, str]
    ) -> None:
        """Make the sockets of the call; what it prints is cleared of these secrets."""
        self.number = number
        self.limits = limits
        self.egress = egress
        self.gone = asyncio.Event()  #: no process of this call is alive
        self._status: int | None = None
        self._cpu_s = 0.0
        self._unseen: str | None = None  # why the process that forks knows of no end
        self._ours, self._theirs = socket.socketpair()
        self._log, self._log_end = os.pipe()
        os.set_blocking(self._log, False)
        self._ours.setblocking(False)
        self._said = bytearray()
        self._secrets = secrets
        # What is cut off before it is cleared may be a part of a secret.
        self._kept_bytes_max = LOG_BYTES_MAX + longest_form(secrets)
        asyncio.get_running_loop().add_reader(self._log, self._hear)

    def for_the_child(self) -> list[int]:
        """Give the ends that the child gets."""
        return [self._theirs.fileno(), self._log_end]

    def handed_over(self) -> None:
        """Close the child's ends here, so that its end is seen."""
        self._theirs.close()
        if self._log_end >= 0:
            os.close(self._log_end)
            self._log_end = -1

    def close(self) -> None:
        """Let go of everything."""
        self.handed_over()
        self._ours.close()
        asyncio.get_running_loop().remove_reader(self._log)
        os.close(self._log)

    def ended(self, status: int | None, cpu_s: float = 0.0, why: str | None = None) -> None:
        """Learn how the process ended; None: nobody can say any more, or it was never forked."""
        self._status, self._cpu_s, self._unseen = status, cpu_s, why
        self.gone.set()

    async def answered(self, request: dict[str, Any]) -> RanAtAll | Outcome:
        """Wait for the confinement, hand over the call, and wait for its answer."""
        try:
            async with asyncio.timeout(CONFINED_S_MAX), contextlib.AsyncExitStack() as stack:
                answered, descriptors = await self._confined()
                for one in descriptors[1:]:
                    os.close(one)
                door = socket.socket(fileno=descriptors[0]) if descriptors else None
                if door is not None:
                    door.setblocking(False)
                    stack.enter_context(door)
                rest = stack.pop_all()
        except (TimeoutError, OSError, frames.FrameBroken) as error:
            if isinstance(error, frames.FrameBroken):
                # Its socket may be closed before it is told why.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.gone.wait(), TOLD_S_MAX)
            said = self._unseen or str(error) or type(error).__name__
            return unavailable(
                f"The sandbox could not be set up: {said}.",
                "Run `handrail doctor`; the log of this agent may say more.",
            )
        async with rest:
            if "unconfined" in answered:
                return unavailable(
                    f"The sandbox could not be set up: {answered['unconfined']}.",
                    "Run `handrail doctor`, and this agent where the level holds.",
                )
            return await self._body(request, door)

    async def _confined(self) -> tuple[dict[str, Any], list[int]]:
        await _readable(self._ours)
        data, descriptors = frames.receive_with(self._ours, CONFINED_BYTES_MAX)
        if len(data) < frames.HEAD.size:
            raise frames.FrameBroken("its process ended")
        return frames.parsed(data[frames.HEAD.size :]), descriptors

    async def _body(
        self, request: dict[str, Any], door: socket.socket | None
    ) -> RanAtAll | Outcome:
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            environment: dict[str, str] = {}
            if door is not None and self.egress:
                environment = await stack.enter_async_context(
                    egress_proxy.serving(door, self.egress)
                )
            try:
                async with asyncio.timeout(self.limits.wall_s):
                    asked = frames.frame({**request, "environment": environment})
                    await loop.sock_sendall(self._ours, asked)
                    first = await self._answer()
                    match first.get("kind"):
                        case "unknown":
                            # Once the body has begun these words are its own, and believed nothing.
                            return unavailable(
                                "The sandbox was started with tools among which it is not.",
                                "Start the agent anew.",
                            )
                        case "begun":
                            return RanAtAll(await self._answer())
                        case _:
                            return RanAtAll(first)
            except TimeoutError:
                return RanAtAll(None, timed_out=True)
            except (OSError, frames.FrameBroken):
                return RanAtAll(None)

    async def _answer(self) -> dict[str, Any]:
        (length,) = frames.HEAD.unpack(await self._exactly(frames.HEAD.size))
        # Quotes of a JSON text are written as two characters inside another one.
        if length > 2 * self.limits.output_bytes + ANSWER_BYTES_BESIDE:
            return {"kind": "output", "bytes": length}
        return frames.parsed(await self._exactly(length))

    async def _exactly(self, length: int) -> bytes:
        loop = asyncio.get_running_loop()
        parts = bytearray()
        while len(parts) < length:
            part = await loop.sock_recv(self._ours, min(length - len(parts), 1 << 16))
            if not part:
                raise frames.FrameBroken("its process ended")
            parts += part
        return bytes(parts)

    def outcome(self, ran: RanAtAll) -> Outcome:
        """Say what came of the body, once its processes are gone."""
        for _ in range(READS_AT_END_MAX):
            if not self._hear():
                break
        log = cleared_end(bytes(self._said), self._secrets, LOG_BYTES_MAX)
        if ran.timed_out:
            return ended(Ending.TIMED_OUT, f"{self.limits.wall_s:g}", log)
        if ran.answer is None:
            return self._death(log)
        try:
            return self._told(ran.answer, log)
        except (KeyError, TypeError, ValueError, AttributeError):
            # What runs in the sandbox may write anything on its socket; it is believed nothing.
            return ended(Ending.DIED, "what it sent is no answer", log)

    def _told(self, answer: dict[str, Any], log: str) -> Outcome:
        match answer["kind"]:
            case "done":
                return Outcome(ending=Ending.DONE, result=answer["result"].encode(), log=log)
            case "refused":
                after = answer["retry_after_s"]
                return Outcome(
                    ending=Ending.REFUSED,
                    state=State(answer["state"]),
                    title=str(answer["title"]),
                    detail=str(answer["detail"]),
                    remedy=str(answer["remedy"]),
                    retry_after_s=None if after is None else float(after),
                    retry=RetryClass(answer["retry"]),
                    log=log,
                )
            case "memory":
                return ended(Ending.OUT_OF_MEMORY, self.limits.memory_bytes, log)
            case "output":
                return ended(Ending.OUTPUT_TOO_LARGE, int(answer["bytes"]), log)
            case "failed":
                failed = ended(Ending.FAILED, "", log)
                return replace(failed, error=str(answer["error"]), judged=dict(answer["judged"]))
            case _:
                return ended(Ending.DIED, "what it sent is no answer", log)

    def _death(self, log: str) -> Outcome:
        status = self._status
        if status is None:
            return ended(Ending.DIED, self._unseen or "the sandbox itself was stopped", log)
        number = -status if status < 0 else status - SIGNALLED
        # The kernel warns by one signal and, a second later, kills by the other.
        used_up = number == signal.SIGKILL and self._cpu_s >= self.limits.cpu_s
        if number == signal.SIGXCPU or used_up:
            return ended(Ending.OUT_OF_CPU, self.limits.cpu_s, log)
        if number > 0:
            with contextlib.suppress(ValueError):
                return ended(Ending.DIED, f"signal {signal.Signals(number).name}", log)
        return ended(Ending.DIED, f"exit code {status}", log)

    def _hear(self) -> bool:
        """Keep the end of what the body prints; False when there is nothing to read.

        One read at a time: a body that prints without end is heard between the turns of others.
        """
        try:
            data = os.read(self._log, 1 << 16)
        except BlockingIOError:
            return False
        self._said += data
        del self._said[: -self._kept_bytes_max]
        if not data:
            # Nobody holds the other end any more; a reader would be called without end.
            asyncio.get_running_loop().remove_reader(self._log)
        return bool(data)


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        loop.remove_reader(sock)
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(sock, wake)
    try:
        await ready
    finally:
        loop.remove_reader(sock)
