"""What an approval for the task adds to one for a call: how many further ones, and how free."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, cast

FOR_TASK: Final = "for_task"  #: under which a recorded decision says it
CALLS_COUNT_DEFAULT: Final = 10  #: further calls, where nobody says how many
CALLS_COUNT_MAX: Final = 100
assert 1 <= CALLS_COUNT_DEFAULT <= CALLS_COUNT_MAX


@dataclass(frozen=True, slots=True)
class ForTask:
    """How many further calls a person lets through, and in which arguments they may differ."""

    calls: int
    free: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Give it as a decision carries it."""
        return {"calls": self.calls, "free": [*self.free]}

    @classmethod
    def of(cls, fields: object) -> Self | None:
        """Read what `as_json` gave; None for anything else, which licenses nothing."""
        if not isinstance(fields, Mapping):
            return None
        found = cast("Mapping[str, object]", fields)
        calls, free = found.get("calls"), found.get("free")
        if not isinstance(calls, int) or calls < 1 or not isinstance(free, list):
            return None
        return cls(min(calls, CALLS_COUNT_MAX), tuple(map(str, cast("list[object]", free))))

    def in_words(self) -> str:
        """Say what it lets through beside the call that was shown."""
        calls = "1 further call" if self.calls == 1 else f"{self.calls} further calls"
        return f"up to {calls} {like_in_words(self.free)}"


def like_in_words(free: Sequence[str]) -> str:
    """Say how like the call that was shown a further one has to be."""
    return f"with any {' and any '.join(free)}" if free else "just like it"


def for_task_schema(free: Sequence[str]) -> dict[str, object]:
    """Give the JSON Schema of it, for a tool whose contract says what may differ."""
    names: dict[str, object] = {"enum": [*free]} if free else {"const": None}
    return {
        "type": "object",
        "properties": {
            "calls": {"type": "integer", "minimum": 1, "maximum": CALLS_COUNT_MAX},
            "free": {"type": "array", "items": names, "maxItems": len(free)},
        },
        "required": ["calls", "free"],
        "additionalProperties": False,
    }


def free_of(schema: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Read from the schema of a decision what may differ; None where it is for one call only."""
    try:
        items = schema["properties"]["for_task"]["properties"]["free"]["items"]
        return tuple(map(str, items.get("enum", ())))
    except (KeyError, TypeError, AttributeError):
        return None
