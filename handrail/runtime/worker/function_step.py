"""A plain function as a step: its name, whether it wants the key, and the type of its result.

The type is read from the annotation, because a replay has to make the same value from JSON.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from pydantic import TypeAdapter

from handrail.contract.annotation import annotations_of
from handrail.contract.tool import ToolContext
from handrail.errors.steps import StepInvalid

R = TypeVar("R")

FUNCTIONS_KNOWN_MAX = 256


@dataclass(frozen=True, slots=True)
class FunctionStep(Generic[R]):
    """A function that can be recorded."""

    name: str
    function: Callable[..., Awaitable[R]]
    wants_context: bool
    returns: TypeAdapter[Any]

    @classmethod
    def of(cls, function: Callable[..., Awaitable[R]], name: str | None) -> "FunctionStep[R]":
        """Read what a function declares. Raises StepInvalid with its cure."""
        if inspect.iscoroutinefunction(function) and "<locals>" not in function.__qualname__:
            wants_context, returns = _known(function)
        else:
            wants_context, returns = _read(function)
        named = name or str(getattr(function, "__name__", "step"))
        return cls(named, function, wants_context, returns)

    async def run(self, ctx: ToolContext, arguments: tuple[object, ...]) -> R:
        """Carry the function out and check its result; raises pydantic's ValidationError."""
        if self.wants_context:
            return self.accept(await self.function(ctx, *arguments))
        return self.accept(await self.function(*arguments))

    def encode(self, result: R) -> bytes:
        """Give a result as JSON."""
        return self.returns.dump_json(result, by_alias=False, round_trip=True)

    def decode(self, data: bytes) -> R:
        """Give a result that was written as JSON."""
        return cast("R", self.returns.validate_json(data, by_alias=False, by_name=True))

    def accept(self, value: object) -> R:
        """Check a value as a result."""
        return cast("R", self.returns.validate_python(value))


def _read(function: Callable[..., Any]) -> tuple[bool, TypeAdapter[Any]]:
    shown = str(getattr(function, "__qualname__", repr(function)))

    def refuse(detail: str, cure: str) -> Exception:
        return StepInvalid(step=shown, detail=detail, cure=cure)

    if not inspect.iscoroutinefunction(function):
        raise refuse("it is not an async function", "write `async def`; a lambda has no types")
    hints = annotations_of(function, refuse)
    if "return" not in hints:
        raise refuse(
            "it does not say what it gives back",
            "annotate the result: `-> Receipt`, or `-> None` when there is none",
        )
    try:
        returns: TypeAdapter[Any] = TypeAdapter(hints["return"])
    except Exception as error:
        raise refuse(
            f"its result has no JSON form: {hints['return']!r}",
            "give back a pydantic model or a JSON type",
        ) from error
    first = next(iter(inspect.signature(function).parameters), None)
    return first is not None and hints.get(first) is ToolContext, returns


#: A module's functions are read once; those made inside a function would be kept alive by it.
_known = lru_cache(maxsize=FUNCTIONS_KNOWN_MAX)(_read)
