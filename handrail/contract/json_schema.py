"""Whether a JSON value has the wanted form, where the code that wants it is not at hand.

The form is a JSON Schema, as pydantic gives it for a type. Checks that a type makes in code of its
own are not in its schema; they are made by the handler that gets the answer.

A schema that somebody else has written may be one that never comes to an end: it is judged in
bounded steps, by `foreign_misfit`, and whatever goes wrong meanwhile is a misfit in words. No
schema makes anybody fetch anything: what it refers to stands in it, or is nowhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import Annotated, Any, cast

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError as PatternError

from handrail.contract.pattern_cost import at_once, cost_of

STEPS_MAX = 200_000  #: words of a schema that are asked about a value; some seconds
ERRORS_MAX = 64  #: that are looked at for the one that is told
PATTERN_TEXT_CHARS_MAX = 8_192
#: Of all patterns of one judgement, the states that each is in at once times the text that it is
#: asked about: some tenths of a second, in which nothing else of the process has a turn.
PATTERN_WORK_MAX = 8_000_000
PATTERN_COST_MAX = 30_000  #: of all patterns of one schema, see `pattern_cost`
_left: ContextVar[list[int]] = ContextVar("steps, and work of patterns, that are left")


def misfit(
    schema: Mapping[str, Any], choices: Sequence[object], value: object, *, foreign: bool = False
) -> str | None:
    """Say in words why a value is no answer; None when it is one.

    `foreign` says that a part of the schema is somebody else's, as of `foreign_misfit`.
    """
    if foreign:
        return foreign_misfit(schema, value)
    # It takes a tenth of a second to load, and few processes ever need it.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    if choices and value not in choices:
        return f"it is none of {', '.join(str(choice) for choice in choices)}"
    # Its types are those of another package.
    judge: Any = Draft202012Validator(dict(schema), registry=_nothing_fetched())
    return _in_words(sorted(judge.iter_errors(value), key=_depth))


def foreign_misfit(
    schema: Mapping[str, Any], value: object, *, steps_max: int = STEPS_MAX
) -> str | None:
    """Say the same by a schema of somebody else, in bounded steps; never raises.

    It still takes up to some seconds: to be called in a thread.
    """
    _left.set([steps_max, PATTERN_WORK_MAX])
    try:
        judge: Any = _bounded()(_of_one_dialect(schema), registry=_nothing_fetched())
        return _in_words(sorted(islice(judge.iter_errors(value), ERRORS_MAX), key=_depth))
    except RecursionError:
        return "its schema leads back to itself without end"
    except Exception as error:  # noqa: BLE001  what a stranger's schema makes the library raise is told
        return f"it cannot be judged by its schema: {str(error)[:200]}"


def _in_words(errors: Sequence[Any]) -> str | None:
    if not errors:
        return None
    where = "".join(f".{part}" for part in errors[0].absolute_path).lstrip(".")
    return f"{where + ': ' if where else ''}{errors[0].message[:300]}"


class _Endless(Exception):
    """More steps than anybody's schema needs."""


def _spend(steps: int, work: int = 0) -> None:
    left = _left.get()
    left[0] -= steps
    left[1] -= work
    if min(left) < 0:
        raise _Endless("that takes too many steps")


def _nothing_fetched() -> Any:  # noqa: ANN401  as above
    """Give the registry of what the library has with it.

    The one that jsonschema 4.26 takes by itself opens whatever address an `$id` makes of a
    reference: within our network, without a bound on time, and anew at every judgement.
    """
    from jsonschema import validators  # noqa: PLC0415  as above

    return cast("Any", validators).SPECIFICATIONS


@lru_cache(maxsize=1)
def _bounded() -> Any:  # noqa: ANN401  as above
    """Give the judge that counts its steps and has no pattern but those of bounded time."""
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415  as above

    judges: dict[str, Any] = {**Draft202012Validator.VALIDATORS, "pattern": _pattern}
    counted = {word: _counted(judge) for word, judge in judges.items()}
    extend = cast("Any", validators).extend
    return extend(Draft202012Validator, counted)


