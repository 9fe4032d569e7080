"""What a proxy does to single requests between a client and a broker, both plain sockets."""

import asyncio
import random
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

import pytest

from handrail.chaos.kafka_frames import Api, Request, parse_request
from handrail.chaos.proxy import Fate, KafkaProxy, Plan, Treatment
from handrail.chaos.proxy_plans import cut_off_from_group, harm_ends
from tests.waiting import until

HEAD = struct.Struct(">hhih")


def frame(api: int, number: int, body: bytes = b"") -> bytes:
    return HEAD.pack(api, 0, number, 2) + b"me" + body


def end_txn(number: int, name: bytes = b"lane", *, commits: bool = True) -> bytes:
    body = struct.pack(">h", len(name)) + name + struct.pack(">qh?", 7, 0, commits)
    return frame(Api.END_TXN, number, body)


def heartbeat(number: int) -> bytes:
    return frame(Api.HEARTBEAT, number, b"\x00\x06clerks")


class Broker:
    """Answers each request with its number and the word "done"; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.answer: Callable[[Request], bytes] = lambda _: b"done"
        self.silent = False
        self.address = ""
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                request = parse_request(await receive(reader))
                self.asked.append(request.correlation_id)
                if not self.silent:
                    number = struct.pack(">i", request.correlation_id)
                    send(writer, number + self.answer(request))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def send(writer: asyncio.StreamWriter, raw: bytes) -> None:
    writer.write(struct.pack(">i", len(raw)) + raw)


async def receive(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


class Client:
    """One connection to wherever it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, raw: bytes) -> bytes:
        """Send a request and give the rest of its answer; ConnectionError when cut."""
        send(self.writer, raw)
        try:
            answer = await receive(self.reader)
        except asyncio.IncompleteReadError as error:
            raise ConnectionError from error
        assert answer[:4] == raw[4:8]
        return answer[4:]


Connect = Callable[[str], Awaitable[Client]]


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    async with Broker() as broker:
        yield broker


