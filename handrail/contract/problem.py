"""A refusal as a problem object (RFC 9457 with our own members), for whoever may see how much.

Guarantee: the model is told title, detail and remedy and nothing else; an operator everything; a
stack trace nobody. Every text is one line of bounded length.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

from handrail.contract.failure import Refused, RetryClass, State

TEXT_CHARS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why an act did not take place as asked, and what to do."""

    state: State
    title: str
    detail: str
    remedy: str
    retry: RetryClass
    retry_after: float | None = None  #: seconds
    owner: str | None = None  #: who answers for the tool
    trace: str | None = None  #: under which operators find the rest

    @classmethod
    def of(cls, refused: Refused, *, owner: str | None = None, trace: str | None = None) -> Self:
        """Give the problem that a refusal is."""
        return cls(
            state=refused.state,
            title=_line(refused.title),
            detail=_line(refused.detail),
            remedy=_line(refused.remedy),
            retry=refused.retry,
            retry_after=refused.retry_after_s,
            owner=owner,
            trace=trace,
        )

    def for_model(self) -> dict[str, str]:
        """Give what a model is told."""
        return {"title": self.title, "detail": self.detail, "remedy": self.remedy}

    def for_operator(self) -> dict[str, Any]:
        """Give all of it, as `application/problem+json` has it; what is unknown is left out."""
        own = {name: value for name, value in asdict(self).items() if value is not None}
        return {"type": f"urn:handrail:problem:{self.state}", **own}


def _line(text: str) -> str:
    line = " ".join(text[: 4 * TEXT_CHARS_MAX].split())
    return line if len(line) <= TEXT_CHARS_MAX else f"{line[: TEXT_CHARS_MAX - 1]}…"
