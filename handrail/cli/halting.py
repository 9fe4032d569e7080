"""`handrail agents pause`, `drain`, `resume`: people halt an agent or a tenant, and lift that."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.output import inert, note
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.lane.holding import Halt, Hold, Target


def _whom(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its target: an agent, or with --tenant a tenant."""
    command = click.option("--tenant", metavar="NAME", help="A tenant, in place of an agent.")(
        command
    )
    return click.argument("agent", required=False)(command)


def _said(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command what everybody who looks will see."""
    command = click.option("--by", metavar="NAME", help="Who wants it.  [default: your login]")(
        command
    )
    return click.option(
        "--reason", metavar="TEXT", default="", help="Why; everybody who looks sees it."
    )(command)


@click.command()
@_whom
@_said
@place_options
def pause(place: Place, agent: str | None, tenant: str | None, reason: str, by: str | None) -> int:
    """Let an agent or a tenant begin nothing: no handoff, and no step of what runs.

    A step that has begun ends, and is recorded. It holds through restarts, until `resume`.
    """
    from handrail.lane.holding import Halt

    return asyncio.run(_halt(place.settings(), Halt.PAUSE, (agent, tenant), reason, by))


@click.command()
@_whom
@_said
@place_options
def drain(place: Place, agent: str | None, tenant: str | None, reason: str, by: str | None) -> int:
    """Let an agent or a tenant begin no handoff; what it has begun goes on to its end."""
    from handrail.lane.holding import Halt

    return asyncio.run(_halt(place.settings(), Halt.DRAIN, (agent, tenant), reason, by))


@click.command()
@_whom
@place_options
def resume(place: Place, agent: str | None, tenant: str | None) -> int:
    """Let an agent or a tenant go on that was paused or drained."""
    return asyncio.run(_resume(place.settings(), (agent, tenant)))


async def _halt(
    settings: "Settings",
    how: "Halt",
    whom: tuple[str | None, str | None],
    reason: str,
    by: str | None,
) -> int:
    from handrail.cli.broker import connected
    from handrail.lane.holding import Hold
    from handrail.runtime.cancel import who
    from handrail.runtime.clock import WallClock
    from handrail.runtime.holding import halt

    target = _checked(settings, whom)
    hold = Hold(target, how, by or who(), reason, WallClock().now_ms())
    async with connected(settings) as bus:
        await halt(bus, settings.namespace, hold)
    note(f"{in_words(hold)} Let it go on: {_resume_command(target)}")
    return 0


async def _resume(settings: "Settings", whom: tuple[str | None, str | None]) -> int:
    from handrail.cli.broker import connected
    from handrail.runtime.holding import halted, lift

    target = _checked(settings, whom)
    async with connected(settings) as bus:
        held = [hold for hold in await halted(bus, settings.namespace) if hold.target == target]
        await lift(bus, settings.namespace, target)
    what = "goes on." if held else "was not halted; nothing has changed."
    note(f"{_named(target)} {what}")
    return 0


def _checked(settings: "Settings", whom: tuple[str | None, str | None]) -> "Target":
    """Name whom it is about. Raises HaltTargetWrong, and AgentUnknown for no agent of the team."""
    from handrail.runtime.holding import target_of

    agent, tenant = whom
    target = target_of(agent, tenant)
    if agent is not None:
        from handrail.cli.team import checked_team

        checked_team(settings).loaded.chosen([agent])
    return target


def in_words(hold: "Hold") -> str:
    """Say what is halted, since when, by whom and why."""
    from handrail.cli.task_rows import when
    from handrail.lane.holding import Halt

    halted = (
        "paused: it begins nothing" if hold.halt is Halt.PAUSE else "drained: it begins nothing"
    )
    more = ", and no step of what runs" if hold.halt is Halt.PAUSE else ", what has begun goes on"
    because = f": {inert(hold.why)}" if hold.why else ""
    said = f"by {inert(hold.by)}, {when(hold.since_ms)}{because}"
    return f"{_named(hold.target)} is {halted}{more} ({said})."


def _named(target: "Target") -> str:
    return f"{target.scope.value.capitalize()} {inert(target.name)}"


def _resume_command(target: "Target") -> str:
    from handrail.lane.holding import Scope

    flag = "--tenant " if target.scope is Scope.TENANT else ""
    return f"handrail agents resume {flag}{inert(target.name)}"
