"""`handrail policy` and `handrail can`: the rules of a team, and what they allow to whom."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rail_rows import RuleRow

if TYPE_CHECKING:
    from handrail.contract.tool import Tool
    from handrail.rails.policy import Access, Denied, Policy

COLUMNS = (
    Column("RULE", "rule"),
    Column("EFFECT", "effect"),
    Column("TITLE", "title"),
    Column("REMEDY", "remedy"),
    Column("APPROVAL BY", "approval", absent="nobody"),
)
DENIED = 4
NO_POLICY = "This team has no policy: nothing is denied."
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


@click.group()
def policy() -> None:
    """The rules of the team: check, explain."""


@policy.command()
@place_options
@output_option
def check(place: Place, shape: Shape) -> int:
    """Read the rules in policy/ and list them; what is wrong with one is said with file and line.

    Below the list stands what the team does and no rule permits, each with a rule that would.
    """
    rules = _policy(place.settings().project_dir)
    rows = [
        RuleRow(
            rule=rule.id,
            effect="forbid" if rule.forbids else "permit",
            title=rule.title,
            remedy=rule.remedy,
            approval=rule.approval_by,
        )
        for rule in sorted(getattr(rules, "rules", {}).values(), key=lambda one: one.id)
    ]
    show_rows("rules", rows, COLUMNS, shape, empty=NO_POLICY)
    _warn(place, rules)
    return 0


def _warn(place: Place, rules: "Policy") -> None:
    """Say what the team does that no rule permits, and what rules name that it has not."""
    from handrail.rails.policy import NoPolicy

    if isinstance(rules, NoPolicy):
        return
    from handrail.cli.message import intake_of
    from handrail.contract.remote import RemoteTool
    from handrail.errors import HandrailError
    from handrail.rails.cedar import CedarPolicy
    from handrail.rails.mcp.server import read_servers
    from handrail.rails.unpermitted import strangers, unpermitted
    from handrail.runtime.discovery import load_team

    assert isinstance(rules, CedarPolicy)
    settings = place.settings()
    try:
        team = load_team(settings.project_dir).description(intake=settings.intake)
        servers = read_servers(settings.mcp)
    except HandrailError as error:
        note(f"What the team does was not held against the rules: {inert(error.what)}")
        return
    intake = None
    with contextlib.suppress(click.UsageError, KeyError):
        intake = intake_of(team).name
    effects = {
        tool.name: servers[tool.server].effect_of(tool.remote_name).value
        for tool in team.tools
        if isinstance(tool, RemoteTool) and tool.server in servers
    }
    for lack in unpermitted(rules, team, intake, effects):
        note(f"Warning: {inert(str(lack))}. If it is to be allowed, add to a file in policy/:")
        note(f"  {inert(lack.line)}")
    for stranger in strangers(rules, team):
        note(f"Warning: {inert(str(stranger))}.")


def _asks(command: Any) -> Any:  # noqa: ANN401 - click's own decorators have no better type
    options = (
        click.argument("who", metavar="WHO"),
        click.argument("what", metavar="WHAT", type=click.Choice(sorted(KIND_OF))),
        click.argument("on", metavar="ON"),
        place_options,
        click.option("--agent", default="", help="By which agent."),
        click.option("--tenant", default="default", help="On whose behalf."),
        click.option("--approved", is_flag=True, help="A person has approved it."),
        click.option("--with", "given", metavar="JSON", default="{}", help="With which arguments."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@policy.command()
@_asks
def explain(place: Place, who: str, what: str, on: str, **more: str | bool) -> int:
    """Say whether WHO may have WHAT done to ON, by which rule, and what would help."""
    rules, access = _policy(place.settings().project_dir), _access(place, who, what, on, more)
    denied = rules.judge(access)
    roles = rules.roles_of(who)
    if getattr(rules, "rules", {}):
        note(f"{inert(who)} has {_in_words(roles)}. The policy is version {rules.version}.")
    else:
        note(NO_POLICY)
    if denied is None:
        click.echo(f"allowed: {inert(who)} may have {what} done on {inert(on)}.")
        return 0
    click.echo(f"denied by {denied.rule}: {inert(denied.title)}")
    note(f"  Do: {inert(denied.remedy)}")
    if denied.approval_by is not None:
        note(f"  An approval helps, by {denied.approvers}.")
    return DENIED


@click.command()
@_asks
def can(place: Place, who: str, what: str, on: str, **more: str | bool) -> int:
    """Say yes or no: whether WHO may have WHAT done to ON, and by which rule."""
    rules, access = _policy(place.settings().project_dir), _access(place, who, what, on, more)
    denied = rules.judge(access)
    if not getattr(rules, "rules", {}):
        note(NO_POLICY)
    click.echo(_yes_or_no(denied))
    return 0 if denied is None else DENIED


def _yes_or_no(denied: "Denied | None") -> str:
    if denied is None:
        return "yes"
    if denied.approval_by is not None:
        return f"after an approval by {denied.approvers}: {denied.rule}, {inert(denied.title)}"
    return f"no: {denied.rule}, {inert(denied.title)}"


def _policy(project: Path) -> "Policy":
    from handrail.rails.policy_files import policy_of

    return policy_of(project)


def _access(place: Place, who: str, what: str, on: str, more: dict[str, str | bool]) -> "Access":
    import orjson

    from handrail.rails.gateway import facts_of
    from handrail.rails.policy import Access

    try:
        arguments: Any = orjson.loads(str(more["given"]))
    except orjson.JSONDecodeError as error:
        message = f"--with holds no JSON: {error}"
        raise click.UsageError(message) from error
    tool = _tool(place, on) if what == "tool.call" else None
    if tool is not None and arguments:
        arguments = _as_read(tool, arguments)
    return Access(
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


def _tool(place: Place, name: str) -> "Tool[..., Any] | None":
    """Give the tool of the team; None for one of an MCP server, whose contract is elsewhere."""
    from handrail.runtime.discovery import load_team

    settings = place.settings()
    known = load_team(settings.project_dir).tools
    if name in known or any(name.startswith(f"{server}_") for server in settings.mcp):
        return known.get(name)
    message = f"there is no tool {name}; the team has {', '.join(sorted(known)) or 'none'}"
    raise click.UsageError(message)


def _as_read(tool: "Tool[..., Any]", arguments: Any) -> Any:  # noqa: ANN401 - plain JSON values
    """Read each argument that was given as the tool would, so that 150 is a decimal for it."""
    from pydantic import TypeAdapter, ValidationError

    from handrail.contract.explain import invalid_in_words

    if not isinstance(arguments, dict):
        message = "--with holds no JSON object: name each argument"
        raise click.UsageError(message)
    given, types = cast("dict[str, Any]", arguments), tool.contract.args_model.model_fields
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


def _in_words(roles: frozenset[str] | None) -> str:
    if not roles:
        return "no role"
    return f"the role{'s' if len(roles) > 1 else ''} {', '.join(sorted(roles))}"
