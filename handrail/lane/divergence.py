"""Says in words how a handler that is run again has left the way that is recorded."""

import re
from typing import Final

from handrail.errors.steps import Diverged
from handrail.lane.journal import Entry

EDITED_SINCE: Final = "edited_since"  #: a fact of what was recorded with another message
SHOWN_CHARS_MAX = 120  #: of a step's arguments, as people see them
_TURN = re.compile(r"\d+\.m(\d+)")
_TOOL = re.compile(r"\d+\.(\d+)")


def shortened(call: str) -> str:
    """Give a call as people see it, on one line and of bounded length."""
    line = " ".join(call[: 4 * SHOWN_CHARS_MAX].split())
    return line if len(line) <= SHOWN_CHARS_MAX else f"{line[: SHOWN_CHARS_MAX - 1]}…"


def is_now(known: Entry, name: str, shown: str) -> str:
    """Say what is asked for in the place of a recorded step.

    Calls that are not the same may look it: they are shown cut, and a model's tools, sources and
    result are not shown. Then it is said where they differ, in place of the same text twice.
    """
    if (known.facts["name"], known.facts["shown"]) != (name, shown):
        return f"is now `{shown}`"
    if name == "model":
        return "is now asked with another prompt further on, or other tools, sources or returns"
    return "is now called with other arguments, alike as far as they are shown here"


def diverged(known: Entry, now: str, agent: str, version: str) -> Diverged:
    """Give the error that says what was recorded, what is there now, and why that may be."""
    because = _why(known, version)
    differs = f"{_step(known.path)} was `{known.facts['shown']}` and {now}"
    return Diverged(agent=agent, path=known.path, what_differs=differs, because=because)


def _why(known: Entry, version: str) -> str:
    then = known.agent_version
    if known.facts.get(EDITED_SINCE):
        first = known.path.partition(".")[0]
        anew = f": --from-step {first} has it done anew" if first.isdigit() else ""
        also = "" if then == version else f", and the code changed between {then} and {version}"
        return (
            "the message was edited when it was sent back, and this is recorded with the one"
            f" before it{anew}{also}"
        )
    if then != version:
        return f"the code changed between {then} and {version}"
    return (
        f"the code took another way, in the same version {version}: it changed without a new"
        " version, or it depends on time, chance or its surroundings outside of a step"
    )


def _step(path: str) -> str:
    """Name a step by its path, as the documentation of `Context` numbers them."""
    if turn := _TURN.fullmatch(path):
        return f"step {path} (turn {turn[1]} of its model)"
    if tool := _TOOL.fullmatch(path):
        return f"step {path} (call {tool[1]} of its model)"
    return f"step {path}"
