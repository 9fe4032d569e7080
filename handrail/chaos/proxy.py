"""Stands between Kafka's clients and a broker, and treats single requests badly.

Whoever is given its address stays behind it: in every answer that names a broker, the broker's
address is replaced by one of its own. What a plan does not name passes at once and unchanged, in
order. A request that was forwarded is carried out by the broker even when its client has gone.

It speaks no TLS, and does not see the addresses that a broker of a cluster gives in the answer to a
record or a fetch when a partition has just moved; with one broker there are none.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from handrail.chaos.kafka_frames import (
    Address,
    Request,
    addresses_in,
    correlation_of,
    parse_request,
    readdressed,
)

log = structlog.get_logger("handrail.chaos")

FRAME_BYTES_MAX = 128 * 1024 * 1024
ANSWERS_WITHIN_S = 10.0  #: how long a broker is waited for when the client has gone
LENGTH_BYTES = 4
FAULTS_KEPT_MAX = 100_000


class Fate(StrEnum):
    """What may happen to a request."""

    THROUGH = "through"  #: at once and unchanged
    DELAY = "delay"  #: it reaches the broker late, and so does all that comes after it
    CUT_BEFORE = "cut before"  #: it never reaches the broker; the client sees a broken connection
    CUT_AFTER = "cut after"  #: it is carried out; the client sees a broken connection, no answer
    LINGER = "linger"  #: the client sees a broken connection, and it reaches the broker late


@dataclass(frozen=True, slots=True)
class Treatment:
    """A fate, and for the late ones how late."""

    fate: Fate
    late_s: float = 0.0
    until: asyncio.Event | None = None  #: late until somebody says so


PASSES = Treatment(Fate.THROUGH)
Plan = Callable[[Request], Treatment]


@dataclass(frozen=True, slots=True)
class Fault:
    """A request that did not simply pass."""

    fate: Fate
    api: int
    name: str | None  #: of the transaction, or of the group
    at_s: float  #: on the event loop's clock


class KafkaProxy:
    """One door for every broker behind it. Belongs to the event loop that started it."""

    def __init__(self, bootstrap: str, *, host: str = "127.0.0.1") -> None:
        """Listen to nobody yet; everything passes until `plan` is set."""
        self.plan: Plan = lambda _: PASSES
        self.faults: deque[Fault] = deque(maxlen=FAULTS_KEPT_MAX)
        self.counts: Counter[Fate] = Counter()
        self._first = _address(bootstrap)
        self._host = host
        self._doors: dict[Address, Address] = {}
        self._servers: list[asyncio.Server] = []
        self._links: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()

    async def start(self) -> str:
        """Open the door, and give the address to hand to clients. Raises OSError."""
        door = await self._door(self._first)
        return f"{door.host}:{door.port}"

    async def close(self) -> None:
        """Cut every connection, and forget what is on its way."""
        for server in self._servers:
            server.close()
        links = tuple(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()

    def note(self, request: Request, fate: Fate) -> None:
        """Write down that a request did not simply pass."""
        name = request.transactional_id or request.group
        now_s = asyncio.get_running_loop().time()
        self.counts[fate] += 1
        self.faults.append(Fault(fate, request.api, name, now_s))

    async def through(self, request: Request, answer: bytes) -> bytes:
        """Give an answer whose brokers are all reached through here."""
        named = addresses_in(request, answer)
        return readdressed(request, answer, {one: await self._door(one) for one in named})

    async def _door(self, broker: Address) -> Address:
        async with self._opening:
            if broker not in self._doors:

                def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                    link = asyncio.create_task(self._serve(broker, reader, writer), name="link")
                    self._links.add(link)
                    link.add_done_callback(self._links.discard)

                server = await asyncio.start_server(serve, self._host, 0)
                self._servers.append(server)
                port = int(server.sockets[0].getsockname()[1])
                self._doors[broker] = Address(self._host, port)
            return self._doors[broker]

    async def _serve(
        self, broker: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            link = _Link(self, reader, writer)
            await link.run(broker)
        except (OSError, ValueError) as error:
            log.info("connection given up", broker=broker, why=str(error))
        finally:
            writer.transport.abort()


class _Link:
    """One client's connection, and the one to the broker that belongs to it."""

    def __init__(
        self, proxy: KafkaProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writer = writer
        self._open: dict[int, tuple[Request, Fate]] = {}
        self._answered = asyncio.Event()

    async def run(self, broker: Address) -> None:
        """Carry requests and answers until either side ends."""
        upstream_reader, upstream = await asyncio.open_connection(*broker)
        answers = asyncio.create_task(self._answers(upstream_reader), name="answers of a broker")
        requests = asyncio.create_task(self._requests(upstream), name="requests of a client")
        try:
            done, _ = await asyncio.wait({answers, requests}, return_when=asyncio.FIRST_COMPLETED)
            if requests in done and not requests.exception() and requests.result():
                # What was forwarded is to be carried out, whoever still waits for it.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ANSWERS_WITHIN_S):
                        await self._all_answered(answers)
            for task in done:
                task.result()
        finally:
            upstream.transport.abort()
            for task in (answers, requests):
                task.cancel()
            await asyncio.gather(answers, requests, return_exceptions=True)

    async def _all_answered(self, answers: "asyncio.Task[None]") -> None:
        while self._open and not answers.done():
            self._answered.clear()
            await self._answered.wait()

    async def _requests(self, upstream: asyncio.StreamWriter) -> bool:
        """Forward until the client ends; give whether the broker is to answer what it has."""
        while (frame := await _frame(self._reader)) is not None:
            request = parse_request(frame)
            treatment = self._proxy.plan(request)
            if treatment.fate is not Fate.THROUGH:
                self._proxy.note(request, treatment.fate)
            if treatment.fate is Fate.CUT_BEFORE:
                return False
            if treatment.fate is Fate.LINGER:
                self._writer.transport.abort()
            if treatment.fate in (Fate.LINGER, Fate.DELAY):
                await _wait(treatment)
            if request.is_answered:
                self._open[request.correlation_id] = request, treatment.fate
            upstream.write(len(frame).to_bytes(LENGTH_BYTES, "big") + frame)
            await upstream.drain()
        return True

    async def _answers(self, upstream: asyncio.StreamReader) -> None:
        while (answer := await _frame(upstream)) is not None:
            request, fate = self._open.pop(correlation_of(answer), (None, Fate.THROUGH))
            self._answered.set()
            if request is None:
                raise ValueError("an answer belongs to no request")
            if fate is Fate.CUT_AFTER:
                return
            if not self._writer.is_closing():
                answer = await self._proxy.through(request, answer)
                self._writer.write(len(answer).to_bytes(LENGTH_BYTES, "big") + answer)
                # A client that has gone is noticed where its requests end.
                with contextlib.suppress(ConnectionError):
                    await self._writer.drain()
        self._answered.set()


async def _frame(reader: asyncio.StreamReader) -> bytes | None:
    """Read the next frame; None at the end. Raises ValueError for one that is too long."""
    try:
        size = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big", signed=True)
        if not 0 <= size <= FRAME_BYTES_MAX:
            raise ValueError(f"a frame of {size} bytes")
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def _wait(treatment: Treatment) -> None:
    if treatment.until is not None:
        await treatment.until.wait()
    await asyncio.sleep(treatment.late_s)


def _address(bootstrap: str) -> Address:
    host, _, port = bootstrap.partition(",")[0].rpartition(":")
    return Address(host.strip("[]"), int(port))
