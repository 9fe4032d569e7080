"""What an operation makes of a value. `add`, `append`, `increment` and `merge` cannot conflict.

`add` of the same items, `increment` of the same numbers and `merge` of different fields give the
same in whatever order they come; `append` keeps every item, in the order in which they came.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard, cast

import orjson

from handrail.wire.memory import Op

NUMBER_MAX: Final = 2**53 - 1  #: beyond it not every reader of JSON is exact


class DoesNotFitError(Exception):
    """The operation does not fit what is there; the text says how."""


def applied(op: Op, present: object, given: object) -> object:
    """Give the value after an operation; `present` is None where nothing is there.

    Raises DoesNotFitError.
    """
    return _ACTS[op](present, given)


def _put(present: object, given: object) -> object:
    del present
    return given


def _items(present: object, op: Op) -> list[Any]:
    if present is None:
        return []
    if not is_list(present):
        raise DoesNotFitError(f"{op} wants a list, and there is {_kind(present)}")
    return present


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Say whether a value is a list of JSON."""
    return isinstance(value, list)


def _add(present: object, given: object) -> object:
    """Give a set as a list in one fixed order, each item once."""
    found = {_written(item): item for item in [*_items(present, Op.ADD), given]}
    return [found[name] for name in sorted(found)]


def _append(present: object, given: object) -> object:
    return [*_items(present, Op.APPEND), given]


def _increment(present: object, given: object) -> object:
    total = _whole(0 if present is None else present) + _whole(given)
    if abs(total) > NUMBER_MAX:
        raise DoesNotFitError(f"the sum is beyond {NUMBER_MAX}")
    return total


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise DoesNotFitError(f"increment wants a whole number, and there is {_kind(value)}")
    return value


def _merge(present: object, given: object) -> object:
    for one in (present, given):
        if one is not None and not isinstance(one, dict):
            raise DoesNotFitError(f"merge wants an object, and there is {_kind(one)}")
    fields = cast("dict[str, object]", given or {})
    return {**cast("dict[str, object]", present or {}), **fields}


def _written(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _kind(value: object) -> str:
    words: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "a yes or no"}
    return words.get(type(value), "a number" if isinstance(value, int | float) else "nothing")


_ACTS: Final[Mapping[Op, Callable[[object, object], object]]] = {
    Op.PUT: _put,
    Op.ADD: _add,
    Op.APPEND: _append,
    Op.INCREMENT: _increment,
    Op.MERGE: _merge,
}
