"""What a question to the policy is about: the thing that is named, as the team has it.

Guarantee: nothing is answered about a thing that the team does not have.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import click

from handrail.cli.remote_tools import unapproved

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.contract.remote import RemoteTool
    from handrail.contract.terms import Approval
    from handrail.contract.tool import Tool
    from handrail.rails.mcp.server import McpServer
    from handrail.rails.policy import Access, Denied
    from handrail.runtime.discovery import LoadedTeam

#: What is done to which kind of thing; the last two are named by the tool and by the agent.
KIND_OF = {
    "tool.call": "Tool",
    "handoff.send": "Topic",
    "task.submit": "Topic",
    "memory.read": "Space",
    "memory.write": "Space",
    "approval.decide": "Request",
    "dead_letter.redrive": "DeadLetter",
}


def asked(
    settings: "Settings", who: str, what: str, on: str, more: dict[str, str | bool]
) -> "tuple[Access, Tool[..., Any] | None]":
    """Give the question and, where it is about a call, the tool. Raises UsageError."""
    import orjson

    from handrail.cli.team import loaded_team
    from handrail.rails.gateway import facts_of
    from handrail.rails.policy import Access

    try:
        arguments: Any = orjson.loads(str(more["given"]))
    except orjson.JSONDecodeError as error:
        message = f"--with holds no JSON: {error}"
        raise click.UsageError(message) from error
    team = loaded_team(settings)
    tools = _tools(settings, team)
    _be_there(what, on, team, tools)
    tool = tools[on] if what == "tool.call" else None
    if tool is not None and arguments:
        arguments = _as_read(tool, arguments)
    access = Access(
        person=who,
        action=what,
        kind=KIND_OF[what],
        on=on,
        facts={} if tool is None else dict(facts_of(tool)),
        context={
            "agent": more["agent"],
            "tenant": more["tenant"],
            "approved": more["approved"],
            "arguments": arguments,
        },
    )
    return access, tool


def withheld(settings: "Settings", tool: "Tool[..., Any] | None") -> "Denied | None":
    """Say why nobody may call a tool of an MCP server now, whatever the rules say."""
    from handrail.contract.remote import RemoteTool
    from handrail.rails.policy import Denied

    if not isinstance(tool, RemoteTool) or not (lacks := unapproved(settings, tool)):
        return None
    title = f"{tool.name} lacks {lacks[0]}"
    return Denied("contract", title, f"Read what it is now: handrail tools show {tool.name}.")


def approval_wanted(tool: "Tool[..., Any]", access: "Access") -> "Approval | None":
    """Give the approval that the contract asks for of this call; None: it needs none."""
    approval, given = tool.terms.approval, access.context["arguments"]
    if approval is None or access.context["approved"] or not approval.is_needed(given):
        return None
    return approval


def _tools(settings: "Settings", team: "LoadedTeam") -> "dict[str, Tool[..., Any]]":
    """Give every tool that can be called, those of MCP servers as their operator declared them."""
    from handrail.contract.remote import RemoteTool, engine_name
    from handrail.rails.mcp.lock import read_pins
    from handrail.rails.mcp.server import read_servers

    tools = dict(team.tools)
    pins, servers = read_pins(settings.project_dir), read_servers(settings.mcp)
    for server, pinned in pins.items():
        for name in pinned if server in servers else ():
            tools.setdefault(engine_name(server, name), RemoteTool(server, name, Any))
    for tool in tools.values():
        if isinstance(tool, RemoteTool) and tool.server in servers:
            _tell(tool, servers[tool.server])
    return tools


def _tell(tool: "RemoteTool[Any]", server: "McpServer") -> None:
    """Tell a tool what its operator has declared, as a process that serves agents does."""
    from handrail.contract.remote import Approved

    async def never(given: bytes) -> bytes:
        raise AssertionError(given)

    tool.tell(
        Approved(
            description=tool.description,
            input_schema={"type": "object"},
            digest="",
            effect=server.effect_of(tool.remote_name),
            approval=server.approval_of(tool.remote_name),
            timeout_s=server.timeout_s,
            call=never,
        )
    )


def _be_there(what: str, on: str, team: "LoadedTeam", tools: Iterable[str]) -> None:
    """Refuse a question about what the team does not have. Raises UsageError."""
    from handrail.contract.topic import results

    whole = team.description()
    word, known = {
        "tool.call": ("tool", set(tools)),
        "approval.decide": ("tool", set(tools)),
        "task.submit": ("inbox", {agent.reads.name for agent in whole.agents}),
        "handoff.send": ("topic", {*whole.topics, results.name}),
        "memory.read": ("space", set(whole.spaces)),
        "memory.write": ("space", set(whole.spaces)),
        "dead_letter.redrive": ("agent", {agent.name for agent in whole.agents}),
    }[what]
    if on not in known:
        message = f"There is no {word} {on}; the team has {', '.join(sorted(known)) or 'none'}."
        raise click.UsageError(message)


def _as_read(tool: "Tool[..., Any]", arguments: Any) -> Any:  # noqa: ANN401 - plain JSON values
    """Read each argument that was given as the tool would, so that 150 is a decimal for it."""
    from pydantic import TypeAdapter, ValidationError

    from handrail.contract.explain import invalid_in_words
    from handrail.contract.remote import RemoteTool

    if not isinstance(arguments, dict):
        message = "--with holds no JSON object: name each argument"
        raise click.UsageError(message)
    given, types = cast("dict[str, Any]", arguments), tool.contract.args_model.model_fields
    if isinstance(tool, RemoteTool):
        return given
    own: dict[str, Any] = {
        name: types[field].annotation for field, name in tool.contract.fields.items()
    }
    unknown = sorted(given.keys() - own.keys())
    if unknown:
        message = f"{tool.name} takes no {', '.join(unknown)}; it takes {', '.join(own) or 'none'}"
        raise click.UsageError(message)
    try:
        return {
            name: TypeAdapter[Any](own[name]).validate_python(value)
            for name, value in given.items()
        }
    except ValidationError as error:
        message = f"{tool.name} does not take this: {invalid_in_words(error)}"
        raise click.UsageError(message) from error
