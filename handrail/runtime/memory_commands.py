"""Sends commands of people to the keeper of memory, and says what became of each.

All commands of one call are one transaction. What became of them stands on the ledger, where the
keeper tells of each command by the place at which it read it; so an answer is never somebody's
guess, and a person who looks later finds the same.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from handrail.bus.port import Bus
from handrail.errors import KeeperSilent
from handrail.ledger.event_record import LEDGER, decode
from handrail.ledger.memory_event import EXPIRE, MEMORY_TASK, MemoryRefused, MemoryWritten
from handrail.runtime.one_commit import commit_together
from handrail.wire.codec import encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.memory import COMMAND_TYPE, COMMANDS, Command, Op, Positions
from handrail.wire.record import Outgoing, TopicPartition

ANSWERED_WITHIN_S = 30.0  #: how long the keeper may take to say what became of a command
POLL_S = 0.25
TO_EVERY_PARTITION = frozenset({Op.FORGET, Op.HOLD, Op.RELEASE})

Told = MemoryWritten | MemoryRefused
Place = tuple[int, int]  #: partition and offset of a command


@dataclass(frozen=True, slots=True)
class Sent:
    """Commands on their way, and where the ledger was before them."""

    places: Sequence[Place]
    since: int  #: offset on the ledger from which on the keeper tells of them

    @property
    def positions(self) -> Positions:
        """What a view has to have applied to show what became of them."""
        none = Positions({})
        return none.joined(Positions({partition: offset}) for partition, offset in self.places)


class Awaited:
    """Commands of whose outcome the keeper has yet to tell."""

    def __init__(self, places: Sequence[Place]) -> None:
        """Wait for all of these."""
        self._wanted = frozenset(places)
        self._last: dict[int, int] = {}  #: partition → offset of the last of them
        for partition, offset in places:
            self._last[partition] = max(offset, self._last.get(partition, offset))
        self.found: dict[Place, Told] = {}

    @property
    def left_count(self) -> int:
        """How many it has not told of."""
        return len(self._wanted) - len(self.found)

    def take(self, event: object) -> bool:
        """Take what the ledger says; say whether the keeper has come nearer.

        It does so too with what it tells of the commands ahead in a partition, such as of each
        record of a person who is forgotten: it takes them in order, and ours comes after them.
        """
        if not isinstance(event, MemoryWritten | MemoryRefused) or event.op == EXPIRE:
            return False
        place = (event.partition, event.offset)
        if place in self._wanted:
            self.found[place] = event
        return event.offset <= self._last.get(event.partition, -1)


@dataclass(frozen=True, slots=True)
class CommandSender:
    """Sends what one person asks of the keeper of a namespace."""

    bus: Bus
    namespace: str
    tenant: str
    task_id: str = MEMORY_TASK  #: in whose name; a person acts in that of no task

    async def send(self, commands: Sequence[Command], now_ms: int) -> Sent:
        """Send commands, all or none. Raises TopicsMissing, BrokerUnreachable, CommitDoubtful."""
        topic = f"{self.namespace}.{COMMANDS}"
        count = len(await self._partitions(topic))
        since = await self.bus.end_offset(await self._ledger())
        records = [
            Outgoing(topic, one.key.encode(), one.encode(), self._headers(now_ms), partition)
            for one in commands
            for partition in (
                range(count)
                if one.op in TO_EVERY_PARTITION
                else [await self.bus.partition_of(topic, one.key.encode())]
            )
        ]
        name = f"{self.namespace}.{COMMANDS}.{uuid.uuid4()}"
        offsets = await commit_together(self.bus, name, records)
        partitions = [record.partition or 0 for record in records]
        return Sent(list(zip(partitions, offsets, strict=True)), since)

    async def outcomes(
        self,
        sent: Sent,
        *,
        within_s: float = ANSWERED_WITHIN_S,
        is_done: Callable[[], bool] = lambda: True,
    ) -> dict[Place, Told]:
        """Wait until the keeper has told of every command. Raises KeeperSilent.

        It may be at others first, and an act on many keys is told of key by key: wait until
        `is_done` too, for as long as there is something to be told within that time.
        """
        awaited = Awaited(sent.places)
        tail = await self.bus.tail({await self._ledger(): sent.since})
        try:
            async with asyncio.timeout(within_s) as time:
                while awaited.left_count or not is_done():
                    for record in await tail.poll(timeout_s=POLL_S):
                        if awaited.take(decode(record)):
                            time.reschedule(asyncio.get_running_loop().time() + within_s)
        except TimeoutError:
            if awaited.left_count:
                within = f"{within_s:.0f} s"
                raise KeeperSilent(count=awaited.left_count, within=within) from None
        finally:
            await tail.close()
        return awaited.found

    async def _ledger(self) -> TopicPartition:
        topic = f"{self.namespace}.{LEDGER}"
        return TopicPartition(topic, await self.bus.partition_of(topic, self.task_id.encode()))

    async def _partitions(self, topic: str) -> Sequence[int]:
        return list(await self.bus.admin.offsets(topic))

    def _headers(self, now_ms: int) -> tuple[tuple[str, bytes], ...]:
        envelope = Envelope(
            id=str(uuid.uuid4()),
            type=COMMAND_TYPE,
            source=f"handrail/{self.namespace}/person",
            time_ms=now_ms,
            task_id=self.task_id,
            tenant=self.tenant,
        )
        return tuple(encode_headers(envelope))
