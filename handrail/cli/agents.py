"""`handrail agents`: what each agent reads and writes, who runs it, how much waits for it."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Column, Shape, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import AgentRow, LaneRow
from handrail.errors import BrokerUnreachable

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings
    from handrail.contract.agent import Agent
    from handrail.runtime.discovery import LoadedTeam

COLUMNS = (
    Column("AGENT", "name"),
    Column("READS", "reads"),
    Column("WRITES", "writes", absent="nothing"),
    Column("PROCESSES", "processes", right=True),
    Column("WAITING", "waiting", right=True),
    Column("FILE", "file"),
)
LANE_COLUMNS = (
    Column("PARTITION", "partition", right=True),
    Column("OWNER", "owner", absent="nobody"),
    Column("FIRST", "first", right=True),
    Column("COMMITTED", "committed", absent="–", right=True),
    Column("END", "end", right=True),
    Column("WAITING", "waiting", right=True),
)


@click.group()
def agents() -> None:
    """The agents of the team: list, show."""


@agents.command(name="list")
@place_options
@output_option
def list_agents(place: Place, shape: Shape) -> int:
    """List the agents, what they read and write, and how many records wait for them."""
    settings = place.settings()
    rows = asyncio.run(_list(settings))
    show_rows("agents", rows, COLUMNS, shape, empty="This team has no agents.")
    for row in rows:
        if row.processes is not None and row.processes > settings.partitions:
            note(
                f"{row.name}: {row.processes} processes share {settings.partitions} partitions;"
                f" {row.processes - settings.partitions} of them are idle."
            )
    return 0


@agents.command()
@click.argument("agent")
@place_options
@output_option
def show(place: Place, agent: str, shape: Shape) -> int:
    """Show one agent: its contract, and each partition of its inbox with its owner."""
    settings = place.settings()
    team = _team(settings)
    (found,) = team.chosen([agent])
    rows = asyncio.run(_lanes(settings, found))
    if shape is Shape.TABLE:
        _say_contract(team, found)
    show_rows("lanes", rows, LANE_COLUMNS, shape, empty="Its inbox is not on the broker yet.")
    return 0


def _team(settings: "Settings") -> "LoadedTeam":
    from handrail.cli.team import checked_team

    return checked_team(settings).loaded


def _say_contract(team: "LoadedTeam", agent: "Agent[..., object]") -> None:
    writes = ", ".join(topic.name for topic in agent.writes) or "nothing"
    purpose = f" {agent.purpose}" if agent.purpose else ""
    gathers = " It gathers the parts of a fan-out." if agent.gathers else ""
    note(f"{agent.name} (version {agent.version}):{purpose}")
    carries = ", ".join(agent.reads.models)
    note(f"It reads {agent.reads.name} ({carries}) and writes {writes}.{gathers}")
    note(f"It is declared in {team.files[agent.name]}.")


async def _list(settings: "Settings") -> list[AgentRow]:
    from handrail.cli.broker import connected

    team = _team(settings)
    seen: dict[str, tuple[int, int]] = {}
    try:
        async with connected(settings) as bus:
            for agent in team.agents.values():
                lanes = await lanes_of(bus, settings, agent)
                members = await bus.admin.members(f"{settings.namespace}.{agent.name}")
                seen[agent.name] = (len(members), sum(lane.waiting for lane in lanes))
    except BrokerUnreachable as error:
        note(f"{error.what} The agents are listed from their files alone.")
    return [
        AgentRow(
            name=agent.name,
            reads=agent.reads.name,
            writes=[topic.name for topic in agent.writes],
            file=str(team.files[agent.name].relative_to(team.folder)),
            processes=seen[agent.name][0] if agent.name in seen else None,
            waiting=seen[agent.name][1] if agent.name in seen else None,
        )
        for agent in team.agents.values()
    ]


async def _lanes(settings: "Settings", agent: "Agent[..., object]") -> list[LaneRow]:
    from handrail.cli.broker import connected

    async with connected(settings) as bus:
        return await lanes_of(bus, settings, agent)


async def lanes_of(bus: "Bus", settings: "Settings", agent: "Agent[..., object]") -> list[LaneRow]:
    """Give each partition of an agent's inbox: who owns it and how much waits there.

    What waits is counted in offsets, transaction markers included, so it may be a little more
    than there are records.
    """
    group = f"{settings.namespace}.{agent.name}"
    inbox = f"{settings.namespace}.{agent.reads.name}"
    if inbox not in await bus.admin.topics():
        return []
    owners = {
        where.partition: member
        for member, partitions in (await bus.admin.members(group)).items()
        for where in partitions
        if where.topic == inbox
    }
    committed = await bus.admin.committed(group, inbox)
    rows: list[LaneRow] = []
    for partition, (first, end) in sorted((await bus.admin.offsets(inbox)).items()):
        low = committed[partition].offset if partition in committed else None
        rows.append(
            LaneRow(
                partition=partition,
                owner=owners.get(partition),
                first=first,
                committed=low,
                end=end,
                waiting=max(0, end - max(first, low or 0)),
            )
        )
    return rows
