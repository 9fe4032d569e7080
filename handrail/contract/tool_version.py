"""Gives the version of a tool's contract: a digest of everything that it declares.

Guarantees: the same contract has the same version in every process and on every machine, whatever
the order of a set there; another name, text, time, effect, failure, argument, result or term is
another version. Checks that a type makes in code of its own are in no schema, and do not count.
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue

from handrail.contract.canonical import canonical, plain, sha256_of
from handrail.contract.effect import EffectDeclaration, Idempotent, Queryable, effect_of

if TYPE_CHECKING:
    from handrail.contract.tool import ToolContract

DIGITS_COUNT: Final = 16
_BOTH: Final[tuple[JsonSchemaMode, ...]] = ("validation", "serialization")
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


def version_of(contract: "ToolContract") -> str:
    """Give the version of a contract."""
    said: dict[str, object] = {
        "name": contract.name,
        "description": contract.description,
        "effect": _effect(contract.effect),
        "timeout_s": float(contract.timeout_s),
        "failures": contract.failures,
        "arguments": contract.args_model.model_json_schema(schema_generator=_Canonical),
        # What is checked, and what is read: they differ where a result has two names for a field.
        "results": [
            contract.returns.json_schema(mode=mode, schema_generator=_Canonical) for mode in _BOTH
        ],
        "terms": {
            one.name: _plain(getattr(contract.terms, one.name))
            for one in fields(contract.terms)
            if one.name != "declared"
        },
    }
    return sha256_of(said)[:DIGITS_COUNT]


def _effect(declared: EffectDeclaration) -> list[object]:
    """Give the class and what was declared with it; of a function, which one it is."""
    match declared:
        case Idempotent(ttl_s=ttl_s):
            more: list[object] = [float(ttl_s)]
        case Queryable(reconcile=reconcile, settle_s=settle_s):
            more = [_name_of(reconcile), float(settle_s)]
        case _:
            more = []
    return [effect_of(declared).value, *more]


def _name_of(function: object) -> str:
    named = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '')}.{named}"


def _plain(value: object) -> object:
    """Give plain JSON values, also of an example or a default that has no JSON form.

    The one form of a mapping is its sorted pairs: a name may be anything, such as a set.
    """
    if isinstance(value, bytes | bytearray):
        return value.hex()  # they may be no text
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return sorted(([_plain(name), _plain(one)] for name, one in pairs), key=canonical)
    if isinstance(value, AbstractSet):
        return sorted((_plain(one) for one in cast("AbstractSet[object]", value)), key=canonical)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in cast("Sequence[object]", value)]
    try:
        return plain(value)
    except ValueError:
        return f"<{type(value).__qualname__}>"


class _Canonical(GenerateJsonSchema):
    """Gives a schema that is the same in every process, of any type that pydantic can check."""

    def encode_default(self, dft: Any) -> Any:  # noqa: ANN401 - a default may be anything
        """Give a default with the members of its sets in one order."""
        return _plain(dft)

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:  # noqa: ANN401 - its type is private
        """Take the words about a type that has no JSON form, which name it, for its form."""
        del schema
        return {"description": _ADDRESS.sub("", error_info)}
