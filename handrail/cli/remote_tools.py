"""`handrail tools remote`, `pin`, `quarantine`: what MCP servers offer, what people approve."""

import asyncio
import getpass
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import orjson

from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rail_rows import RemoteToolRow, ToolRow

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.contract.remote import RemoteTool
    from handrail.rails.mcp.standing import Judged
    from handrail.rails.mcp.tools import McpTools

COLUMNS = (
    Column("TOOL", "tool"),
    Column("SERVER", "server"),
    Column("EFFECT", "effect"),
    Column("STANDING", "standing"),
    Column("WHAT", "detail"),
)
AWAY, PINNED = "away", "pinned"


@click.command()
@place_options
@output_option
def remote(place: Place, shape: Shape) -> int:
    """List the tools of the team's MCP servers, and how each stands.

    Each server is asked. One that does not answer is a row that says so.
    """
    rows = asyncio.run(_of_servers(place.settings()))
    show_rows("remote-tools", rows, COLUMNS, shape, empty="No MCP server is configured.")
    return 0


def show_remote(settings: "Settings", name: str) -> None:
    """Show a tool as it is approved and as its server offers it, as JSON.

    Raises McpToolUnknown, McpServerAway.
    """
    judged = asyncio.run(_one(settings, name))
    shown = {
        "tool": judged.name,
        "standing": judged.standing,
        "detail": judged.detail,
        "approved": None if judged.pin is None else asdict(judged.pin),
        "offered": None if judged.offered is None else asdict(judged.offered),
    }
    click.echo(inert_json(shown))


def unapproved(settings: "Settings", tool: "RemoteTool[Any]") -> tuple[str, ...]:
    """Say why nobody may call it now, by the file of pins; no server is asked."""
    from handrail.rails.mcp.lock import read_pins

    pin = read_pins(settings.project_dir).get(tool.server, {}).get(tool.remote_name)
    if pin is None:
        return (f"an approval of its definition (handrail tools pin {tool.name})",)
    return () if pin.held is None else (f"an approval anew: it is in quarantine, {pin.held}",)


