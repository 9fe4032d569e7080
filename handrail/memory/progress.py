"""How far a view has come, as a value: whether it holds what an agent before this one has written.

A keeper's transaction becomes visible on one partition after the other. What its mark says of the
other topics tells a reader of all of them whether something is still on its way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from handrail.wire.memory import HISTORY, AppliedMark, Positions, space_topic


@dataclass(frozen=True, slots=True)
class Progress:
    """The newest mark of each partition, and up to which command each topic was seen."""

    marks: Mapping[int, AppliedMark] = field(default_factory=dict[int, AppliedMark])
    #: (topic without namespace, partition) → offset of the last command seen there
    seen: Mapping[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    topics: frozenset[str] = frozenset()  #: those that are followed
    #: what was held before: a newer mark that arrives first takes nothing of it back
    held: Mapping[int, int] = field(default_factory=dict[int, int], compare=False)

    def missing(self, wanted: Positions) -> tuple[int, int, int] | None:
        """Give (partition, at, wanted) of a partition that has not come so far, or None."""
        for partition, offset in wanted.by_partition.items():
            at = self.applied(partition)
            if at < offset:
                return partition, at, offset
        return None

    def holds(self, wanted: Positions) -> bool:
        """Say whether everything that these commands have written is here."""
        return self.missing(wanted) is None

    def applied(self, partition: int) -> int:
        """Give the offset of the last command of which everything is here; -1 for none."""
        mark = self.marks.get(partition)
        if mark is None:
            return self.held.get(partition, -1)
        expected = {space_topic(space): offset for space, offset in mark.spaces.items()}
        expected[HISTORY] = mark.history
        behind = [
            self.seen.get((topic, partition), -1)
            for topic, offset in expected.items()
            if topic in self.topics and self.seen.get((topic, partition), -1) < offset
        ]
        # What is missing came after the last command that was seen where it is missing.
        return max(self.held.get(partition, -1), min([mark.applied, *behind]))

    def followed_by(self, later: "Progress") -> "Progress":
        """Give a later progress of the same filling, which holds no less than this one."""
        held = {partition: self.applied(partition) for partition in {*self.marks, *self.held}}
        return replace(later, held=held)
