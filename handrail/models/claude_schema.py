"""Tells which answers the API can hold a model to, so that the others are asked for in words.

The API's structured output closes every object and follows no circle of references. Checked
against anthropic 2.12.0, whose `transform_schema` drops what it cannot express without a word.
"""

from collections.abc import Iterator, Mapping
from typing import cast

from pydantic import JsonValue

from handrail.models.port import JsonObject

_KINDS = ("anyOf", "oneOf", "allOf")


def enforceable(schema: JsonObject) -> bool:
    """Say whether the API can hold an answer to this schema without losing a part of it."""
    definitions = cast("Mapping[str, JsonObject]", schema.get("$defs") or {})
    plain = {key: value for key, value in schema.items() if key != "$defs"}
    return _sound(plain, definitions, ())


def _sound(
    schema: JsonValue, definitions: Mapping[str, JsonObject], above: tuple[str, ...]
) -> bool:
    if not isinstance(schema, dict):
        return False
    match schema:
        case {"$ref": str(reference)}:
            name = reference.removeprefix("#/$defs/")
            known = name in definitions and name not in above
            return known and _sound(definitions[name], definitions, (*above, name))
        case {"type": "object"}:
            # A mapping with free keys would come back empty, for the API closes every object.
            sound = "properties" in schema or schema.get("additionalProperties") is False
        case {"type": "array"}:
            sound = "items" in schema and "prefixItems" not in schema
        case _:
            sound = any(word in schema for word in ("type", "enum", "const", *_KINDS))
    return sound and all(_sound(part, definitions, above) for part in _parts(schema))


def _parts(schema: JsonObject) -> Iterator[JsonValue]:
    properties = schema.get("properties")
    if isinstance(properties, dict):
        yield from properties.values()
    if "items" in schema:
        yield schema["items"]
    for kind in _KINDS:
        variants = schema.get(kind)
        if isinstance(variants, list):
            yield from variants
