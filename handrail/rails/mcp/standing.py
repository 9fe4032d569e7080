"""Whether a tool of a server may be used: a decision on what is pinned and what is offered.

The model is given the pinned text and never the server's; what a server changes reaches nobody
before a person has looked at it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from handrail.contract.remote import engine_name
from handrail.rails.mcp.definition import Definition, differences, problem


class Standing(StrEnum):
    """How a tool stands."""

    PINNED = "pinned"  #: it is what a person has approved, and may be used
    NEW = "new"  #: nobody has approved it yet
    CHANGED = "changed"  #: quarantined: it is no longer what was approved
    HELD = "held"  #: quarantined by a person
    GONE = "gone"  #: approved, and the server no longer offers it
    UNUSABLE = "unusable"  #: no approval could help: its definition is none
    UNWANTED = "unwanted"  #: `only` does not name it

    @property
    def usable(self) -> bool:
        """Whether it may be called."""
        return self is Standing.PINNED


@dataclass(frozen=True, slots=True)
class Pin:
    """What a person has approved."""

    definition: Definition
    by: str
    at: str
    held: str | None = None  #: why a person has quarantined it


@dataclass(frozen=True, slots=True)
class Judged:
    """One tool of a server and how it stands."""

    name: str  #: as the engine knows it
    standing: Standing
    detail: str  #: in words
    offered: Definition | None
    pin: Pin | None


def judge(
    server: str,
    offered: Sequence[Definition],
    pins: Mapping[str, Pin],
    only: Sequence[str] = (),
) -> list[Judged]:
    """Say how each tool stands, those that are gone last."""
    found = [_judge(server, one, pins.get(one.name), only) for one in offered]
    twice = {one.name for one in found if [each.name for each in found].count(one.name) > 1}
    found = [
        Judged(one.name, Standing.UNUSABLE, "two tools have this name", one.offered, one.pin)
        if one.name in twice
        else one
        for one in found
    ]
    there = {one.name for one in offered}
    return found + [
        Judged(
            engine_name(server, name), Standing.GONE, "the server no longer offers it", None, pin
        )
        for name, pin in sorted(pins.items())
        if name not in there
    ]


def _judge(server: str, found: Definition, pin: Pin | None, only: Sequence[str]) -> Judged:
    name = engine_name(server, found.name)
    if reason := problem(found):
        return Judged(name, Standing.UNUSABLE, reason, found, pin)
    if only and found.name not in only:
        return Judged(name, Standing.UNWANTED, "`only` does not name it", found, pin)
    if pin is None:
        return Judged(name, Standing.NEW, "nobody has approved it yet", found, pin)
    if pin.held is not None:
        return Judged(name, Standing.HELD, f"quarantined: {pin.held}", found, pin)
    if pin.definition.digest != found.digest:
        said = "; ".join(differences(pin.definition, found))
        return Judged(name, Standing.CHANGED, f"since it was approved {said}", found, pin)
    return Judged(name, Standing.PINNED, f"approved by {pin.by}", found, pin)
