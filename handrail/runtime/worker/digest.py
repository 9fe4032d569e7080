"""Names what a step was called with: a digest that is the same on any machine, and words.

Two calls have the same digest when their arguments have the same JSON form, whatever the order of
their names. Of what has no JSON form only the type counts.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, cast

import orjson
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from handrail.lane.steps import shortened

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def digest_of(value: object) -> str:
    """Give the digest of a call's arguments."""
    return hashlib.sha256(_bytes(_plain(value))).hexdigest()[:32]


def call_in_words(name: str, arguments: Mapping[str, object] | Sequence[object]) -> str:
    """Give a call as a person would write it, shortened."""
    if isinstance(arguments, Mapping):
        given = [f"{name}={_word(value)}" for name, value in arguments.items()]
    else:
        given = [_word(value) for value in arguments]
    return shortened(f"{name}({', '.join(given)})")


def _word(value: object) -> str:
    return _bytes(_plain(value)).decode()


def _bytes(value: object) -> bytes:
    # orjson 3.11 refuses lone surrogates and integers of more than 64 bits; their text stands in.
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        return ascii(value).encode()


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        return {str(name): _plain(one) for name, one in pairs.items()}
    if isinstance(value, AbstractSet):
        # The order of a set differs from process to process.
        members = cast("AbstractSet[object]", value)
        return sorted((_plain(one) for one in members), key=_bytes)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in cast("Sequence[object]", value)]
    return cast("object", to_jsonable_python(value, fallback=_type_only))


def _type_only(value: Any) -> str:  # noqa: ANN401 - whatever has no JSON form
    return f"<{type(value).__qualname__}>"
