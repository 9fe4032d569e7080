"""Whether a JSON value has the wanted form, where the code that wants it is not at hand.

The form is a JSON Schema, as pydantic gives it for a type. Checks that a type makes in code of its
own are not in its schema; they are made by the handler that gets the answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast


def misfit(schema: Mapping[str, Any], choices: Sequence[object], value: object) -> str | None:
    """Say in words why a value is no answer; None when it is one."""
    # It takes a tenth of a second to load, and few processes ever need it.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    if choices and value not in choices:
        return f"it is none of {', '.join(str(choice) for choice in choices)}"
    judge: Any = Draft202012Validator(dict(schema))  # its types are those of another package
    errors = sorted(judge.iter_errors(value), key=_depth)
    if not errors:
        return None
    where = "".join(f".{part}" for part in errors[0].absolute_path).lstrip(".")
    return f"{where + ': ' if where else ''}{errors[0].message[:300]}"


def unusable(schema: Mapping[str, Any]) -> str | None:
    """Say in words why something is no JSON Schema that stands by itself; None: it is one."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415  as above

    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        return str(error.message)[:300]
    if reference := _elsewhere(schema):
        return f"it refers to {reference[:100]}"
    return None


def _elsewhere(value: object) -> str | None:
    """Find a reference out of the schema: nobody is asked what a word of it means."""
    if isinstance(value, Mapping):
        inside = cast("Mapping[str, object]", value)
        for word in ("$ref", "$dynamicRef"):
            reference = inside.get(word)
            if isinstance(reference, str) and not reference.startswith("#"):
                return reference
        return next((found for one in inside.values() if (found := _elsewhere(one))), None)
    if isinstance(value, list):
        held = cast("list[object]", value)
        return next((found for one in held if (found := _elsewhere(one))), None)
    return None


def form_in_words(schema: Mapping[str, Any], choices: Sequence[object]) -> str:
    """Say what an answer looks like, for whoever is to give it."""
    if choices:
        return f"one of {', '.join(str(choice) for choice in choices)}"
    fields: Mapping[str, object] = schema.get("properties", {})
    if fields:
        return f"a JSON object with {', '.join(fields)}"
    named = {"string": "text", "integer": "a whole number", "boolean": "true or false"}
    kind = str(schema.get("type", "JSON"))
    return named.get(kind, f"a JSON {kind}" if kind != "JSON" else "JSON")


def _depth(error: Any) -> int:  # noqa: ANN401 - jsonschema 4.26 has no types of its own
    return len(error.absolute_path)
