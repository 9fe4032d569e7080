"""A group member and a tail on the in-process broker.

A poll wakes as soon as something it may read is committed, and whenever the clock is moved.
"""

import asyncio
from collections.abc import Mapping, Sequence

from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.in_process_group import Group, Member
from handrail.bus.port import Committed, GroupListener, Membership
from handrail.errors import MembershipRefused
from handrail.wire.record import Record, TopicPartition


class Line:
    """The line between one connection and the broker, which a test may cut."""

    def __init__(self) -> None:
        """Begin connected."""
        self.killed = False
        self.cut_off = False

    async def alive(self) -> None:
        """Never return once the process is killed: nothing it does later can be seen."""
        if self.killed:
            await asyncio.get_running_loop().create_future()


class Reader:
    """Positions on some partitions, read in turn so that none starves the others."""

    def __init__(self, broker: InProcessBroker, line: Line) -> None:
        """Begin with no partition."""
        self._broker = broker
        self._line = line
        self.positions: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()
        self._turn = 0

    async def poll(self, timeout_s: float, records_max: int) -> list[Record]:
        """Give what there is, or wait for it until the time-out or until the clock is moved."""
        await self._line.alive()
        records = self._take(records_max)
        if not records and await self._broker.changed(timeout_s, self.positions):
            await self._line.alive()
            records = self._take(records_max)
        else:
            # A reader that never runs dry must not keep everybody else from running.
            await asyncio.sleep(0)
        return records

    def _take(self, records_max: int) -> list[Record]:
        taken: list[Record] = []
        readable = sorted(self.positions.keys() - self.paused)
        self._turn += 1
        for index in range(len(readable)):
            if len(taken) >= records_max:
                break
            where = readable[(index + self._turn) % len(readable)]
            log = self._broker.log(where)
            records, after = log.read(self.positions[where], records_max - len(taken))
            self.positions[where] = after
            taken.extend(records)
        return taken


class InProcessTail:
    """Reads partitions of the caller's choice; see `port.Tail`."""

    def __init__(
        self, broker: InProcessBroker, line: Line, positions: Mapping[TopicPartition, int]
    ) -> None:
        """Begin at these positions."""
        self._reader = Reader(broker, line)
        self._reader.positions.update(positions)

    async def poll(self, *, timeout_s: float, records_max: int = 500) -> Sequence[Record]:
        """Give committed records in order per partition; empty after the time-out."""
        return await self._reader.poll(timeout_s, records_max)

    def position(self, where: TopicPartition) -> int:
        """The next offset to be read."""
        return self._reader.positions[where]

    async def close(self) -> None:
        """Nothing to give back."""


class InProcessConsumer:
    """One member of a group; see `port.GroupConsumer`. One task follows the rebalances."""

    def __init__(
        self,
        broker: InProcessBroker,
        line: Line,
        group: str,
        topics: Sequence[str],
        listener: GroupListener,
    ) -> None:
        """Prepare; nothing happens before `start`."""
        self._broker = broker
        self._line = line
        self._group_name = group
        self._topics = tuple(topics)
        self._listener = listener
        self._reader = Reader(broker, line)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._member_id: str | None = None
        self._assigned: Membership | None = None
        self._outgrown: Membership | None = None  #: under which we ask for a new assignment

    @property
    def _group(self) -> Group:
        return self._broker.group(self._group_name)

    async def start(self) -> None:
        """Join the group and follow its rebalances until `close`."""
        await self._line.alive()
        name = f"group {self._group_name}"
        self._task = asyncio.create_task(self._follow(), name=name)
        self._wake.set()

    async def _follow(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Do what the coordinator asks for: notice a loss, let go, rejoin, take partitions."""
        me = self._me()
        if me is None and self._assigned is not None:
            self._let_go()
            self._listener.on_lost()
        if self._line.cut_off:
            return
        asked, self._outgrown = self._outgrown, None
        if asked is not None and self._group.recognises(asked.member_id, asked.generation):
            self._group.assign_anew(self._broker.now_ms)
        if me is None:
            now = self._broker.now_ms
            self._member_id = self._group.join(self._topics, self._wake.set, now)
        elif self._group.rebalancing and not me.joined:
            await self._revoke()
            me = self._me()
            if me is None or self._line.cut_off:
                self._wake.set()
                return
            self._group.rejoin(me.member_id)
        elif not self._group.rebalancing:
            self._take_over(me)
        self._broker.tick()

    def _me(self) -> Member | None:
        return self._group.members.get(self._member_id or "")

    def _let_go(self) -> None:
        self._reader.positions.clear()
        self._assigned = None

    async def _revoke(self) -> None:
        partitions = frozenset(self._reader.positions)
        self._reader.paused.update(partitions)
        if self._assigned is not None:
            await self._listener.on_revoked(partitions)
        self._let_go()

    def _take_over(self, me: Member) -> None:
        membership = Membership(self._group_name, self._group.generation, me.member_id)
        if self._assigned == membership:
            return
        self._assigned = membership
        self._reader.paused = set(me.partitions)
        for where in me.partitions:
            begin = Committed(self._broker.log(where).begin, "")
            self._reader.positions[where] = self._group.offsets.get(where, begin).offset
        self._listener.on_assigned(membership, me.partitions)

    def cut(self, *, silent: bool) -> None:
        """Stop or resume the heartbeats; the session runs from now."""
        me = self._me()
        if me is not None:
            me.silent_since_ms = self._broker.now_ms if silent else None
        self._wake.set()

    def kill(self) -> None:
        """Vanish as by kill -9: the group hears nothing and waits out the session."""
        self.cut(silent=True)
        if self._task is not None:
            self._task.cancel()

    async def poll(self, *, timeout_s: float, records_max: int) -> Sequence[Record]:
        """Give what has arrived on partitions that are not paused; empty after the time-out."""
        if self._task is not None and self._task.done() and not self._line.killed:
            self._task.result()
        return await self._reader.poll(timeout_s, records_max)

    def pause(self, *partitions: TopicPartition) -> None:
        """Fetch no more from these."""
        self._reader.paused.update(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        """Fetch from these again."""
        self._reader.paused.difference_update(partitions)
        self._broker.tell_readers(partitions)

    def seek(self, where: TopicPartition, offset: int) -> None:
        """Read on from here; a partition that is not ours is left alone."""
        if where in self._reader.positions:
            self._reader.positions[where] = offset

    def membership(self) -> Membership | None:
        """Who we are now, or None."""
        return self._assigned

    async def prove_membership(
        self, membership: Membership, where: TopicPartition, *, deadline_s: float
    ) -> None:
        """Commit a constant under exactly that membership, or raise MembershipRefused."""
        await self._line.alive()
        del deadline_s  # A line that is cut off gives the same answer without waiting for it.
        group = self._broker.group(membership.group)
        if self._line.cut_off:
            reason = "the group's coordinator did not answer in time"
        elif not group.recognises(membership.member_id, membership.generation):
            reason = "the group has moved on to another generation"
        else:
            group.offsets[where] = Committed(0, "")
            return
        raise MembershipRefused(group=membership.group, where=_name(where), reason=reason)

    def rejoin(self, membership: Membership) -> None:
        """Have the group assign anew, as soon as it can be reached."""
        self._outgrown = membership
        self._wake.set()

    async def close(self) -> None:
        """Leave the group at once; does nothing after `kill`."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._member_id is not None and not (self._line.killed or self._line.cut_off):
            self._group.leave(self._member_id, self._broker.now_ms)
            self._broker.tick()
        self._member_id = None
        self._let_go()


def _name(where: TopicPartition) -> str:
    return f"{where.topic}[{where.partition}]"
