"""What the keeper's process knows of the broker: partitions, and where it can answer.

The broker would refuse a whole batch for an answer to a topic that is not there. An agent may come
after the keeper, so a topic that nobody knew when a partition was opened is looked for once more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from handrail.errors.wire import WireError
from handrail.wire.answer import ReplyAddress
from handrail.wire.record import Record

SOUGHT_AGAIN_S: Final = 10.0  #: after a topic was not there
SOUGHT_COUNT_MAX: Final = 1_000  #: topics that were not there and are remembered
_REPLY_TO, _ANSWERS = "ce_replyto", ".answers"


@dataclass
class Known:
    """Partitions of memory, and the topics on which somebody may wait for an answer."""

    partitions: int = 1
    answers: Mapping[str, int] = field(default_factory=dict[str, int])  #: topic → partitions
    _again_s: dict[str, float] = field(default_factory=dict[str, float])  #: when it is sought again

    def learn_answers(self, counts: Mapping[str, int]) -> None:
        """Take in which topics there are."""
        self.answers = {name: count for name, count in counts.items() if name.endswith(_ANSWERS)}

    def wants_look(self, namespace: str, records: Iterable[Record], now_s: float) -> bool:
        """Say whether an answer to one of these is wanted on a topic that may have come since."""
        sought = {record.header(_REPLY_TO) for record in records} - {None}
        found = {f"{namespace}.{name}" for name in map(_topic, sought) if name is not None}
        fresh = [
            name
            for name in found
            if name not in self.answers and now_s >= self._again_s.get(name, 0.0)
        ]
        if len(self._again_s) + len(fresh) > SOUGHT_COUNT_MAX:
            self._again_s.clear()
        self._again_s.update(dict.fromkeys(fresh, now_s + SOUGHT_AGAIN_S))
        return bool(fresh)


def _topic(reply_to: bytes | None) -> str | None:
    try:
        return ReplyAddress.of((reply_to or b"").decode("ascii", "replace")).topic
    except WireError:
        return None
