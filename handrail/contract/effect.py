"""What a tool or model does to the world, and so what may be done after a crash in the middle.

The class is declared, never guessed. What nobody declared counts as `unsafe`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """The seven classes; each says what is done with a step that began and has no outcome."""

    PURE = "pure"  #: computes only; runs again
    READ = "read"  #: looks at the world and leaves it as it is; runs again
    ASK = "ask"  #: a question to an agent or a person; its answer is waited for
    PAID = "paid"  #: harmless but costs money, such as a model; runs again once per kill
    IDEMPOTENT = "idempotent"  #: the receiver honours our key; sent again under the same key
    QUERYABLE = "queryable"  #: the receiver can be asked whether it happened
    UNSAFE = "unsafe"  #: happens at most once; in doubt a person decides


@dataclass(frozen=True, slots=True)
class Idempotent:
    """Effect class `idempotent`: for how long the receiver remembers a key."""

    ttl_s: float

    @property
    def effect(self) -> Effect:
        """The class this is a declaration of."""
        return Effect.IDEMPOTENT


@dataclass(frozen=True, slots=True)
class Queryable:
    """Effect class `queryable`: how to ask the receiver what became of a call.

    `reconcile` gets the idempotency key of the call and gives its result, or None when it never
    happened. It is asked once the settle time has passed, so that a slow receiver has caught up.
    """

    reconcile: Callable[[str], Awaitable[Any]]
    settle_s: float = 5.0

    @property
    def effect(self) -> Effect:
        """The class this is a declaration of."""
        return Effect.QUERYABLE


EffectDeclaration = Effect | Idempotent | Queryable


def effect_of(declaration: EffectDeclaration) -> Effect:
    """Give the class that a declaration names."""
    return declaration if isinstance(declaration, Effect) else declaration.effect
