"""Makes the body of a declared tool into one that the sandbox runs: JSON in, JSON out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from pydantic import TypeAdapter

from handrail.contract.tool import Tool, ToolContext
from handrail.rails.sandbox.child import Body

_CONTEXT = TypeAdapter(ToolContext)


def call_of(arguments: bytes, context: ToolContext) -> bytes:
    """Write a call as `of_tool` reads it; `arguments` are JSON."""
    known = _CONTEXT.dump_python(context, exclude={"secrets"})  # they go beside the call
    return orjson.dumps({"arguments": orjson.Fragment(arguments), "context": known})


def of_tool(tool: Tool[..., Any]) -> Body:
    """Give the body of a tool. Its arguments and its result are checked as they are everywhere."""

    async def body(call: bytes, secrets: Mapping[str, str]) -> bytes:
        asked = orjson.loads(call)
        context = replace(_CONTEXT.validate_python(asked["context"]), secrets=dict(secrets))
        result = await tool.run(context, tool.checked(asked["arguments"]))
        return tool.as_record(result)

    return body
