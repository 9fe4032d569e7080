"""What the keeper's process knows of the broker: partitions, and where it can answer.

The broker would refuse a whole batch for an answer to a topic that is not there. An agent may come
after the keeper, so a topic that nobody knew when a partition was opened is looked for once more.
All partitions share what is known, and none decides while what it wants to know is being asked.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from handrail.errors import BrokerUnreachable
from handrail.errors.wire import WireError
from handrail.runtime.closed_topics import ClosedTopics
from handrail.wire.answer import ReplyAddress
from handrail.wire.record import Record

SOUGHT_AGAIN_S: Final = 10.0  #: after a topic was not there
SOUGHT_COUNT_MAX: Final = 1_000  #: topics that were not there and are remembered
_REPLY_TO, _ANSWERS = "ce_replyto", ".answers"

Topics = Callable[[], Awaitable[Mapping[str, int]]]  #: asks the broker: topic → partitions


@dataclass
class Known:
    """Partitions of memory, and the topics on which somebody may wait for an answer.

    Belongs to one event loop.
    """

    partitions: int = 1
    is_counted: bool = False  #: whether they were asked for; they are the same for life
    #: Topics of spaces that are declared no more: what is said of people is said there too.
    undeclared: Sequence[str] = ()
    answers: Mapping[str, int] = field(default_factory=dict[str, int])  #: topic → partitions
    closed: ClosedTopics = field(default_factory=ClosedTopics)  #: what is done without for now
    _again_s: dict[str, float] = field(default_factory=dict[str, float])  #: when it is sought again
    _asked_count: int = 0  #: how often the broker was asked
    _newest: int = 0  #: which of these times `answers` is from
    #: As long as topics are sought: done with why the broker could not be asked, or with None.
    _seeking: "asyncio.Future[BrokerUnreachable | None] | None" = None

    async def learn(self, topics: Topics) -> Mapping[str, int]:
        """Ask which topics there are and give them; of answers that cross, the later one counts."""
        self._asked_count += 1
        number = self._asked_count
        counts = await topics()
        if number > self._newest:
            self._newest = number
            self.answers = {
                name: of
                for name, of in counts.items()
                if name.endswith(_ANSWERS) and not self.closed.is_left_out(name)
            }
        return counts

    async def seek(self, names: Iterable[str], topics: Topics) -> None:
        """Return once it is known of each of these whether it is there, or was not 10 s ago.

        Raises BrokerUnreachable, for everybody who has waited for the same answer.
        """
        names = frozenset(names)
        while wanted := [name for name in names if self._is_wanted(name)]:
            seeking = self._seeking
            if seeking is None:
                await self._seek(wanted, topics)
                continue
            # Not awaited itself: whoever is cancelled here would cancel it for all.
            await asyncio.wait({seeking})
            if (error := seeking.result()) is not None:
                raise error

    async def _seek(self, names: list[str], topics: Topics) -> None:
        seeking = self._seeking = asyncio.get_running_loop().create_future()
        error: BrokerUnreachable | None = None
        try:
            await self.learn(topics)
            missing = [name for name in names if name not in self.answers]
            if len(self._again_s) + len(missing) > SOUGHT_COUNT_MAX:
                self._again_s.clear()
            self._again_s.update(dict.fromkeys(missing, time.monotonic() + SOUGHT_AGAIN_S))
        except BrokerUnreachable as failed:
            error = failed
            raise
        finally:
            # Also when it was cancelled: then the next one who waits asks by itself.
            self._seeking = None
            seeking.set_result(error)

    def _is_wanted(self, name: str) -> bool:
        return name not in self.answers and time.monotonic() >= self._again_s.get(name, 0.0)


def wanted_topics(namespace: str, records: Iterable[Record]) -> frozenset[str]:
    """Give the topics on which answers to these are wanted, as the broker names them."""
    addresses = {record.header(_REPLY_TO) for record in records} - {None}
    names = map(_topic, addresses)
    return frozenset(f"{namespace}.{name}" for name in names if name is not None)


def _topic(reply_to: bytes | None) -> str | None:
    try:
        return ReplyAddress.of((reply_to or b"").decode("ascii", "replace")).topic
    except WireError:
        return None
