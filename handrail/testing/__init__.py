"""For tests of agents: a whole team in one process, a scripted model, faked tools, moved time.

`async with Team(clerk, tools=[refund]) as team:` is all that a test needs.
"""

from handrail.testing.model import calls, says
from handrail.testing.task import TeamTask
from handrail.testing.team import Team
from handrail.testing.unscripted import UnscriptedError

__all__ = ["Team", "TeamTask", "UnscriptedError", "calls", "says"]
