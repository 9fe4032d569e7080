"""What the keeper has decided of one batch and not committed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from handrail.memory.shelf import Place
from handrail.runtime.keeper_telling import Heard
from handrail.runtime.single_writer_partition import OwnPlace
from handrail.wire.memory import APPLIED_KEY, AppliedMark
from handrail.wire.record import Outgoing


@dataclass
class Batch:
    """What is decided and not committed."""

    heard: Sequence[Heard] = ()
    state: dict[Place, Outgoing] = field(default_factory=dict[Place, Outgoing])
    of_subjects: list[Outgoing] = field(default_factory=list[Outgoing])
    rest: list[Outgoing] = field(default_factory=list[Outgoing])
    wanted: set[OwnPlace] = field(default_factory=set[OwnPlace])
    refused: Counter[str] = field(default_factory=Counter[str])
    order: list[Place | None] = field(default_factory=list[Place | None])
    mark: AppliedMark | None = None
    wrote: dict[str, int] = field(default_factory=dict[str, int])
    #: ^ space → the last command that wrote to its topic
    history: int = -1  #: the last command that wrote to the history
    expired_count: int = 0  #: records that it removes since their time is over
    forgotten_count: int = 0  #: and those that it removes since their subject is forgotten
    left_count: int = 0  #: commands at its end on which it does not decide yet

    def all_of_it(
        self,
        applied: int,
        before: AppliedMark | None,
        topics: Mapping[str, str],
        partition: int,
    ) -> list[Outgoing]:
        """Give its records, with marks that say that commands are taken up to `applied`.

        The marks stand at the end of each topic that it writes to, or of any one; `topics` are
        those of the spaces, as the broker names them, and `before` is the newest mark so far.
        """
        self.mark = AppliedMark(applied=applied, spaces=self.wrote, history=self.history)
        self.mark = self.mark.joined(before)
        body = self.mark.encode()
        marks = [
            Outgoing(topics[space], APPLIED_KEY, body, (), partition)
            for space in sorted(self.wrote) or sorted(topics)[:1]
        ]
        out = [*self.state.values(), *self.of_subjects, *self.rest, *marks]
        self.order = [*self.state, *[None] * (len(out) - len(self.state))]
        return out
