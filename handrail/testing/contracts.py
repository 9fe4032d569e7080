"""Tests that follow from a tool's contract: `assert await contract_problems(refund, world) == []`.

They are made from what the contract says: its schema is fuzzed and held against the reading, each
example is called and gives what it says, the same key a second time has no second effect, the undo
gives back what was before, and every declared failure is reached by an example or by what the test
arranges. What a tool changes is seen by `World.look` alone: a tool that acts and is not seen to
change anything has a problem, and so has one of which no example succeeds. One that only reads or
costs money changes nothing; what was spent is no part of what `World.look` gives.
"""

import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ValidationError

from handrail.contract.acted import LEAVES_NO_TRACE
from handrail.contract.canonical import plain
from handrail.contract.derived import missing
from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.json_schema import misfit
from handrail.contract.terms import Example
from handrail.contract.tool import Tool, ToolContext
from handrail.contract.undo import undo_arguments

FUZZ_COUNT = 500
DEPTH_MAX = 3
READS = frozenset({Effect.READ, Effect.PURE})
KNOWS_KEY = frozenset({Effect.IDEMPOTENT, Effect.QUERYABLE}) | READS
#: What pydantic 2.14 calls a value that has not the form which its schema names.
OF_FORM = frozenset(
    {
        *("missing", "extra_forbidden", "none_required", "literal_error", "enum"),
        *("string_type", "int_type", "float_type", "bool_type"),
        *("list_type", "dict_type", "model_type"),
    }
)
NOBODY_LOOKED = (
    "nobody looked at what it changes: it acts, and World(look=...) gives the same before and"
    " after; give a copy of what it changes"
)


