"""The shapes that a handler may have, for type checkers: each is checked against the topics.

A handler takes one message or the `Parts` of a fan-out, and a context if it wants one; it gives
back a message, a list, a Handoff or nothing. A wrong message type or a wrong result is reported
where the agent is declared. Called directly, an agent keeps the result type of its function: a
message, a list, nothing, a message or nothing; any other mixture as the union of all four.
"""

# mypy sees that `M` might itself be a `Parts`; no topic can carry one, so the overlap is empty.
# mypy: disable-error-code="overload-overlap"

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from handrail.contract.context import Context
from handrail.contract.handoff import Handoff
from handrail.contract.parts import Parts

if TYPE_CHECKING:
    from handrail.contract.agent import Agent

M = TypeVar("M")  #: what the inbox carries
W = TypeVar("W")  #: what the topics that are written to carry


class Declare(Protocol[M, W]):
    """The decorator that `agent(...)` gives."""

    @overload
    def __call__(
        self, handler: Callable[[Parts[M]], Coroutine[Any, Any, W]], /
    ) -> "Agent[[Parts[M]], W]": ...
    @overload
    def __call__(
        self, handler: Callable[[Parts[M]], Coroutine[Any, Any, list[W]]], /
    ) -> "Agent[[Parts[M]], list[W]]": ...
    @overload
    def __call__(
        self, handler: Callable[[Parts[M]], Coroutine[Any, Any, None]], /
    ) -> "Agent[[Parts[M]], None]": ...
    @overload
    def __call__(
        self, handler: Callable[[Parts[M]], Coroutine[Any, Any, W | None]], /
    ) -> "Agent[[Parts[M]], W | None]": ...
    @overload
    def __call__(
        self,
        handler: Callable[
            [Parts[M]], Coroutine[Any, Any, W | Sequence[W | Handoff[W]] | Handoff[W] | None]
        ],
        /,
    ) -> "Agent[[Parts[M]], W | Sequence[W | Handoff[W]] | Handoff[W] | None]": ...
    @overload
    def __call__(
        self, handler: Callable[[Parts[M], Context], Coroutine[Any, Any, W]], /
    ) -> "Agent[[Parts[M], Context], W]": ...
    @overload
    def __call__(
        self, handler: Callable[[Parts[M], Context], Coroutine[Any, Any, list[W]]], /
    ) -> "Agent[[Parts[M], Context], list[W]]": ...
    @overload
    def __call__(
        self, handler: Callable[[Parts[M], Context], Coroutine[Any, Any, None]], /
    ) -> "Agent[[Parts[M], Context], None]": ...
    @overload
    def __call__(
        self, handler: Callable[[Parts[M], Context], Coroutine[Any, Any, W | None]], /
    ) -> "Agent[[Parts[M], Context], W | None]": ...
    @overload
    def __call__(
        self,
        handler: Callable[
            [Parts[M], Context],
            Coroutine[Any, Any, W | Sequence[W | Handoff[W]] | Handoff[W] | None],
        ],
        /,
    ) -> "Agent[[Parts[M], Context], W | Sequence[W | Handoff[W]] | Handoff[W] | None]": ...
    @overload
    def __call__(self, handler: Callable[[M], Coroutine[Any, Any, W]], /) -> "Agent[[M], W]": ...
    @overload
    def __call__(
        self, handler: Callable[[M], Coroutine[Any, Any, list[W]]], /
    ) -> "Agent[[M], list[W]]": ...
    @overload
    def __call__(
        self, handler: Callable[[M], Coroutine[Any, Any, None]], /
    ) -> "Agent[[M], None]": ...
    @overload
    def __call__(
        self, handler: Callable[[M], Coroutine[Any, Any, W | None]], /
    ) -> "Agent[[M], W | None]": ...
    @overload
    def __call__(
        self,
        handler: Callable[
            [M], Coroutine[Any, Any, W | Sequence[W | Handoff[W]] | Handoff[W] | None]
        ],
        /,
    ) -> "Agent[[M], W | Sequence[W | Handoff[W]] | Handoff[W] | None]": ...
    @overload
    def __call__(
        self, handler: Callable[[M, Context], Coroutine[Any, Any, W]], /
    ) -> "Agent[[M, Context], W]": ...
    @overload
    def __call__(
        self, handler: Callable[[M, Context], Coroutine[Any, Any, list[W]]], /
    ) -> "Agent[[M, Context], list[W]]": ...
    @overload
    def __call__(
        self, handler: Callable[[M, Context], Coroutine[Any, Any, None]], /
    ) -> "Agent[[M, Context], None]": ...
    @overload
    def __call__(
        self, handler: Callable[[M, Context], Coroutine[Any, Any, W | None]], /
    ) -> "Agent[[M, Context], W | None]": ...
    @overload
    def __call__(
        self,
        handler: Callable[
            [M, Context], Coroutine[Any, Any, W | Sequence[W | Handoff[W]] | Handoff[W] | None]
        ],
        /,
    ) -> "Agent[[M, Context], W | Sequence[W | Handoff[W]] | Handoff[W] | None]": ...
