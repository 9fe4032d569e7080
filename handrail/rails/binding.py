"""What exactly was approved: the act, its arguments, who it is for, by which rules, until when.

The digest is made anew by whoever shows the act to a person and by the lane that carries it out.
Any difference between the two makes another digest, and another digest licenses nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from handrail.contract.canonical import sha256_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Everything that an approval is bound to."""

    request: str  #: id of the request, which is used once
    tool: str
    tool_version: str
    policy_version: str
    arguments: Mapping[str, Any]  #: plain JSON values
    task: str
    tenant: str
    expires_ms: int

    @property
    def digest(self) -> str:
        """SHA-256 over all of it."""
        return sha256_of(asdict(self))

    def as_json(self) -> dict[str, object]:
        """Give it as a request carries it."""
        return asdict(self)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave. Raises TypeError or KeyError for anything else."""
        texts = ("request", "tool", "tool_version", "policy_version", "task", "tenant")
        return cls(
            **{name: str(fields[name]) for name in texts},
            arguments=dict(fields["arguments"]),
            expires_ms=int(fields["expires_ms"]),
        )