def _counted(judge: Any) -> Any:  # noqa: ANN401  as above
    def judged(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:  # noqa: ANN401  as above
        _spend(1 + _effort(wanted, value, schema))
        for error in judge(validator, wanted, value, schema) or ():
            _spend(len(error.message) // 64)  # it may hold the whole value, once for each error
            yield error

    return judged


def _effort(wanted: object, value: object, schema: Mapping[str, Any]) -> int:
    if not isinstance(value, list | dict):
        return 0
    held = cast("list[object] | dict[str, object]", value)
    if wanted is True and schema.get("uniqueItems") is True and isinstance(held, list):
        # jsonschema 4.26 compares each with each where they have no order.
        plain = all(isinstance(one, str | int | float) for one in held)
        return len(held) if plain else len(held) ** 2
    return len(held) // 8


def _pattern(validator: Any, wanted: str, value: Any, schema: Any) -> Iterator[Any]:  # noqa: ANN401  as above
    from jsonschema import ValidationError as Misfit  # noqa: PLC0415  as above

    if not validator.is_type(value, "string"):
        return
    if _chars_max(schema) < len(value) <= PATTERN_TEXT_CHARS_MAX:
        return  # `maxLength` beside it says so
    if len(value) > PATTERN_TEXT_CHARS_MAX:
        yield Misfit(f"it is longer than {PATTERN_TEXT_CHARS_MAX} characters, and has a pattern")
        return
    _spend(0, at_once(wanted) * max(1, len(value)))
    try:
        _compiled(wanted).validate_python(value)
    except ValidationError:
        yield Misfit(f"it does not match {wanted!r}")


def _chars_max(schema: Mapping[str, Any]) -> int:
    """Give how long a text is at most that the pattern of this schema is asked about."""
    told = schema.get("maxLength")
    known = isinstance(told, int | float) and 0 <= told < PATTERN_TEXT_CHARS_MAX
    return int(cast("float", told)) if known else PATTERN_TEXT_CHARS_MAX


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> TypeAdapter[str]:
    """Compile a pattern for pydantic's own engine, which never goes back: a time that is linear."""
    return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])


def _of_one_dialect(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """Leave out which dialect is spoken: the library would take a judge that does not count."""
    if isinstance(value, Mapping):
        inside = cast("Mapping[str, object]", value)
        return {
            word: _of_one_dialect(one)
            for word, one in inside.items()
            if word != "$schema" or not isinstance(one, str)
        }
    if isinstance(value, list):
        return [_of_one_dialect(one) for one in cast("list[object]", value)]
    return value


def unusable(schema: Mapping[str, Any]) -> str | None:
    """Say in words why something is no JSON Schema that stands by itself; None: it is one."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415  as above

    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        return str(error.message)[:300]
    if reference := _elsewhere(schema):
        return f"it refers to {reference[:100]}"
    return _endless(schema, [PATTERN_COST_MAX])


def _endless(value: object, left: list[int]) -> str | None:
    """Find a pattern that a value could make run for ever; names of fields have none either.

    `left` is what all of them may cost: to compile one takes a time that a text of few signs
    decides, and servers offer hundreds of schemas. No pattern is let through that could not be
    asked about the longest text that its schema takes.
    """
    if isinstance(value, Mapping):
        inside = cast("Mapping[str, object]", value)
        if isinstance(inside.get("patternProperties"), Mapping):
            return "it has patternProperties, which are not judged in bounded time"
        pattern = inside.get("pattern")
        if isinstance(pattern, str):
            left[0] -= cost_of(pattern)
            try:
                if left[0] >= 0:
                    _compiled(pattern)
            except PatternError:
                left[0] = -1
            if left[0] < 0:
                return f"its pattern {pattern[:80]!r} is not judged in bounded time"
            chars_max = _chars_max(inside)
            if at_once(pattern) * chars_max > PATTERN_WORK_MAX:
                return (
                    f"its pattern {pattern[:80]!r} is not judged in bounded time for a text of"
                    f" {chars_max} characters: let a maxLength beside it take less"
                )
        return next((found for one in inside.values() if (found := _endless(one, left))), None)
    if isinstance(value, list):
        held = cast("list[object]", value)
        return next((found for one in held if (found := _endless(one, left))), None)
    return None


def _elsewhere(schema: object) -> str | None:
    """Find a reference out of the schema: nobody is asked what a word of it means."""
    return next((one for one in _references(schema) if not one.startswith("#")), None)


def refers_within(schema: object) -> bool:
    """Say whether a schema refers to a part of itself that is none of its `$defs`."""
    return any(not one.startswith("#/$defs/") for one in _references(schema))


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        inside = cast("Mapping[str, object]", value)
        for word in ("$ref", "$dynamicRef"):
            reference = inside.get(word)
            if isinstance(reference, str):
                yield reference
        for one in inside.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _references(one)


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
