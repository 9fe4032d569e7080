"""A team ready to be treated badly: its project, its processes, and the tasks it will be given.

The project is always a copy laid out for the run, with a namespace and a broker of its own, so
that nothing of the team's real work is touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from handrail.chaos.history import AgentFacts
from handrail.chaos.jobs import Mixture, planned
from handrail.chaos.loader import Load
from handrail.contract.team import TeamDescription
from handrail.runtime.child import ChildSpec, Kind, handrail_command
from handrail.runtime.discovery import LoadedTeam, load_team
from handrail.runtime.team_up import KEEPER, REGISTRAR
from handrail.wire.priority import Priority

TEAM = Path(__file__).parent / "team"
SUFFIX = ".in"  #: they are no modules of the engine, but files of the project that is laid out
PARTITIONS = 4
INTAKE = "jobs"

#: Steps at whose moments a process of the chaos team may die. The unsafe one is rare among the
#: jobs, and what becomes of it is what matters most.
STEPS = ("pay", "pay", "pay", "pay", "think", "book", "order")
TAKERS = ("opener", "grinder", "mixer", "cutter")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a round is played, and by whom."""

    project: Path
    namespace: str
    intake: str
    loaded: LoadedTeam
    loads: Sequence[Load]
    partitions: int = PARTITIONS
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    program: tuple[str, ...] = field(default_factory=lambda: handrail_command("run"))
    steps: tuple[str, ...] = ()  #: names of steps at whose moments a process may die
    takers: tuple[str, ...] = ()  #: agents that take these steps
    #: Agent → the record of memory that each of its finished invocations adds one to.
    counters: Mapping[str, str] = field(default_factory=dict[str, str])
    #: Whether its handlers touch nothing outside of steps: they can be run again to compare.
    repeatable: bool = False
    #: Whether people answer, settle and cancel: "yes" has to be an answer to whatever it asks.
    has_people: bool = False

    @property
    def description(self) -> TeamDescription:
        """The team as a whole."""
        return self.loaded.description(intake=self.intake)

    def facts(self) -> tuple[AgentFacts, ...]:
        """Say of each agent what whoever checks the run has to know."""
        effects = {tool.name: str(tool.effect) for tool in self.loaded.tools.values()}
        return tuple(
            AgentFacts(
                name=agent.name,
                inboxes=agent.reads.inboxes,
                effects=effects,
                counter=self.counters.get(agent.name, ""),
            )
            for agent in self.loaded.agents.values()
        )

    def specs(self, processes: int) -> list[ChildSpec]:
        """Give the processes: the single writers, and the agents' in turn, each at least once.

        Each single writer has a process of its own, so that a fault strikes one of them.
        """
        where = ("--project", str(self.project))
        writers = (REGISTRAR, KEEPER) if self.loaded.spaces else (REGISTRAR,)
        specs = [
            ChildSpec(
                name,
                (*handrail_command("run"), name, *where),
                Kind.WRITER,
                (name,),
                self.environment,
            )
            for name in writers
        ]
        agents = [*self.loaded.agents]
        for index in range(max(processes, len(agents))):
            agent, number = agents[index % len(agents)], index // len(agents) + 1
            name = agent if number == 1 else f"{agent}-{number}"
            command = (*self.program, agent, *where)
            specs.append(ChildSpec(name, command, Kind.AGENT, (agent,), self.environment))
        return specs


def chaos_team(folder: Path, namespace: str, loads: Sequence[Load]) -> Stage:
    """Lay the shipped chaos team out in a folder."""
    for source in sorted(TEAM.rglob(f"*{SUFFIX}")):
        target = folder / source.relative_to(TEAM).with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    settings = f'namespace = "{namespace}"\nintake = "{INTAKE}"\npartitions = {PARTITIONS}\n'
    (folder / "handrail.toml").write_text(settings, encoding="utf-8")
    loaded = load_team(folder)
    return Stage(
        project=folder,
        namespace=namespace,
        intake=INTAKE,
        loaded=loaded,
        loads=loads,
        # Whatever key lies in the shell, no model is asked for money.
        environment={"ANTHROPIC_API_KEY": "", "HANDRAIL_MODEL": ""},
        steps=STEPS,
        takers=TAKERS,
        counters={name: f"counts/station/{name}" for name in TAKERS},
        repeatable=True,
        has_people=True,
    )


def chaos_loads(seed: int, count: int, mixture: Mixture) -> list[Load]:
    """Draw the tasks of the chaos team."""
    jobs = [planned(seed, number, mixture) for number in range(count)]
    return [
        Load(
            job.reference,
            orjson.dumps(job.body),
            kind=job.kind,
            parts=job.parts,
            results=1,
            may_die=bool(job.body["poison"]),
            waits_for_person=job.kind == "asks",
            dies=job.dies,
            number=job.number,
            priority=Priority.HIGH if job.urgent else Priority.NORMAL,
        )
        for job in jobs
    ]
