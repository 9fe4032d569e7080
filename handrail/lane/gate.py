"""What a gate before a call says: go, or wait and ask again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Go:
    """The call may be made now. `era` is the gate's own mark; hand it back with the outcome."""

    era: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now; nothing was reserved. Asking before `until_ms` is allowed and rarely helps."""

    until_ms: int
