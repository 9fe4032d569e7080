"""Consumer groups in memory: eager rebalances, generations, sticky assignment, sessions.

A member counts as alive until its connection is killed or cut off; a session then runs on the
clock that the broker was given. Nothing here waits in real time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from handrail.bus.port import Committed
from handrail.wire.record import TopicPartition

REBALANCE_TIMEOUT_MS = 30_000


@dataclass(slots=True)
class Member:
    """One member as the coordinator sees it; `wake` tells the client that something changed."""

    member_id: str
    topics: tuple[str, ...]
    wake: Callable[[], None]
    joined: bool = True
    silent_since_ms: int | None = None
    partitions: frozenset[TopicPartition] = frozenset()


@dataclass(slots=True)
class Group:
    """The coordinator's view of one group."""

    name: str
    session_ms: int
    generation: int = 0
    members: dict[str, Member] = field(default_factory=dict[str, Member])
    offsets: dict[TopicPartition, Committed] = field(
        default_factory=dict[TopicPartition, Committed]
    )
    rebalancing: bool = False
    rejoin_until_ms: int = 0
    joined_ever: int = 0

    def join(self, topics: Sequence[str], wake: Callable[[], None], now_ms: int) -> str:
        """Take in a new member and give it its id; everybody else is asked to rejoin."""
        self.joined_ever += 1
        member_id = f"{self.name}-{self.joined_ever}"
        self._rebalance(now_ms)
        self.members[member_id] = Member(member_id, tuple(topics), wake)
        return member_id

    def rejoin(self, member_id: str) -> None:
        """Hear that a member has let go of its partitions and waits for new ones."""
        self.members[member_id].joined = True

    def assign_anew(self, now_ms: int) -> None:
        """Ask everybody to let go and rejoin, as a member may demand."""
        self._rebalance(now_ms)

    def leave(self, member_id: str, now_ms: int) -> None:
        """Take a member out; the others share its partitions."""
        member = self.members.pop(member_id, None)
        if member is not None:
            member.wake()
            self._rebalance(now_ms)

    def _rebalance(self, now_ms: int) -> None:
        if not self.rebalancing:
            self.rebalancing = True
            for member in self.members.values():
                member.joined = False
        self.rejoin_until_ms = now_ms + REBALANCE_TIMEOUT_MS
        for member in self.members.values():
            member.wake()

    def tick(self, now_ms: int, partitions: Mapping[str, int]) -> None:
        """Expel whom the clock condemns and finish a rebalance that everybody has joined."""
        for member in list(self.members.values()):
            silent = member.silent_since_ms
            late = self.rebalancing and not member.joined and now_ms > self.rejoin_until_ms
            if late or (silent is not None and now_ms - silent >= self.session_ms):
                self.leave(member.member_id, now_ms)
        if self.rebalancing and self.members and all(m.joined for m in self.members.values()):
            self._assign(partitions)

    def _assign(self, partitions: Mapping[str, int]) -> None:
        self.rebalancing = False
        self.generation += 1
        shares = sticky(self.members, partitions)
        for member_id, share in shares.items():
            self.members[member_id].partitions = share
            self.members[member_id].wake()

    def recognises(self, member_id: str, generation: int) -> bool:
        """Say whether an offset commit under this membership would be accepted."""
        return member_id in self.members and generation == self.generation


def sticky(
    members: Mapping[str, Member], partitions: Mapping[str, int]
) -> dict[str, frozenset[TopicPartition]]:
    """Share out all partitions evenly and move few; the same input gives the same shares."""
    topics = {topic for member in members.values() for topic in member.topics}
    free = {TopicPartition(t, p) for t in topics for p in range(partitions.get(t, 0))}
    shares: dict[str, set[TopicPartition]] = {member_id: set() for member_id in members}
    if not shares:
        return {}
    smallest, larger = divmod(len(free), len(shares))
    by_holding = sorted(members, key=lambda m: (-len(members[m].partitions), m))
    for member_id in by_holding:
        quota = smallest + 1 if larger > 0 else smallest
        kept = sorted(members[member_id].partitions & free)[:quota]
        larger -= 1 if len(kept) > smallest else 0
        shares[member_id].update(kept)
        free.difference_update(kept)
    for partition in sorted(free):
        willing = [m for m in shares if partition.topic in members[m].topics]
        shares[min(willing, key=lambda m: (len(shares[m]), m))].add(partition)
    return {member_id: frozenset(share) for member_id, share in shares.items()}
