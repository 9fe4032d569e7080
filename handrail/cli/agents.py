"""`handrail agents`: what each agent reads and writes, who runs it, how much waits for it."""

import asyncio
from typing import TYPE_CHECKING

import click

from handrail.cli.halting import drain, pause, resume
from handrail.cli.output import Column, Shape, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import AgentRow, LaneRow
from handrail.errors import BrokerUnreachable
from handrail.wire.priority import priority_in
from handrail.wire.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    Column("PRIORITY", "priority"),
    Column("PARTITION", "partition", right=True),
    Column("OWNER", "owner", absent="nobody"),
    Column("FIRST", "first", right=True),
    Column("COMMITTED", "committed", absent="–", right=True),
    Column("END", "end", right=True),
    Column("WAITING", "waiting", right=True),
)
COUNTED_OFFSETS_MAX = 64  #: of a partition; what waits beyond is counted in offsets
COUNT_WITHIN_S, POLL_S = 3.0, 0.1


@click.group()
def agents() -> None:
    """The agents of the team: list, show, pause, drain, resume."""


for _halting in (pause, drain, resume):
    agents.add_command(_halting)


@agents.command(name="list")
@place_options
@output_option
def list_agents(place: Place, shape: Shape) -> int:
    """List the agents, what they read and write, and how many records wait for them."""
    settings = place.settings()
    rows = asyncio.run(_list(settings))
    show_rows("agents", rows, COLUMNS, shape, empty="This team has no agents.")
    for row in rows:
        shared = settings.partitions * row.inboxes
        if row.processes is not None and row.processes > shared:
            note(
                f"{row.name}: {row.processes} processes share {shared} partitions;"
                f" {row.processes - shared} of them are idle."
            )
    return 0


@agents.command()
@click.argument("agent")
@place_options
@output_option
def show(place: Place, agent: str, shape: Shape) -> int:
    """Show one agent: its contract, and each partition of its inbox with its owner.

    Why a partition is closed is known of processes of this machine.
    """
    settings = place.settings()
    team = _team(settings)
    (found,) = team.chosen([agent])
    rows = asyncio.run(_lanes(settings, found))
    if shape is Shape.TABLE:
        _say_contract(team, found)
        for row in rows:
            if row.closed is not None:
                note(f"Partition {row.partition} ({row.priority}) is closed: {row.closed}")
    show_rows("lanes", rows, LANE_COLUMNS, shape, empty="Its inbox is not on the broker yet.")
    return 0


def _shown(team: "LoadedTeam", agent: str) -> str:
    file = team.files[agent]
    return str(file.relative_to(team.folder)) if file.is_relative_to(team.folder) else str(file)


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
    if agent.reads.priorities:
        note(
            f"Tasks of high priority come in on {agent.reads.inboxes[-1]}: of them four start for"
            " each other one, while both wait."
        )
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
            file=_shown(team, agent.name),
            processes=seen[agent.name][0] if agent.name in seen else None,
            waiting=seen[agent.name][1] if agent.name in seen else None,
            inboxes=len(agent.reads.inboxes),
        )
        for agent in team.agents.values()
    ]


async def _lanes(settings: "Settings", agent: "Agent[..., object]") -> list[LaneRow]:
    from handrail.cli.broker import connected

    async with connected(settings) as bus:
        return await lanes_of(bus, settings, agent)


async def lanes_of(bus: "Bus", settings: "Settings", agent: "Agent[..., object]") -> list[LaneRow]:
    """Give each partition of an agent's inboxes: who owns it and how much waits there.

    What waits is counted record by record up to COUNTED_OFFSETS_MAX of a partition, since the
    markers of transactions take up offsets, too; beyond that offsets are counted.
    """
    from handrail.runtime.note import closed_partitions

    group = f"{settings.namespace}.{agent.name}"
    there = await bus.admin.topics()
    inboxes = [f"{settings.namespace}.{name}" for name in agent.reads.inboxes]
    closed = closed_partitions(settings.project_dir)
    found = [await _lanes_of(bus, group, inbox, closed) for inbox in inboxes if inbox in there]
    return [lane for lanes in found for lane in lanes]


async def _lanes_of(
    bus: "Bus", group: str, inbox: str, closed: "Mapping[str, str]"
) -> list[LaneRow]:
    owners = {
        where.partition: member
        for member, partitions in (await bus.admin.members(group)).items()
        for where in partitions
        if where.topic == inbox
    }
    committed = await bus.admin.committed(group, inbox)
    offsets = await bus.admin.offsets(inbox)
    lows = {place: committed[place].offset if place in committed else None for place in offsets}
    spans = {
        TopicPartition(inbox, place): (max(first, lows[place] or 0), end)
        for place, (first, end) in offsets.items()
    }
    waiting = await _waiting(bus, spans)
    return [
        LaneRow(
            priority=priority_in(inbox).value,
            partition=place,
            owner=owners.get(place),
            first=first,
            committed=lows[place],
            end=end,
            waiting=waiting[TopicPartition(inbox, place)],
            closed=closed.get(f"{inbox}/{place}"),
        )
        for place, (first, end) in sorted(offsets.items())
    ]


async def _waiting(
    bus: "Bus", spans: "Mapping[TopicPartition, tuple[int, int]]"
) -> "Mapping[TopicPartition, int]":
    """Count what lies between two offsets: short spans by reading them, all of them at once."""
    found = {where: max(0, end - start) for where, (start, end) in spans.items()}
    short = {where: spans[where] for where, n in found.items() if 0 < n <= COUNTED_OFFSETS_MAX}
    if not short:
        return found
    counted = dict.fromkeys(short, 0)
    tail = await bus.tail({where: start for where, (start, _) in short.items()})
    give_up = asyncio.get_running_loop().time() + COUNT_WITHIN_S
    try:
        while any(tail.position(where) < end for where, (_, end) in short.items()):
            if asyncio.get_running_loop().time() > give_up:
                return found
            for record in await tail.poll(timeout_s=POLL_S, records_max=COUNTED_OFFSETS_MAX):
                where = TopicPartition(record.topic, record.partition)
                counted[where] += record.offset < short[where][1]
    finally:
        await tail.close()
    return {**found, **counted}
