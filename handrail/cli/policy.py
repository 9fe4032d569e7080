"""`handrail policy` and `handrail can`: the rules of a team, and what they allow to whom."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.policy_access import KIND_OF, approval_wanted, asked, withheld
from handrail.cli.rail_rows import RuleRow

if TYPE_CHECKING:
    from handrail.rails.policy import Denied, Policy

COLUMNS = (
    Column("RULE", "rule"),
    Column("EFFECT", "effect"),
    Column("TITLE", "title"),
    Column("REMEDY", "remedy"),
    Column("APPROVAL BY", "approval", absent="nobody"),
)
DENIED = 4
NO_POLICY = "This team has no policy: nothing is denied."


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
    if not getattr(rules, "rules", {}):
        _be_a_team(place)
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


def _be_a_team(place: Place) -> None:
    """Tell apart a team without rules and a folder that is no team. Raises ProjectNotFound."""
    from handrail.cli.team import loaded_team
    from handrail.errors import HandrailError, ProjectNotFound

    try:
        loaded_team(place.settings())
    except ProjectNotFound:
        raise
    except HandrailError as error:
        note(f"The team cannot be loaded: {inert(error.what)}")


def _warn(place: Place, rules: "Policy") -> None:
    """Say what the team does that no rule permits, and what rules name that it has not."""
    from handrail.rails.policy import NoPolicy

    if isinstance(rules, NoPolicy):
        return
    from handrail.cli.message import intake_of
    from handrail.cli.team import loaded_team
    from handrail.contract.remote import RemoteTool
    from handrail.errors import HandrailError
    from handrail.rails.cedar import CedarPolicy
    from handrail.rails.mcp.server import read_servers
    from handrail.rails.unpermitted import strangers, unpermitted

    assert isinstance(rules, CedarPolicy)
    settings = place.settings()
    try:
        team = loaded_team(settings).description(intake=settings.intake)
        servers = read_servers(settings.mcp)
    except HandrailError as error:
        note(f"What the team does was not held against the rules: {inert(error.what)}")
        return
    intake = None
    with contextlib.suppress(HandrailError, KeyError):
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
    rules = _policy(place.settings().project_dir)
    answer = _answer(place, rules, who, what, on, more)
    if getattr(rules, "rules", {}):
        roles = _in_words(rules.roles_of(who))
        note(f"{inert(who)} has {roles}. The policy is version {rules.version}.")
    else:
        note(NO_POLICY)
    denied = answer.denied
    if answer.is_yes:
        by = f" by {answer.rules}" if answer.rules else ""
        click.echo(f"allowed{by}: {inert(who)} may have {what} done on {inert(on)}.")
        return 0
    if denied is not None:
        click.echo(f"denied by {denied.rule}: {inert(denied.title)}")
        note(f"  Do: {inert(denied.remedy)}")
        if answer.wanted:
            note(f"  An approval helps, by {answer.approvers}.")
        return DENIED
    by = f" by {answer.rules}" if answer.rules else ""
    click.echo(f"allowed{by}, after an approval by {answer.approvers}: {answer.of_contract}.")
    return DENIED


@click.command()
@_asks
def can(place: Place, who: str, what: str, on: str, **more: str | bool) -> int:
    """Say yes or no: whether WHO may have WHAT done to ON, and by which rule.

    Ends with code 4 for a no, and for a yes that waits for an approval.
    """
    rules = _policy(place.settings().project_dir)
    answer = _answer(place, rules, who, what, on, more)
    if not getattr(rules, "rules", {}):
        note(NO_POLICY)
    click.echo(str(answer))
    return 0 if answer.is_yes else DENIED


@dataclass(frozen=True, slots=True)
class _Answer:
    """What policy and contract say together, as the gateway would ask them."""

    denied: "Denied | None"
    permits: tuple[str, ...]  #: ids of the rules that permit
    wanted: tuple[str, ...]  #: who has to approve, each of them
    of_contract: str  #: why the contract asks for an approval; empty: it does not

    @property
    def is_yes(self) -> bool:
        """Whether it may be done without asking anybody."""
        return self.denied is None and not self.wanted

    @property
    def approvers(self) -> str:
        """Who has to approve it, in words."""
        return inert(" and ".join(self.wanted))

    @property
    def rules(self) -> str:
        """The rules that permit it, in words."""
        return inert(", ".join(self.permits))

    def __str__(self) -> str:
        """Say it in one line."""
        because = [self.rules] if self.permits else []
        if self.denied is not None:
            because = [f"{self.denied.rule}, {inert(self.denied.title)}"]
        because += [inert(self.of_contract)] if self.of_contract else []
        said = "yes" if self.denied is None else "no"
        if self.wanted:
            said = f"yes, after an approval by {self.approvers}"
        return f"{said}: {'; '.join(because)}" if because else said


def _answer(
    place: Place, rules: "Policy", who: str, what: str, on: str, more: dict[str, str | bool]
) -> _Answer:
    access, tool = asked(place.settings(), who, what, on, more)
    denied = withheld(place.settings(), tool) or rules.judge(access)
    permits = rules.permitted_by(access)
    if denied is not None and denied.approval_by is not None:
        # What an approval leaves forbidden, or nobody permits, no approval helps.
        approved = replace(access, context={**access.context, "approved": True})
        lasting = rules.judge(approved)
        denied, permits = lasting or denied, rules.permitted_by(approved)
    if denied is not None and (denied.approval_by is None or not permits):
        return _Answer(denied, (), (), "")
    wanted = () if denied is None else (denied.approval_by or "", *denied.also_by)
    of_contract = ""
    approval = None if tool is None else approval_wanted(tool, access)
    if approval is not None:
        wanted = (*wanted, approval.by)
        when = "for every call" if approval.when is None else f"when {approval.when}"
        of_contract = f"the contract of {on} asks for it {when}"
    return _Answer(denied, permits, tuple(dict.fromkeys(wanted)), of_contract)


def _policy(project: Path) -> "Policy":
    from handrail.rails.policy_files import policy_of

    return policy_of(project)


def _in_words(roles: frozenset[str] | None) -> str:
    if not roles:
        return "no role"
    return f"the role{'s' if len(roles) > 1 else ''} {', '.join(sorted(roles))}"
