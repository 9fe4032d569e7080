"""How the undo of an act gets its arguments: by name, from what the act was given and what it gave.

Pure. An argument of the undo that has the name of an argument of the act is that one; else the
field of that name of the act's result; `result` is the whole of it. Of an act only that is kept.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from handrail.contract.tool import Tool

RESULT = "result"


def undo_arguments(
    undo: Tool[..., Any], arguments: Mapping[str, Any], result: object
) -> dict[str, Any]:
    """Give the arguments of the undo of an act, as plain JSON values."""
    return bound(arguments, result, _takes(undo))


def bound(
    arguments: Mapping[str, Any], result: object, takes: Iterable[str] | None
) -> dict[str, Any]:
    """Bind what an undo takes; all that there is when nobody knows what that is."""
    known: dict[str, Any] = {RESULT: result, **_fields(result), **arguments}
    return {name: known[name] for name in (known if takes is None else takes) if name in known}


def kept_of(
    takes: Collection[str] | None, arguments: Mapping[str, Any], result: object
) -> tuple[dict[str, Any], object]:
    """Give what an undo that takes these needs of arguments and result; None: nobody knows which.

    `undo_arguments` binds the same of it as of the whole.
    """
    if takes is None:
        return dict(arguments), result
    given = {name: value for name, value in arguments.items() if name in takes}
    left = set(takes) - given.keys()
    fields = _fields(result)
    if RESULT in left and RESULT not in fields:
        return given, result
    return given, {name: value for name, value in fields.items() if name in left} or None


def takes_of(undo: Tool[..., Any]) -> frozenset[str]:
    """Name the arguments of an undo."""
    return frozenset(_takes(undo))


def unbound(undo: Tool[..., Any], tool: Tool[..., Any]) -> list[str]:
    """Name what an undo has to be given and nothing of the act is called."""
    required = set(cast("list[str]", undo.args_schema.get("required", [])))
    schema = tool.contract.returns.json_schema(mode="serialization")
    given = {RESULT, *_takes(tool), *_properties(schema)}
    return sorted(required - given)


def _fields(result: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", result) if isinstance(result, Mapping) else {}


def _takes(tool: Tool[..., Any]) -> list[str]:
    return _properties(tool.args_schema)


def _properties(schema: Mapping[str, Any]) -> list[str]:
    found = schema.get("properties")
    if found is None and isinstance(reference := schema.get("$ref"), str):
        named = cast("Mapping[str, Any]", schema.get("$defs", {}))
        found = named.get(reference.rpartition("/")[2], {}).get("properties")
    return list(cast("dict[str, Any]", found)) if isinstance(found, dict) else []
