"""`handrail tools`: what the tools of a team declare, and what they leave out."""

from typing import TYPE_CHECKING, Any

import click

from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rail_rows import ToolRow
from handrail.cli.remote_tools import as_offered, pin, quarantine, remote, show_remote, unapproved

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.contract.remote import RemoteTool

COLUMNS = (
    Column("TOOL", "tool"),
    Column("EFFECT", "effect"),
    Column("REACHES", "reach"),
    Column("APPROVAL", "approval"),
    Column("OWNER", "owner", absent="not said"),
    Column("LEAVES OUT", "missing", absent="–"),
)
INCOMPLETE = 9


@click.group()
def tools() -> None:
    """Tools and their contracts: list, check, show; of servers: remote, show, pin, quarantine."""


for command in (remote, pin, quarantine):
    tools.add_command(command)


@tools.command(name="list")
@place_options
@output_option
def list_tools(place: Place, shape: Shape) -> int:
    """List the tools of the team, and what each contract leaves out."""
    rows = tool_rows(place.settings())
    show_rows("tools", rows, COLUMNS, shape, empty="This team has no tools.")
    return 0


def tool_rows(settings: "Settings") -> list[ToolRow]:
    """Give every tool of the team with what its contract leaves out. No server is asked."""
    from handrail.cli.team import loaded_team
    from handrail.contract.derived import approval_in_words, missing
    from handrail.contract.remote import RemoteTool

    return [
        _remote_row(settings, tool)
        if isinstance(tool, RemoteTool)
        else ToolRow(
            tool=tool.name,
            effect=tool.effect.value,
            reach=tool.terms.reach.value,
            approval=approval_in_words(tool.terms),
            owner=tool.terms.owner,
            version=tool.version,
            missing=tuple(missing(tool)),
        )
        for _, tool in sorted(loaded_team(settings).tools.items())
    ]


@tools.command()
@click.option("--offline", is_flag=True, help="Ask no MCP server: hold remote tools to the pins.")
@place_options
@output_option
def check(place: Place, shape: Shape, *, offline: bool) -> int:
    """Refuse a team with an incomplete contract: each tool with what it leaves out.

    Ends with code 9 where there is one, else with 0. The servers of remote tools are asked whether
    each is as it was approved.
    """
    settings = place.settings()
    rows = tool_rows(settings)
    lacking = [row for row in (rows if offline else as_offered(settings, rows)) if row.missing]
    empty = "Every contract is complete." if rows else "This team has no tools."
    if shape is Shape.TABLE and lacking:
        for row in lacking:
            click.echo(inert(row.tool))
            for words in row.missing:
                click.echo(f"  - {inert(words)}")
        few = f"{len(lacking)} of {len(rows)} tool{'s' * (len(rows) != 1)}"
        note(f"Incomplete: {few}. Until it says so, each is read the safe way.")
        return INCOMPLETE
    show_rows("tools", lacking, COLUMNS, shape, empty=empty)
    return INCOMPLETE if lacking else 0


def _remote_row(settings: "Settings", tool: "RemoteTool[Any]") -> ToolRow:
    """Say of a tool of an MCP server what the operator has declared: it has no contract here."""
    from handrail.contract.derived import approval_in_words
    from handrail.contract.terms import Reach, ToolTerms
    from handrail.rails.mcp.server import read_servers

    server = read_servers(settings.mcp).get(tool.server)
    if server is None:
        effect, approval = "not declared", f"no [mcp.{tool.server}] in handrail.toml"
    else:
        terms = ToolTerms(approval=server.approval_of(tool.remote_name))
        effect, approval = server.effect_of(tool.remote_name).value, approval_in_words(terms)
    return ToolRow(
        tool=tool.name,
        effect=effect,
        reach=Reach.EXTERNAL.value,
        approval=approval,
        owner=f"mcp {tool.server}",
        version=tool.version,
        missing=unapproved(settings, tool),
    )


@tools.command()
@click.argument("name", metavar="TOOL")
@place_options
def show(place: Place, name: str) -> int:
    """Print the page of a tool: its terms, its schemas, and what is missing, in Markdown.

    A tool of an MCP server is shown as it is approved and as its server offers it, as JSON.
    """
    from handrail.cli.team import loaded_team
    from handrail.contract.derived import page

    settings = place.settings()
    if any(name.startswith(f"{server}_") for server in settings.mcp):
        show_remote(settings, name)
        return 0
    known = loaded_team(settings).tools
    if name not in known:
        message = f"There is no tool {name}; the team has {', '.join(sorted(known)) or 'none'}."
        raise click.UsageError(message)
    click.echo(page(known[name]), nl=False)
    return 0
