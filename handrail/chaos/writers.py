"""Writers that compare and set the same keys of memory side by side, and note every call.

They speak to the keeper as a worker does, over topics alone, so they can be run beside keepers that
are killed. What each of them saw is a history that `registers.faults` judges.
"""

import asyncio
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from handrail.bus.port import Bus, Tail
from handrail.chaos.registers import NEVER_NS, Call
from handrail.errors.transport import BrokerUnreachable
from handrail.wire.codec import encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.memory import (
    COMMAND_TYPE,
    COMMANDS,
    HISTORY,
    Answer,
    Command,
    Op,
    StoredRecord,
    Verdict,
    full_key,
)
from handrail.wire.record import Outgoing, TopicPartition

TENANT = "default"
ANSWERED_WITHIN_S = 120.0
POLL_S = 0.2


@dataclass
class Writers:
    """Some writers of one space, whose values are texts."""

    bus: Bus
    namespace: str
    space: str
    agent: str  #: whose answers they read
    keys: Sequence[str]
    calls: list[Call] = field(default_factory=list[Call])
    done: int = 0  #: calls that have returned
    _progress: asyncio.Condition = field(default_factory=asyncio.Condition)
    _waiting: dict[str, "asyncio.Future[Answer]"] = field(
        default_factory=dict[str, "asyncio.Future[Answer]"]
    )

    async def run(self, writers: int, calls_each: int, seed: int = 1) -> None:
        """Let each writer make so many calls, one after the other."""
        topic = f"{self.namespace}.{self.agent}.answers"
        counts = await self.bus.admin.topics()
        places = {
            TopicPartition(topic, partition): await self.bus.end_offset(
                TopicPartition(topic, partition)
            )
            for partition in range(counts[topic])
        }
        tail = await self.bus.tail(places)
        listening = asyncio.create_task(self._listen(tail), name="answers of the keeper")
        try:
            await asyncio.gather(
                *(self._write(n, calls_each, len(places), seed) for n in range(writers))
            )
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await tail.close()

    async def returned(self, count: int) -> None:
        """Wait until so many calls have returned."""
        async with self._progress:
            await self._progress.wait_for(lambda: self.done >= count)

    async def _listen(self, tail: Tail) -> None:
        while True:
            for record in await tail.poll(timeout_s=POLL_S):
                question = (record.header("ce_for") or b"").decode()
                waiting = self._waiting.pop(question, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(Answer.decode(record.value))

    async def _write(self, process: int, count: int, partitions: int, seed: int) -> None:
        choice = random.Random(f"{seed}/{process}")  # noqa: S311 - no secret
        known: dict[str, int] = defaultdict(int)
        for number in range(count):
            key = choice.choice(self.keys)
            call = await self._call(process, number, key, known[key], process % partitions)
            self.calls.append(call)
            self.done += 1
            async with self._progress:
                self._progress.notify_all()
            if call.result != "unknown":
                known[key] = call.version

    async def _call(self, process: int, number: int, key: str, expect: int, lane: int) -> Call:
        value = f"{process}/{number}"
        command = Command(
            op=Op.PUT,
            space=self.space,
            key=full_key(TENANT, key),
            by=self.agent,
            value=value,
            expect=expect,
        )
        envelope = Envelope(
            id=str(uuid.uuid4()),
            type=COMMAND_TYPE,
            source=f"handrail/{self.namespace}/{self.agent}",
            time_ms=time.time_ns() // 1_000_000,
            task_id=f"load-{process}",
            tenant=TENANT,
            causation_id=f"{process}/{number}",
            reply_to=f"{self.agent}.answers/{lane}",
        )
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[envelope.id] = answered
        topic, full = f"{self.namespace}.{COMMANDS}", command.key.encode()
        record = Outgoing(topic, full, command.encode(), encode_headers(envelope))
        call_ns = time.monotonic_ns()
        try:
            await self.bus.sender().send(record, deadline_s=ANSWERED_WITHIN_S)
            answer = await asyncio.wait_for(answered, ANSWERED_WITHIN_S)
        except (TimeoutError, BrokerUnreachable):
            self._waiting.pop(envelope.id, None)
            return Call(process, key, expect, value, "unknown", 0, call_ns, NEVER_NS)
        return_ns = time.monotonic_ns()
        results = {Verdict.APPLIED: "ok", Verdict.CONFLICT: "conflict", Verdict.REFUSED: "refused"}
        result = results[answer.verdict]
        return Call(process, key, expect, value, result, answer.version, call_ns, return_ns)

    async def kept(self) -> dict[str, list[str]]:
        """Give the values of every version of each key, as the history holds them."""
        topic = f"{self.namespace}.{HISTORY}"
        found: dict[str, list[str]] = defaultdict(list)
        for partition in range((await self.bus.admin.topics())[topic]):
            where = TopicPartition(topic, partition)
            begin, end = await self.bus.begin_offset(where), await self.bus.end_offset(where)
            async for record in self.bus.fetch(where, begin, end):
                stored = StoredRecord.decode(record.value)
                values = found[stored.key.split("/", 2)[-1]]
                if stored.version != len(values) + 1:
                    values.append(f"version {stored.version} out of its place")
                values.append(str(stored.value))
        return dict(found)
