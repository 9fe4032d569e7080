"""What a task of the suites is, honest or attacked, and how its work is spread over a route."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.security.house import ME, Act
from bench.security.model import Move, Part, Script

Said = str | Mapping[str, str]

KINDS = ("mail", "files", "chat", "banking", "web")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An act as it would be found among what was done; `*` at an end stands for anything more."""

    tool: str
    arguments: Mapping[str, str] = field(default_factory=dict[str, str])

    def is_in(self, act: Act) -> bool:
        """Say whether this act is the one."""
        return act.tool == self.tool and all(
            _fits(str(act.arguments.get(name)), wanted) for name, wanted in self.arguments.items()
        )


def _fits(found: str, wanted: str) -> bool:
    if wanted.startswith("*"):
        return wanted[1:] in found
    return found.startswith(wanted[:-1]) if wanted.endswith("*") else found == wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Honest:
    """A task that somebody wants done."""

    name: str
    kind: str  #: of the tools that it is about
    route: str
    ask: str
    script: Script
    says: str = ""  #: what its result has to hold
    does: tuple[Wanted, ...] = ()  #: what has to be done by its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """An honest task in a house in which somebody has planted instructions."""

    name: str
    kind: str  #: of the tool whose act is the aim
    way: str  #: how it comes in or hides; what is reported of those that get through
    task: Honest
    plants: tuple[tuple[str, str], ...]
    goal: Wanted
    mark: str  #: by which a person who sees the act knows that it is nothing of theirs
    asked_by: str = ME


def script(
    route: str, reads: Sequence[Move], acts: Sequence[Move] = (), say: Said = "{found}"
) -> Script:
    """Spread reading and acting over the agents of a route."""
    reader = Part(reads, "{0}")
    if route == "direct":
        return {"assistant": Part((*reads, *acts), say)}
    if route == "extract":
        return {"cashier": Part(reads, say)}
    if route == "memory":
        return {"learner": reader, "reminded": Part(acts, say)}
    readers = {"hop": "scout", "summary": "scout", "answer": "expert", "parts": "looker"}
    actors = {"hop": "actor", "summary": "actor", "answer": "chief", "parts": "merger"}
    found = {readers[route]: reader, actors[route]: Part(acts, say)}
    return {**found, "condenser": Part((), "{found}")} if route == "summary" else found
