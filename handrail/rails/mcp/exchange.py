"""What our side knows of one call's way over HTTP: whether it left, and how it was answered.

The SDK tells neither. The HTTP client notes both for the call in whose context it works: the SDK
carries the context of a call to the task that sends its request (mcp 2.3). Guarantee: `sent` is
true before the first byte of a request can have left.
"""

import contextvars
from collections.abc import Mapping
from dataclasses import dataclass

from handrail.rails.mcp.ending import HttpAnswer

#: A redirect after which the same request is sent again, because the first was not carried out.
SENT_ON = frozenset({307, 308})
BEGUN = ".send_request_headers.started"  #: httpcore2 2.16, before it writes a request


@dataclass(slots=True)
class Exchange:
    """The requests of one call."""

    sent: bool = False
    _answer: HttpAnswer | None = None
    _begun_count: int = 0

    @property
    def answer(self) -> HttpAnswer | None:
        """The answer to its request; None while there is none, and after more than one request.

        What a second one is answered says nothing of the first.
        """
        return self._answer if self._begun_count == 1 else None

    def begin(self) -> None:
        """A request is on its way to be sent."""
        if self._answer is not None and self._answer.status in SENT_ON:
            self._begun_count -= 1
        self._begun_count += 1
        self._answer = None

    def answered(self, answer: HttpAnswer) -> None:
        """It was answered; the body is yet to come."""
        self._answer = answer

    async def trace(self, event: str, _: Mapping[str, object]) -> None:
        """Hear of what the HTTP client does."""
        if event.endswith(BEGUN):
            self.sent = True


_EXCHANGE: contextvars.ContextVar[Exchange | None] = contextvars.ContextVar(
    "exchange of an MCP call", default=None
)


def current() -> Exchange | None:
    """Give the call in whose context this runs."""
    return _EXCHANGE.get()


def context_of(exchange: Exchange) -> contextvars.Context:
    """Give a context in which requests belong to this call."""
    context = contextvars.copy_context()
    context.run(_EXCHANGE.set, exchange)
    return context
