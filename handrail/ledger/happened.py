"""What events of the ledger have in common: of which task, for whom, when, and at which lane."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What every event says."""

    task_id: str
    tenant: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class Acted:
    """A tool or function that has changed something outside, by name.

    What it was called with is not told: it may be about a person, and the ledger forgets nobody.
    """

    step: str  #: its path
    name: str
    perhaps: bool = False  #: it was begun or has failed, and nobody knows whether it happened


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLane(Happened):
    """What every event of a lane says: who did it, and which inbox record it was done to."""

    agent: str
    agent_version: str = ""
    process: str = ""  #: name of the process, as `handrail status` shows it
    topic: str  #: the inbox, without the namespace
    partition: int
    offset: int  #: -1 for a gathered invocation, which was made of several records
    label: str | None = None  #: of all that its run had read by then
