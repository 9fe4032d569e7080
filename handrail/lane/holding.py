"""What people have halted: an agent or a tenant, by pause or by drain. Pure.

Paused: nothing of it begins, and no further step of what runs. Drained: nothing of it begins, and
what has begun goes on to its end. Both hold until they are lifted, through restarts as well; a
step that has begun to act ends in either case.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import orjson

from handrail.wire.codec import JSON_TYPE, encode_time
from handrail.wire.record import Outgoing, Record

HOLD_TYPE: Final = b"handrail_hold.v1"
SOURCE: Final = b"handrail/client"
HOLD_REASON_CHARS_MAX = 500


class Halt(StrEnum):
    """How much is halted; the word is the last part of the switch's key."""

    PAUSE = "pause"  #: nothing begins, no further step of what runs either
    DRAIN = "drain"  #: nothing begins, what has begun goes on


class Scope(StrEnum):
    """What kind of target it is; the word is the first part of the switch's key."""

    AGENT = "agent"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a switch is about."""

    scope: Scope
    name: str

    def key(self, halt: Halt) -> bytes:
        """Give the key of its switch: target, then switch."""
        return f"{self.scope}:{self.name}/{halt}".encode(errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class Hold:
    """A switch that a person has set."""

    target: Target
    halt: Halt
    by: str
    why: str
    since_ms: int

    def outgoing(self, topic: str) -> Outgoing:
        """Give its record; the broker chooses the partition by the key."""
        body = {
            "scope": self.target.scope,
            "name": self.target.name,
            "halt": self.halt,
            "by": self.by,
            "why": self.why[:HOLD_REASON_CHARS_MAX],
            "since_ms": self.since_ms,
        }
        key = self.target.key(self.halt)
        headers = (
            ("ce_specversion", b"1.0"),
            ("ce_type", HOLD_TYPE),
            ("ce_source", SOURCE),
            ("ce_id", key),
            ("ce_time", encode_time(self.since_ms).encode()),
            ("content-type", JSON_TYPE.encode()),
        )
        return Outgoing(topic, key, orjson.dumps(body), headers)

    @classmethod
    def of(cls, record: Record) -> "Hold | None":
        """Read a record of `ns.control`; None when it is none that this version can read."""
        if record.header("ce_type") != HOLD_TYPE or record.value is None:
            return None
        try:
            body = orjson.loads(record.value)
            target = Target(Scope(body["scope"]), str(body["name"]))
            halt = Halt(body["halt"])
            found = cls(target, halt, str(body["by"]), str(body["why"]), int(body["since_ms"]))
        except (ValueError, KeyError, TypeError):
            return None
        return found if target.key(halt) == record.key else None


class Holds:
    """All that is halted, as one process knows it. Not thread-safe."""

    def __init__(self) -> None:
        """Know of none."""
        self._all: dict[bytes, Hold] = {}

    def __iter__(self) -> Iterator[Hold]:
        """Give them in the order of their keys."""
        return iter([self._all[key] for key in sorted(self._all)])

    def take(self, record: Record) -> bool:
        """Take in a record of `ns.control`; say whether anything changed."""
        key = record.key or b""
        if record.value is None:
            return self._all.pop(key, None) is not None
        hold = Hold.of(record)
        if hold is None:
            return False
        self._all[key] = hold
        return True

    def pause_of(self, agent: str, tenant: str) -> Hold | None:
        """Give what pauses this agent, or whatever it does for this tenant."""
        return self._of(Halt.PAUSE, agent, tenant)

    def drain_of(self, agent: str, tenant: str) -> Hold | None:
        """Give what keeps it from beginning anything."""
        return self.pause_of(agent, tenant) or self._of(Halt.DRAIN, agent, tenant)

    def of_agent(self, agent: str) -> Hold | None:
        """Give what keeps the whole agent from beginning anything."""
        if not self._all:
            return None
        for halt in Halt:
            hold = self._all.get(Target(Scope.AGENT, agent).key(halt))
            if hold is not None:
                return hold
        return None

    def _of(self, halt: Halt, agent: str, tenant: str) -> Hold | None:
        if not self._all:
            return None
        by_agent = self._all.get(Target(Scope.AGENT, agent).key(halt))
        return by_agent or self._all.get(Target(Scope.TENANT, tenant).key(halt))