@dataclass(frozen=True, slots=True)
class World:
    """What a test knows of the outside of a tool."""

    look: Callable[[], object] = lambda: None
    """Everything that the tool may change, as it is now: a copy, which stays as it was."""
    arrange: Mapping[State, Callable[[], AbstractContextManager[Any]]] = field(
        default_factory=dict[State, Callable[[], AbstractContextManager[Any]]]
    )  #: what makes it fail so
    undo: Tool[..., Any] | None = None  #: the tool that its contract names
    undo_arguments: Callable[[Example, Any], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of calling one example."""

    found: list[str]
    has_changed: bool  #: as far as anybody looked


async def contract_problems(tool: Tool[..., Any], world: World | None = None) -> list[str]:
    """Say in words where a tool and its contract differ; empty when they agree."""
    world = world or World()
    found = [f"its contract leaves out {words}" for words in missing(tool)]
    found += _fuzzed(tool)
    tried = [
        await _example(tool, example, world, number)
        for number, example in enumerate(tool.terms.examples)
        if example.fails is None
    ]
    found += [words for one in tried for words in one.found]
    if not tried and tool.effect not in LEAVES_NO_TRACE:
        found += _untried(tool)
    if tried and tool.effect not in LEAVES_NO_TRACE and not any(one.has_changed for one in tried):
        found.append(NOBODY_LOOKED)
    found += [problem async for problem in _failures(tool, world)]
    return found


def _untried(tool: Tool[..., Any]) -> Iterator[str]:
    yield "no example of it succeeds, so that nobody has tried what it does"
    if tool.terms.undo is not None:
        yield f"nobody has tried its undo {tool.terms.undo}"


def _fuzzed(tool: Tool[..., Any]) -> Iterator[str]:
    """Every JSON value is either read as arguments or refused in words, as its schema says."""
    draw = random.Random(tool.name)  # noqa: S311 - repeatable, not secret
    names = [*tool.contract.fields.values(), "surplus"]
    for _ in range(FUZZ_COUNT):
        chosen = draw.sample(names, draw.randrange(len(names) + 1))
        arguments = {name: _value(draw, 0) for name in chosen}
        try:
            tool.checked(arguments)
        except Refused as refused:
            if refused.state is not State.INVALID_INPUT:
                yield f"arguments {arguments!r:.200} are refused as {refused.state}"
            elif _is_of_form(refused) and misfit(tool.args_schema, (), arguments) is None:
                yield f"arguments {arguments!r:.200} fit its schema and are refused: {refused}"
        except Exception as error:  # noqa: BLE001 - just what is looked for
            yield f"arguments {arguments!r:.200} break it: {error!r:.200}"


def _is_of_form(refused: Refused) -> bool:
    """Say whether arguments were refused for nothing but what every schema can say.

    What a type makes of a text, and what a validator of the team's own asks for, no schema says.
    """
    error = refused.__cause__
    return isinstance(error, ValidationError) and all(
        one["type"] in OF_FORM for one in error.errors(include_url=False, include_input=False)
    )


async def _example(tool: Tool[..., Any], example: Example, world: World, number: int) -> _Tried:
    found: list[str] = []
    before, key = world.look(), f"example/{number}"  # each is an act of its own
    first = await tool.run(context(key), tool.checked(example.arguments))
    if example.result is not None and plain(first) != plain(example.result):
        found.append(f"it gives {plain(first)!r:.200} and not {plain(example.result)!r:.200}")
    once = world.look()
    has_changed = once != before
    if tool.effect in LEAVES_NO_TRACE and has_changed:
        does = "only reads" if tool.effect in READS else "leaves no trace"
        found.append(f"it {does} by its contract, and has changed something")
    if tool.effect in KNOWS_KEY:
        again = await tool.run(context(key), tool.checked(example.arguments))
        if world.look() != once:
            found.append("the same key a second time has a second effect")
        if plain(again) != plain(first):
            found.append("the same key a second time gives another result")
    if world.undo is not None and tool.terms.undo == world.undo.name:
        given = _undo_call(world, example, first)
        found += await _undone(world, world.undo, before, given, f"{key}/undo")
    elif tool.terms.undo is not None:
        found.append(f"nobody has tried its undo {tool.terms.undo}")
    return _Tried([f"example {number}: {words}" for words in found], has_changed)


async def _failures(tool: Tool[..., Any], world: World) -> AsyncIterator[str]:
    shown = {one.fails: one for one in tool.terms.examples if one.fails is not None}
    usual = next((one for one in tool.terms.examples if one.fails is None), None)
    for state in sorted(tool.failures):
        example = shown.get(state) or usual
        if example is None or (state not in shown and state not in world.arrange):
            yield f"its failure {state} is reached by no example and nothing arranged"
            continue
        with world.arrange.get(state, nullcontext)():
            try:
                await tool.run(context("failure"), tool.checked(example.arguments))
            except Refused as refused:
                if refused.state is not state:
                    yield f"where it should fail as {state} it fails as {refused.state}"
            else:
                yield f"where it should fail as {state} it succeeds"


def context(key: str) -> ToolContext:
    """Give the context of a call in a contract test."""
    return ToolContext(
        idem_key=f"contract/{key}", task_id="contract", tenant="default", deadline_ms=1 << 42
    )


def _undo_call(world: World, example: Example, result: object) -> Mapping[str, Any]:
    """Give what the undo is called with: as the test says, else as the engine would."""
    if world.undo_arguments is not None:
        return world.undo_arguments(example, result)
    assert world.undo is not None, "there is one to call"
    given = cast("Mapping[str, Any]", plain(example.arguments))
    return undo_arguments(world.undo, given, plain(result))


async def _undone(
    world: World, undo: Tool[..., Any], before: object, arguments: Mapping[str, Any], key: str
) -> list[str]:
    """Undo it, a second time under the same key where the effect promises something for that."""
    await undo.run(context(key), undo.checked(arguments))
    if world.look() != before:
        return [f"{undo.name} does not give back what was before"]
    if undo.effect in KNOWS_KEY:
        await undo.run(context(key), undo.checked(arguments))
        if world.look() != before:
            return [f"the same key a second time lets {undo.name} have a second effect"]
    return []


def _value(draw: random.Random, depth: int) -> Any:  # noqa: ANN401 - any JSON value
    kind = draw.randrange(9 if depth < DEPTH_MAX else 7)
    match kind:
        case 0:
            return None
        case 1:
            return draw.choice([True, False])
        case 2:
            return draw.choice([0, 1, -1, 1 << 70, draw.randrange(-1000, 1000)])
        case 3:
            return draw.choice([0.0, 1e308, -0.1, draw.random()])
        case 4 | 5:
            return draw.choice(["", "42", "\x00", "ü\u202e", "x" * 1_000, "<script>", "NaN"])
        case 6:
            return {}
        case 7:
            return [_value(draw, depth + 1) for _ in range(draw.randrange(3))]
        case _:
            return {f"k{n}": _value(draw, depth + 1) for n in range(draw.randrange(3))}
