"""Raises what was taken out of an untrusted text, field by field, when there is nothing free in it.

Pure. A value is endorsed when its type leaves whoever wrote the text no word of their own: a choice
of an enumeration or of literals, a bool, a number between two bounds, or a text or an id that
stands in a list which the caller gives. An enumeration that makes members of what it is given, a
Flag or one with `_missing_`, is none. A collection is closed when each of its places is, a model
when each of its fields is, and a choice of types when each of them is, whichever the value has.
Everything else is refused, in words.
"""

import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import Enum, Flag
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel

Allowed = Mapping[str, Collection[object]]

ALLOWED_COUNT_MAX: Final = 10_000  #: values of one list
_MANY: Final = (list, tuple, set, frozenset)
_MAKES_MEMBERS: Final = (
    "is an Enum which can be values that it does not name, as of a Flag or with `_missing_`:"
    " make it a plain Enum or a Literal, or give a list of what it may be"
)
_NONE: Final = object()  #: in place of a value, where a type may stand without one


def not_endorsable(value: object, allowed: Allowed) -> str | None:
    """Say in words why nobody can vouch for a value; None for one that is closed."""
    if not isinstance(value, BaseModel):
        return f"a {type(value).__name__} has no declared fields: give a pydantic model"
    if unknown := sorted(set(allowed) - _names(type(value), set())):
        return f"it has no field {unknown[0]}, for which a list was given"
    return _open_in_model(type(value), value, allowed, frozenset())


def _names(kind: Any, met: set[Any]) -> set[str]:  # noqa: ANN401 - an annotation
    """Give the fields of a model and of every model within it."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return {name for one in get_args(kind) for name in _names(one, met)}
    if kind in met:
        return set()
    met.add(kind)
    fields = kind.model_fields
    inside = (_names(field.annotation, met) for field in fields.values())
    return set(fields).union(*inside)


def _open_in_model(
    model: type[BaseModel], value: object, allowed: Allowed, above: frozenset[type]
) -> str | None:
    """Say what is open in a model; `value` is one of it, or `_NONE` where its type alone counts."""
    if model.model_config.get("extra") == "allow":
        return "it takes fields that nobody has declared: leave out extra='allow'"
    for name, field in model.model_fields.items():
        inner = getattr(value, name) if isinstance(value, model) else _NONE
        if name in allowed:
            why = _unlisted(inner, allowed[name])
        else:
            why = _open_in(field.annotation, field.metadata, inner, allowed, above | {model})
        if why is not None:
            return f"its field {name} {why}"
    return None


def _unlisted(value: object, listed: Collection[object]) -> str | None:
    # A text is a collection of its letters, and of every part of itself.
    known = [listed] if isinstance(listed, str | bytes) else listed
    values = cast("Collection[object]", value) if isinstance(value, _MANY) else [value]
    left = [
        one for one in values if one is not None and one is not _NONE and not _is_in(one, known)
    ]
    return f"is {left[0]!r:.40}, which is not in its list" if left else None


def _is_in(value: object, listed: Collection[object]) -> bool:
    try:
        return value in listed
    except TypeError:  # of what cannot stand in a set
        return False


def _open_in(
    kind: Any,  # noqa: ANN401 - an annotation
    bounds: list[Any],
    value: object,
    allowed: Allowed,
    above: frozenset[type],
) -> str | None:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *more = get_args(kind)
        return _open_in(inner, [*bounds, *more], value, allowed, above)
    if origin is Literal or kind in (bool, NoneType):
        return None
    if isinstance(kind, type) and issubclass(kind, Enum):
        return None if _names_all(kind) else _MAKES_MEMBERS
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if value is _NONE and kind in above:
            return None  # a part of itself, that is being looked at
        met = type(value) if isinstance(value, kind) else kind
        return _open_in_model(met, value, allowed, above)
    if origin in (Union, UnionType):
        if value is None:
            return None
        # Which of them it is nobody says, so each of them has to be closed.
        places = [(one, bounds, value) for one in get_args(kind) if one is not NoneType]
    elif origin in (list, tuple, set, frozenset, dict):
        unbound = list[Any]()
        places = [(one, unbound, inner) for one, inner in _places(kind, value)]
    elif kind in (int, float, Decimal):
        if _bounded(bounds):
            return None
        return "is a number without bounds: declare both, such as Field(ge=0, le=100)"
    else:
        return "is free text: make it an Enum or a Literal, or give a list of what it may be"
    found = (_open_in(one, more, inner, allowed, above) for one, more, inner in places)
    return next((why for why in found if why is not None), None)


def _names_all(kind: type[Enum]) -> bool:
    """Say whether nothing is of an enumeration but the members that it names."""
    made = getattr(kind._missing_, "__func__", None)
    given = getattr(Enum._missing_, "__func__", None)
    return bool(kind.__members__) and not issubclass(kind, Flag) and made is given


def _places(kind: Any, value: object) -> list[tuple[Any, object]]:  # noqa: ANN401 - an annotation
    """Give the kind of every place of a collection, filled or not, and what stands in it."""
    kinds = [one for one in get_args(kind) if one is not Ellipsis]
    places: list[tuple[Any, object]] = [(one, _NONE) for one in kinds]
    if isinstance(value, dict):
        pairs = cast("dict[object, object]", value).items()
        return places + [one for pair in pairs for one in zip(kinds, pair, strict=False)]
    if not isinstance(value, _MANY):
        return places
    within = cast("Collection[object]", value)
    if get_origin(kind) is tuple and Ellipsis not in get_args(kind):
        return places + list(zip(kinds, within, strict=False))
    return places + [(kinds[0], one) for one in within]


def _bounded(bounds: list[Any]) -> bool:
    """Say whether a number lies between two finite bounds."""
    flat = [one for bound in bounds for one in getattr(bound, "metadata", [bound])]
    least = [v for one in flat for n in ("ge", "gt") if (v := getattr(one, n, None)) is not None]
    most = [v for one in flat for n in ("le", "lt") if (v := getattr(one, n, None)) is not None]
    return bool(least and most) and all(math.isfinite(one) for one in (*least, *most))
