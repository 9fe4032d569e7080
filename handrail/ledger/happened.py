"""What every event of the ledger says: of which task, for whom, and when."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What every event says."""

    task_id: str
    tenant: str
    time_ms: int
