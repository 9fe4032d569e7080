"""What a part of a team under test may use of it."""

from typing import Protocol

from handrail.bus.port import Bus
from handrail.contract.team import TeamDescription
from handrail.testing.clock import VirtualClock


class TeamGround(Protocol):
    """The description of the team, its time, and how to reach it."""

    description: TeamDescription

    @property
    def bus(self) -> Bus:
        """The test's own connection."""
        ...

    @property
    def clock(self) -> VirtualClock:
        """The clock of the team."""
        ...

    @property
    def namespace(self) -> str:
        """First part of the name of every topic."""
        ...

    @property
    def patience_s(self) -> float:
        """How long a test waits for what should happen at once, in real seconds."""
        ...