@pytest.fixture
async def proxy(broker: Broker) -> AsyncIterator[KafkaProxy]:
    proxy = KafkaProxy(broker.address)
    yield proxy
    await proxy.close()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Give a function that connects; what it opened is closed after the test."""
    clients: list[Client] = []

    async def to(address: str) -> Client:
        host, _, port = address.rpartition(":")
        clients.append(Client(*await asyncio.open_connection(host, int(port))))
        return clients[-1]

    yield to
    for client in clients:
        client.writer.transport.abort()


def only(api: Api, treatment: Treatment) -> Plan:
    return lambda request: treatment if request.api == api else Treatment(Fate.THROUGH)


async def test_everything_passes_when_nothing_is_planned(
    broker: Broker, proxy: KafkaProxy, connect: Connect
) -> None:
    client = await connect(await proxy.start())

    assert [await client.ask(end_txn(n)) for n in (1, 2, 3)] == [b"done"] * 3
    assert broker.asked == [1, 2, 3]
    assert not proxy.counts


async def test_what_is_cut_before_never_reaches_the_broker(
    broker: Broker, proxy: KafkaProxy, connect: Connect
) -> None:
    proxy.plan = only(Api.END_TXN, Treatment(Fate.CUT_BEFORE))
    client = await connect(await proxy.start())

    with pytest.raises(ConnectionError):
        await client.ask(end_txn(1))
    again = await connect(await proxy.start())

    assert await again.ask(frame(99, 2)) == b"done"
    assert broker.asked == [2]


async def test_what_is_cut_after_was_carried_out_and_never_answered(
    broker: Broker, proxy: KafkaProxy, connect: Connect
) -> None:
    proxy.plan = only(Api.END_TXN, Treatment(Fate.CUT_AFTER))
    client = await connect(await proxy.start())

    with pytest.raises(ConnectionError):
        await client.ask(end_txn(1))

    assert broker.asked == [1]
    assert [(one.fate, one.api, one.name) for one in proxy.faults] == [
        (Fate.CUT_AFTER, Api.END_TXN, "lane")
    ]


async def test_what_is_delayed_arrives_late_and_holds_back_what_comes_after_it(
    broker: Broker, proxy: KafkaProxy, connect: Connect
) -> None:
    gate = asyncio.Event()
    proxy.plan = only(Api.END_TXN, Treatment(Fate.DELAY, until=gate))
    client, other = await connect(await proxy.start()), await connect(await proxy.start())

    send(client.writer, end_txn(1))
    send(client.writer, frame(99, 2))
    await until(lambda: proxy.counts[Fate.DELAY])
    assert await other.ask(frame(99, 3)) == b"done"
    gate.set()
    await receive(client.reader)
    await receive(client.reader)

    assert broker.asked == [3, 1, 2]


async def test_what_is_delayed_arrives_although_its_client_has_gone(
    broker: Broker, proxy: KafkaProxy, connect: Connect
) -> None:
    gate = asyncio.Event()
    proxy.plan = only(Api.END_TXN, Treatment(Fate.DELAY, until=gate))
    client = await connect(await proxy.start())

    send(client.writer, end_txn(1))
    await until(lambda: proxy.counts[Fate.DELAY])
    client.writer.transport.abort()
    gate.set()
    await until(lambda: broker.asked)

    assert broker.asked == [1]


async def test_what_lingers_is_cut_for_its_client_at_once_and_arrives_late(
    broker: Broker, proxy: KafkaProxy, connect: Connect
) -> None:
    gate = asyncio.Event()
    proxy.plan = only(Api.END_TXN, Treatment(Fate.LINGER, until=gate))
    client = await connect(await proxy.start())

    with pytest.raises(ConnectionError):
        await client.ask(end_txn(1))
    assert broker.asked == []
    gate.set()
    await until(lambda: broker.asked)

    assert broker.asked == [1]


async def test_a_member_can_be_cut_off_its_group_alone(
    broker: Broker, proxy: KafkaProxy, connect: Connect
) -> None:
    proxy.plan = cut_off_from_group
    member, writer = await connect(await proxy.start()), await connect(await proxy.start())

    with pytest.raises(ConnectionError):
        await member.ask(heartbeat(1))

    assert await writer.ask(end_txn(2)) == b"done"
    assert broker.asked == [2]


async def test_whoever_is_behind_the_proxy_is_led_to_other_brokers_through_it(
    broker: Broker, proxy: KafkaProxy, connect: Connect
) -> None:
    async with Broker() as second:
        host, _, port = second.address.rpartition(":")
        named = struct.pack(">hih", 0, 7, len(host)) + host.encode() + struct.pack(">i", int(port))
        broker.answer = lambda request: named if request.api == Api.FIND_COORDINATOR else b"done"
        client = await connect(await proxy.start())

        answer = await client.ask(frame(Api.FIND_COORDINATOR, 1, b"\x00\x06clerks"))
        (door,) = struct.unpack(">i", answer[-4:])
        led = await connect(f"127.0.0.1:{door}")

        assert door != int(port)
        assert await led.ask(frame(99, 2)) == b"done"
        assert second.asked == [2]


async def test_a_frame_that_is_none_costs_its_connection_and_no_other(
    broker: Broker, proxy: KafkaProxy, connect: Connect
) -> None:
    wrong, right = await connect(await proxy.start()), await connect(await proxy.start())

    wrong.writer.write(b"GET / HTTP/1.1\r\n\r\n")

    assert await wrong.reader.read() == b""
    assert await right.ask(frame(99, 1)) == b"done"


async def test_a_broker_that_is_not_there_looks_like_a_cut_to_the_client(connect: Connect) -> None:
    async with Broker() as gone:
        address = gone.address
    proxy = KafkaProxy(address)
    client = await connect(await proxy.start())

    assert await client.reader.read() == b""
    await proxy.close()


async def test_closing_cuts_what_is_open_and_waits_for_nothing(
    broker: Broker, proxy: KafkaProxy, connect: Connect
) -> None:
    broker.silent = True
    client = await connect(await proxy.start())
    send(client.writer, frame(99, 1))
    await until(lambda: broker.asked)

    await proxy.close()

    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await receive(client.reader)


def test_ends_are_harmed_with_the_shares_that_were_asked_for() -> None:
    plan = harm_ends(random.Random(1), {Fate.DELAY: 0.2, Fate.CUT_AFTER: 0.1}, (4.0, 6.0))

    drawn = [plan(parse_request(end_txn(n))) for n in range(2_000)]

    counts = Counter(one.fate for one in drawn)
    assert 340 <= counts[Fate.DELAY] <= 460
    assert 150 <= counts[Fate.CUT_AFTER] <= 250
    assert all(4.0 <= one.late_s <= 6.0 for one in drawn if one.fate is Fate.DELAY)


def test_ends_that_abort_and_all_other_requests_pass() -> None:
    plan = harm_ends(random.Random(1), {Fate.CUT_BEFORE: 1.0}, (0.0, 0.0))

    assert plan(parse_request(end_txn(1, commits=False))).fate is Fate.THROUGH
    assert plan(parse_request(heartbeat(2))).fate is Fate.THROUGH
    assert plan(parse_request(end_txn(3))).fate is Fate.CUT_BEFORE
