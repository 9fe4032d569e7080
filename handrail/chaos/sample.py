"""Makes up values that fit a JSON schema, from a seed: what a message or an answer might be.

Made up means made up: a value fits its schema and says nothing. Patterns and rules that stand in
code are not known here, so whoever uses a value has to check it.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import JsonValue

Schema = Mapping[str, Any]

DEPTH_MAX = 8  #: below it optional parts are left out and lists are empty
LIST_MAX = 2  #: items of a list that may be shorter
NUMBER_SPAN = 100
WORDS = "amber birch cedar delta ember fable grove haven iris jetty".split()
FORMATS: Mapping[str, str] = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "PT60S",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "email": "somebody@example.org",
    "uri": "https://example.org/",
    "ipv4": "127.0.0.1",
}


def sample(schema: Schema, seed: str) -> JsonValue:
    """Make a value up; the same schema and seed give the same."""
    choice = random.Random(seed)  # noqa: S311 - chance of a test, not of a secret
    return _value(schema, schema, choice, 0)


def _value(schema: Schema, root: Schema, choice: random.Random, depth: int) -> JsonValue:
    if "$ref" in schema:
        named = str(schema["$ref"]).removeprefix("#/").split("/")
        found: Any = root
        for part in named:
            found = found[part]
        return _value(found, root, choice, depth + 1)
    for given in ("const", "default"):
        if given in schema:
            return cast("JsonValue", schema[given])
    if "enum" in schema:
        return cast("JsonValue", choice.choice(schema["enum"]))
    for union in ("anyOf", "oneOf"):
        if union in schema:
            # Nothing is the last resort: a value that is there shows more.
            ways = sorted(schema[union], key=lambda one: one.get("type") == "null")
            return _value(ways[0], root, choice, depth + 1)
    if "allOf" in schema:
        return _value(schema["allOf"][0], root, choice, depth + 1)
    return _typed(schema, root, choice, depth)


def _typed(schema: Schema, root: Schema, choice: random.Random, depth: int) -> JsonValue:
    match schema.get("type"):
        case "object":
            return _object(schema, root, choice, depth)
        case "array":
            return _list(schema, root, choice, depth)
        case "string":
            return _text(schema, choice)
        case "integer":
            low, high = _bounds(schema)
            step = int(schema.get("multipleOf", 1))
            return choice.randint(-(-int(low) // step), int(high) // step) * step
        case "number":
            low, high = _bounds(schema)
            return round(choice.uniform(low, high), 2)
        case "boolean":
            return choice.random() < 0.5  # noqa: PLR2004 - one of two
        case "null":
            return None
        case _:
            return choice.choice(WORDS)


def _object(schema: Schema, root: Schema, choice: random.Random, depth: int) -> JsonValue:
    properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
    required = set(cast("Sequence[str]", schema.get("required", ())))
    return {
        name: _value(one, root, choice, depth + 1)
        for name, one in properties.items()
        if name in required or ("default" not in one and depth < DEPTH_MAX)
    }


def _list(schema: Schema, root: Schema, choice: random.Random, depth: int) -> JsonValue:
    if "prefixItems" in schema:
        return [_value(one, root, choice, depth + 1) for one in schema["prefixItems"]]
    low = int(schema.get("minItems", 0))
    high = min(int(schema.get("maxItems", LIST_MAX)), max(low, LIST_MAX))
    count = low if depth >= DEPTH_MAX else choice.randint(max(low, min(1, high)), high)
    return [_value(schema.get("items", {}), root, choice, depth + 1) for _ in range(count)]


def _text(schema: Schema, choice: random.Random) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[str(schema["format"])]
    text = " ".join(choice.choices(WORDS, k=3))
    low, high = int(schema.get("minLength", 0)), int(schema.get("maxLength", len(text)))
    while len(text) < low:
        text += f" {choice.choice(WORDS)}"
    return text[: max(low, high)]


def _bounds(schema: Schema) -> tuple[float, float]:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None and "exclusiveMinimum" in schema:
        low += 1 if schema.get("type") == "integer" else 0.01
    if high is not None and "exclusiveMaximum" in schema:
        high -= 1 if schema.get("type") == "integer" else 0.01
    if low is None:
        low = 0 if high is None or high >= 0 else high - NUMBER_SPAN
    return float(low), float(low + NUMBER_SPAN if high is None else high)
