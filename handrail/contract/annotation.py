"""Reads the annotations of a function as types, wherever the function was defined."""

# ruff: noqa: ANN401 - an annotation as a value may be anything that Python lets it be.

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

Refuse = Callable[[str, str], Exception]

_DEPTH_MAX = 12


def annotations_of(
    function: Callable[..., Any], refuse: Refuse, *, with_bounds: bool = False
) -> dict[str, Any]:
    """Give the annotations of a function, names resolved; raises what `refuse` makes.

    Names that are local to the place where the function is being decorated are found as well.
    With bounds, `Annotated` keeps what it says beside the type.
    """
    try:
        return get_type_hints(function, localns=_names_in_sight(), include_extras=with_bounds)
    except NameError as error:
        raise refuse(
            f"its annotation names {error.name!r}, which is not there when the program runs",
            f"import {error.name} outside of `if TYPE_CHECKING:`",
        ) from error
    except (TypeError, AttributeError, SyntaxError) as error:
        raise refuse(f"its annotations cannot be read: {error}", "correct them") from error


def _names_in_sight() -> Mapping[str, Any]:
    frame = inspect.currentframe()
    for _ in range(_DEPTH_MAX):
        frame = frame.f_back if frame else None
        if frame and not str(frame.f_globals.get("__name__")).startswith("handrail.contract."):
            return dict(frame.f_locals)
    return {}


def members(annotation: Any) -> tuple[Any, ...]:
    """Give the members of a union, or the annotation itself as the only one."""
    if isinstance(annotation, types.UnionType) or get_origin(annotation) is Union:
        return tuple(m for arg in get_args(annotation) for m in members(arg))
    return (annotation,)


def shown(annotation: Any) -> str:
    """Give an annotation as a person writes it."""
    if annotation is None or annotation is type(None):
        return "None"
    if get_origin(annotation) is None and isinstance(annotation, type):
        return annotation.__name__
    return str(annotation).replace("typing.", "")
