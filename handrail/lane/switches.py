"""What people have switched on `ns.control`, as one process knows it: what is canceled or halted.

Pure: it changes only by the records that it is given. A cancel is kept until an hour after its
task's deadline, from when on no record of the task can be carried out anyway; so what is kept is
bounded by the cancels of living tasks, and by `CANCELS_COUNT_MAX`. A switch that this version
does not know, and a record that cannot be read, change nothing.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from handrail.lane.holding import Holds
from handrail.wire.codec import JSON_TYPE, encode_time
from handrail.wire.envelope import Envelope
from handrail.wire.record import Outgoing, Record

CONTROL: Final = "control"  #: name of the topic, without the namespace
CANCEL: Final = "cancel"  #: last part of the key of a cancel
CANCEL_TYPE: Final = b"handrail_cancel.v1"
SOURCE: Final = b"handrail/client"
KEPT_AFTER_DEADLINE_MS = 3_600_000
CLOCKS_DIFFER_MS: Final = 60_000  #: of any two machines of a team
CANCELS_COUNT_MAX = 100_000  #: about 50 MB; beyond it those whose time is over first are forgotten
REASON_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Cancel:
    """A person's wish that a task stop. The deadline tells one opening of a task from the next.

    All that follows from a submission has its deadline, to the millisecond; a question may have an
    earlier one. Where the submission had not been taken in yet its deadline is not known, and
    `exact` is false.
    """

    task_id: str
    until_ms: int  #: the task's deadline, or the latest one that it can have
    exact: bool
    by: str
    why: str
    asked_ms: int

    @property
    def key(self) -> bytes:
        """Its key: target, then switch."""
        return f"{self.task_id}@{self.until_ms}/{CANCEL}".encode(errors="surrogateescape")

    @property
    def kept_until_ms(self) -> int:
        """When nobody has to know of it any more."""
        return self.until_ms + KEPT_AFTER_DEADLINE_MS

    def covers(self, deadline_ms: int | None, *, asked_ms: int | None = None) -> bool:
        """Say whether a record of its task, with this deadline, belongs to what was canceled.

        What was asked of an agent, at `asked_ms`, may have to be answered sooner than its task has
        to end. What is asked later than the cancel is asked by a later opening of the task.
        """
        if deadline_ms is None or deadline_ms == self.until_ms:
            return True
        if asked_ms is not None:
            is_earlier = asked_ms <= self.asked_ms + CLOCKS_DIFFER_MS
            return is_earlier and deadline_ms < self.until_ms
        return not self.exact and deadline_ms < self.until_ms

    def outgoing(self, topic: str) -> Outgoing:
        """Give its record; the broker chooses the partition by the key."""
        body = {
            "task": self.task_id,
            "until_ms": self.until_ms,
            "exact": self.exact,
            "by": self.by,
            "why": self.why[:REASON_CHARS_MAX],
            "asked_ms": self.asked_ms,
        }
        headers = (
            ("ce_specversion", b"1.0"),
            ("ce_type", CANCEL_TYPE),
            ("ce_source", SOURCE),
            ("ce_id", self.key),
            ("ce_time", encode_time(self.asked_ms).encode()),
            ("content-type", JSON_TYPE.encode()),
        )
        return Outgoing(topic, self.key, orjson.dumps(body), headers)

    @classmethod
    def of(cls, record: Record) -> "Cancel | None":
        """Read a record of `ns.control`; None when it is no cancel that this version can read."""
        if record.header("ce_type") != CANCEL_TYPE or record.value is None:
            return None
        try:
            body = orjson.loads(record.value)
            found = cls(
                task_id=str(body["task"]),
                until_ms=int(body["until_ms"]),
                exact=bool(body["exact"]),
                by=str(body["by"]),
                why=str(body["why"]),
                asked_ms=int(body["asked_ms"]),
            )
        except (ValueError, KeyError, TypeError):
            return None
        return found if found.key == record.key else None


class Switches:
    """All switches of one process. Not thread-safe."""

    def __init__(self, count_max: int = CANCELS_COUNT_MAX) -> None:
        """Know of none."""
        self.listeners: set[Callable[[], None]] = set()  #: called after each change
        self.cancels_taken = 0  #: how many cancels have come so far
        self.holds = Holds()  #: which agents and tenants are paused or drained
        self._count_max = count_max
        self._cancels: dict[bytes, Cancel] = {}
        self._of_task: dict[str, dict[bytes, Cancel]] = {}
        self._times: list[tuple[int, bytes]] = []  # (kept until, key), soonest first

    @property
    def count(self) -> int:
        """How many are kept."""
        return len(self._cancels)

    def take(self, record: Record) -> None:
        """Take in a record of `ns.control`, in the order of its partition."""
        key = record.key or b""
        if record.value is None:
            changed = self._forget(key) is not None or self.holds.take(record)
        else:
            cancel = Cancel.of(record)
            changed = cancel is not None or self.holds.take(record)
            if cancel is not None:
                self._keep(cancel)
        if changed:
            for listener in tuple(self.listeners):
                listener()

    def cancel_for(self, envelope: Envelope) -> Cancel | None:
        """Give the cancel that covers what came in this envelope, if there is one."""
        asked_ms = None if envelope.reply_to is None else envelope.time_ms
        return self.cancel_of(envelope.task_id, envelope.deadline_ms, asked_ms=asked_ms)

    def cancel_of(
        self, task_id: str, deadline_ms: int | None, *, asked_ms: int | None = None
    ) -> Cancel | None:
        """Give the cancel that covers a record of this task with this deadline, if there is one."""
        for cancel in self._of_task.get(task_id, {}).values():
            if cancel.covers(deadline_ms, asked_ms=asked_ms):
                return cancel
        return None

    def expire(self, now_ms: int) -> Sequence[bytes]:
        """Forget the cancels whose time is over; give their keys."""
        gone: list[bytes] = []
        while self._times and (self._times[0][0] <= now_ms or len(self._cancels) > self._count_max):
            _, key = heapq.heappop(self._times)
            if self._forget(key) is not None:
                gone.append(key)
        return gone

    def _keep(self, cancel: Cancel) -> None:
        key = cancel.key
        self.cancels_taken += 1
        if key not in self._cancels:
            heapq.heappush(self._times, (cancel.kept_until_ms, key))
        self._cancels[key] = cancel
        self._of_task.setdefault(cancel.task_id, {})[key] = cancel

    def _forget(self, key: bytes) -> Cancel | None:
        cancel = self._cancels.pop(key, None)
        if cancel is None:
            return None
        others = self._of_task[cancel.task_id]
        del others[key]
        if not others:
            del self._of_task[cancel.task_id]
        return cancel
