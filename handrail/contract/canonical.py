"""The one JSON form of a call's arguments: the same on any machine, whatever their order.

Two calls have the same form when their arguments mean the same JSON. Of what has no JSON form only
the type counts.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, cast

import orjson
from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from pydantic_core import to_jsonable_python

_PLAIN = frozenset({int, bool, type(None)})


def plain(value: object) -> object:
    """Give plain JSON values; the members of a set in one order."""
    if type(value) in _PLAIN or (type(value) is str and value.isascii()):
        return value  # most arguments are, and each question below takes its time
    if (fields := fields_of(value)) is not None:
        return {name: plain(one) for name, one in {**fields, **given_beside(value)}.items()}
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        return {str(name): plain(one) for name, one in pairs.items()}
    if isinstance(value, AbstractSet):
        # The order of a set differs from process to process.
        members = cast("AbstractSet[object]", value)
        return sorted((plain(one) for one in members), key=canonical)
    if isinstance(value, list | tuple):
        return [plain(one) for one in cast("Sequence[object]", value)]
    return cast("object", to_jsonable_python(value, fallback=_type_only))


def fields_of(value: object) -> dict[str, object] | None:
    """Give what a model or a dataclass holds in its fields; None for whatever is none."""
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    return None


def given_beside(value: object) -> dict[str, object]:
    """Give what a model or a dataclass that takes any names was given beside its fields.

    Whoever called has chosen the names. One that a field has already has `+` behind it.
    """
    given: Mapping[str, object] = {}
    fields = fields_of(value) or {}
    if isinstance(value, BaseModel):
        given = value.model_extra or {}
    elif getattr(type(value), "__pydantic_config__", {}).get("extra") == "allow":
        around: Mapping[str, object] = getattr(value, "__dict__", {})  # one with slots has none
        given = {name: one for name, one in around.items() if name not in fields}
    found: dict[str, object] = {}
    for name, one in given.items():
        called = name
        while called in fields or (called != name and called in given):
            called += "+"
        found[called] = one
    return found


def canonical(value: object) -> bytes:
    """Give the bytes of plain JSON values: names sorted, nothing between, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def unkept(value: object) -> str | None:
    """Say in words why no record keeps what this means in JSON as it is; None for what is kept."""
    if _is_masked(value):
        return (
            "one of them is a secret, of which a record has only asterisks; its tool gets it by"
            " `secrets=` of its contract, not as an argument"
        )
    found = plain(value)
    try:
        json.dumps(found, allow_nan=False)
    except ValueError:
        return "a number in it is not finite"
    try:
        orjson.dumps(found)
    except TypeError as error:  # orjson 3.11, of a whole number of more than 64 bits and the like
        return str(error)
    return None


def _is_masked(value: object) -> bool:
    """Say whether two values that differ have one form, since pydantic shows neither."""
    if isinstance(value, SecretStr | SecretBytes | Secret):
        return True
    if (fields := fields_of(value)) is not None:
        return any(map(_is_masked, [*fields.values(), *given_beside(value).values()]))
    if isinstance(value, Mapping):
        return any(map(_is_masked, cast("Mapping[object, object]", value).values()))
    if isinstance(value, list | tuple | AbstractSet):
        return any(map(_is_masked, cast("Sequence[object]", value)))
    return False


def sha256_of(value: object) -> str:
    """Give the SHA-256 of what a value means in JSON, in hexadecimal digits."""
    return hashlib.sha256(canonical(plain(value))).hexdigest()


def _type_only(value: Any) -> str:  # noqa: ANN401 - whatever has no JSON form
    return f"<{type(value).__qualname__}>"
