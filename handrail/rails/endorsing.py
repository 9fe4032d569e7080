"""Raises what was taken out of an untrusted text, field by field, when there is nothing free in it.

Pure. A value is endorsed when its type leaves whoever wrote the text no word of their own: a choice
of an enumeration or of literals, a flag, a number between two bounds, or a text or an id that
stands in a list which the caller gives. Everything else is refused, in words.
"""

import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Allowed = Mapping[str, Collection[object]]

ALLOWED_COUNT_MAX: Final = 10_000  #: values of one list


def not_endorsable(value: object, allowed: Allowed) -> str | None:
    """Say in words why nobody can vouch for a value; None for one that is closed."""
    if not isinstance(value, BaseModel):
        return f"a {type(value).__name__} has no declared fields: give a pydantic model"
    unknown = sorted(set(allowed) - _names(type(value)))
    if unknown:
        return f"it has no field {unknown[0]}, for which a list was given"
    for name, field in type(value).model_fields.items():
        inner = getattr(value, name)
        why = _not_closed(field, inner, allowed.get(name), allowed)
        if why is not None:
            return f"its field {name} {why}"
    return None


def _names(model: type[BaseModel]) -> set[str]:
    found = set(model.model_fields)
    for field in model.model_fields.values():
        for one in (field.annotation, *get_args(field.annotation)):
            if isinstance(one, type) and issubclass(one, BaseModel):
                found |= _names(one)
    return found


def _not_closed(
    field: FieldInfo, value: object, listed: Collection[object] | None, allowed: Allowed
) -> str | None:
    if listed is not None:
        values = cast("list[object]", [*value]) if isinstance(value, list | tuple) else [value]
        left = [one for one in values if one is not None and one not in listed]
        return f"is {left[0]!r:.40}, which is not in its list" if left else None
    return _open_in(field.annotation, field.metadata, value, allowed)


def _open_in(kind: Any, bounds: list[Any], value: object, allowed: Allowed) -> str | None:  # noqa: ANN401 - an annotation
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *more = get_args(kind)
        return _open_in(inner, [*bounds, *more], value, allowed)
    if origin is Literal or kind in (bool, NoneType):
        return None
    if isinstance(kind, type) and issubclass(kind, Enum):
        return None
    if isinstance(value, BaseModel):
        return not_endorsable(value, {n: a for n, a in allowed.items() if n in _names(type(value))})
    if origin in (Union, UnionType):
        return _open_in_union(get_args(kind), bounds, value, allowed)
    if origin in (list, tuple, set, frozenset):
        kinds = [one for one in get_args(kind) if one is not Ellipsis]
        return next(
            (
                why
                for one in cast("Collection[object]", value)
                for kind in kinds[:1]
                if (why := _open_in(kind, [], one, allowed)) is not None
            ),
            None,
        )
    if isinstance(value, int | float) or kind is Decimal:
        if _bounded(bounds):
            return None
        return "is a number without bounds: declare both, such as Field(ge=0, le=100)"
    return "is free text: make it an Enum or a Literal, or give a list of what it may be"


def _open_in_union(
    kinds: tuple[Any, ...], bounds: list[Any], value: object, allowed: Allowed
) -> str | None:
    if value is None:
        return None
    found = [_open_in(one, bounds, value, allowed) for one in kinds if one is not NoneType]
    # Which of them it is nobody says, so each of them has to be closed.
    return next((why for why in found if why is not None), None)


def _bounded(bounds: list[Any]) -> bool:
    """Say whether a number lies between two finite bounds."""
    flat = [one for bound in bounds for one in getattr(bound, "metadata", [bound])]
    least = [v for one in flat for n in ("ge", "gt") if (v := getattr(one, n, None)) is not None]
    most = [v for one in flat for n in ("le", "lt") if (v := getattr(one, n, None)) is not None]
    return bool(least and most) and all(math.isfinite(one) for one in (*least, *most))