@click.command()
@click.argument("name", metavar="SERVER|TOOL")
@place_options
@click.option("--by", metavar="NAME", help="Who approves.  [default: your login]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output_option
def pin(place: Place, name: str, by: str | None, yes: bool, shape: Shape) -> int:  # noqa: FBT001
    """Approve what an MCP server offers now: one tool, or all of a server.

    What is approved is written to deploy/mcp.lock, whole, so that a review shows every word of it.
    """
    return asyncio.run(_pin(place.settings(), name, by or getpass.getuser(), shape, yes=yes))


@click.command()
@click.argument("name", metavar="TOOL")
@place_options
@click.option("--reason", metavar="TEXT", required=True, help="Why; everybody sees it.")
def quarantine(place: Place, name: str, reason: str) -> int:
    """Forbid an approved tool of an MCP server until it is pinned again. Asks no server.

    Where several are known by this name, each of them is forbidden.
    """
    from handrail.contract.remote import engine_name
    from handrail.errors import McpToolUnknown
    from handrail.rails.mcp.lock import read_pins, write_pins

    folder = place.settings().project_dir
    pins = read_pins(folder)
    meant = [
        (pinned, tool)
        for server, pinned in pins.items()
        for tool in pinned
        if engine_name(server, tool) == name
    ]
    if not meant:
        raise McpToolUnknown(name=name, reason="no tool of this name is approved.")
    for pinned, tool in meant:
        pinned[tool] = replace(pinned[tool], held=reason)
    path = write_pins(folder, pins)
    note(
        f"{name} is in quarantine: processes that see this file refuse it from their next call on,"
        " and a call that has begun goes on. Images hold a copy of it."
    )
    note(f"Do:  git add {path.relative_to(folder)}")
    return 0


def _servers(settings: "Settings") -> "McpTools":
    from handrail.rails.mcp.lock import read_pins
    from handrail.rails.mcp.server import read_servers
    from handrail.rails.mcp.tools import McpTools

    folder = settings.project_dir
    return McpTools(read_servers(settings.mcp), folder, read_pins(folder))


async def _of_servers(settings: "Settings") -> list[RemoteToolRow]:
    from handrail.errors import HandrailError

    if not settings.mcp:
        return []
    async with _servers(settings) as servers:

        async def of_one(name: str) -> list[RemoteToolRow]:
            one = servers.servers[name]
            try:
                judged = await one.judged()
            except HandrailError as error:
                return [RemoteToolRow(f"{name}_…", name, "", AWAY, f"{error.what} {error.why}")]
            return [
                RemoteToolRow(each.name, name, _effect(servers, each), each.standing, each.detail)
                for each in judged
            ]

        found = await asyncio.gather(*map(of_one, servers.servers))
    return [row for rows in found for row in rows]


def as_offered(settings: "Settings", rows: list[ToolRow]) -> list[ToolRow]:
    """Hold declared tools against what their servers offer now; one that is away is told too."""
    from handrail.contract.remote import RemoteTool
    from handrail.runtime.discovery import load_team

    tools = load_team(settings.project_dir).tools
    servers = {tool.name: tool.server for tool in tools.values() if isinstance(tool, RemoteTool)}
    if not servers:
        return rows
    asked = asyncio.run(_of_servers(settings))
    found = {row.tool: row for row in asked}
    away = {row.server: row for row in asked if row.standing == AWAY}
    held: list[ToolRow] = []
    for row in rows:
        told = found.get(row.tool) or away.get(servers.get(row.tool, ""))
        if row.tool not in servers or row.missing:
            held.append(row)
        elif told is None:
            held.append(replace(row, missing=("a server that offers it",)))
        elif told.standing != PINNED:
            why = f"an approval of what it is now: {told.standing}, {told.detail}"
            held.append(replace(row, missing=(why,)))
        else:
            held.append(row)
    return held


def _effect(servers: "McpTools", judged: "Judged") -> str:
    known = judged.offered or (judged.pin.definition if judged.pin else None)
    server = servers.server_of(judged.name).server
    return server.effect_of(known.name).value if known else ""


async def _one(settings: "Settings", name: str) -> "Judged":
    from handrail.errors import McpToolUnknown

    async with _servers(settings) as servers:
        one = servers.server_of(name)
        for judged in await one.judged():
            if judged.name == name:
                return judged
    raise McpToolUnknown(name=name, reason=f"the server {one.server.name} offers no such tool.")


async def _pin(settings: "Settings", name: str, by: str, shape: Shape, *, yes: bool) -> int:
    from handrail.errors import ConfirmationNeeded, McpToolUnknown
    from handrail.rails.mcp.lock import read_pins, write_pins
    from handrail.rails.mcp.standing import Pin, Standing

    async with _servers(settings) as servers:
        whole = name in servers.servers
        one = servers.servers[name] if whole else servers.server_of(name)
        judged = [each for each in await one.judged() if whole or each.name == name]
    refused = {Standing.UNUSABLE, Standing.GONE, Standing.UNWANTED}
    pinned = [each for each in judged if each.standing not in refused and each.offered]
    if not pinned:
        said = judged[0].detail if judged else f"{one.server.name} offers no such tool"
        raise McpToolUnknown(name=name, reason=f"there is nothing to approve: {said}.")
    changing = [each for each in pinned if not each.standing.usable]
    rows = [
        RemoteToolRow(
            each.name,
            one.server.name,
            one.server.effect_of(each.offered.name).value,
            each.standing,
            each.offered.description,
        )
        for each in changing
        if each.offered
    ]
    show_rows("remote-tools", rows, COLUMNS, shape, empty="Everything is approved as it is.")
    if not changing:
        return 0
    these = "1 tool" if len(changing) == 1 else f"{len(changing)} tools"
    if not yes:
        if not sys.stdin.isatty():
            command = " ".join(["handrail", *sys.argv[1:]])
            raise ConfirmationNeeded(action="approving tools wants a confirmation", command=command)
        click.confirm(f"Approve {these}?", abort=True, err=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    pins: dict[str, dict[str, Pin]] = read_pins(settings.project_dir)
    mine = pins.setdefault(one.server.name, {})
    mine.update({each.offered.name: Pin(each.offered, by, at) for each in changing if each.offered})
    path = write_pins(settings.project_dir, pins)
    note(
        f"{these} {'is' if len(changing) == 1 else 'are'} approved by {by}; agents that start from"
        " now on call what is approved, and those that run call again what was in quarantine and is"
        " what they know."
    )
    note(f"Do:  git add {path.relative_to(settings.project_dir)}")
    return 0


def inert_json(value: object) -> str:
    """Give a value as JSON that no terminal obeys; what cannot be seen is written by its number."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return "\n".join(inert(line) for line in text.split("\n"))
