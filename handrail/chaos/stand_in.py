"""Stands in for what a team under chaos would do to the world: its models and its tools.

A model's answer is made up to fit what was asked for. A tool that does anything but compute or
look is not run at all: the provider keeps account of the call under the step's key, and the result
is made up to fit what the tool promises. Tools declared `pure` or `read` run for real, and so does
whatever a handler does by itself. No key is made from arguments: tasks are made up as well, so many
would have the same ones, and the account could not tell their acts apart.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

import orjson
from pydantic import JsonValue

from handrail.chaos.provider_call import act, asked
from handrail.chaos.sample import sample
from handrail.contract.effect import Effect, Queryable
from handrail.contract.tool import Tool, ToolContext
from handrail.models.port import ModelReply, ModelRequest

RUN_FOR_REAL = frozenset({Effect.PURE, Effect.READ})
MODEL_VARIABLE_VALUE = "handrail.chaos.stand_in:StandInModel"


class StandInModel:
    """A model that makes its answers up, always the same for the same request; it calls no tool."""

    name = "made up"
    effect = Effect.PAID

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Give an answer that fits the schema, or some words."""
        seed = hashlib.sha256(request.model_dump_json().encode()).hexdigest()
        if request.returns is None:
            return ModelReply(model=self.name, text=str(sample({"type": "string"}, seed)))
        return ModelReply(model=self.name, value=sample(request.returns, seed))


def stand_in_for(tools: Iterable[Tool[..., Any]]) -> list[str]:
    """Put stand-ins in place of all tools that do something outside; give their names."""
    replaced: list[str] = []
    for tool in tools:
        tool.terms = replace(tool.terms, idempotency=None)
        tool.contract = replace(tool.contract, terms=tool.terms)
        if tool.effect in RUN_FOR_REAL:
            continue
        tool.function = _function(tool)
        declared = tool.contract.effect
        if isinstance(declared, Queryable):
            declared = Queryable(_reconcile(tool), declared.settle_s)
        tool.contract = replace(tool.contract, wants_context=True, effect=declared)
        replaced.append(tool.name)
    return replaced


def _function(tool: Tool[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def stand_in(ctx: ToolContext, **_arguments: object) -> object:
        await act(ctx, tool.name, str(tool.effect))
        return _made_up(tool, ctx.idem_key)

    return stand_in


def _reconcile(tool: Tool[..., Any]) -> Callable[[str], Awaitable[Any]]:
    async def reconcile(key: str) -> object:
        return None if await asked(key, tool.name) is None else _made_up(tool, key)

    return reconcile


def _made_up(tool: Tool[..., Any], key: str) -> object:
    value: JsonValue = sample(tool.contract.returns.json_schema(), key)
    return tool.contract.returns.validate_json(orjson.dumps(value))
