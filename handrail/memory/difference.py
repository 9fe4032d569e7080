"""In which fields two values differ, by the path of each field."""

from typing import Any, Final, cast

WHOLE: Final = "(value)"


def difference(before: Any, after: Any) -> list[tuple[str, Any, Any]]:  # noqa: ANN401  # plain JSON
    """Give path, old and new value of every field that differs; None stands for one that is not."""
    return sorted(_differing(before, after, ""), key=lambda one: one[0])


def _differing(before: Any, after: Any, path: str) -> list[tuple[str, Any, Any]]:  # noqa: ANN401  # plain JSON
    if before == after and type(before) is type(after):
        return []
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return [(path or WHOLE, before, after)]
    old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
    found: list[tuple[str, Any, Any]] = []
    for name in old.keys() | new.keys():
        found += _differing(old.get(name), new.get(name), f"{path}.{name}" if path else name)
    return found
