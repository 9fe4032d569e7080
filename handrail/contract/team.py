"""The agents of one project as one whole: what the topics between them say.

Guarantee: everything that is wrong is told at once, each problem with its cure. All checks are
pure; nothing is read from disk or from a broker.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from handrail.contract.agent import Agent
from handrail.contract.memory import Memory
from handrail.contract.tool import Tool
from handrail.contract.topic import Topic
from handrail.contract.undo import takes_of, unbound
from handrail.errors.contract import TeamInvalid
from handrail.wire.limits import HOP_COUNT_MAX

AnyAgent = Agent[..., Any]
AnyTopic = Topic[Any, Any]
AnyTool = Tool[..., Any]
AnySpace = Memory[Any]

SIDES = ("answers", "journal", "dead")  #: the topics that every agent has beside its inbox


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a team, and what to do about it."""

    detail: str
    cure: str

    def __str__(self) -> str:
        """Give both on one line."""
        return f"{self.detail} ({self.cure})"


class TeamDescription:
    """The agents, topics and tools of one team."""

    def __init__(
        self,
        agents: Iterable[AnyAgent],
        *,
        tools: Iterable[AnyTool] = (),
        topics: Iterable[AnyTopic] = (),
        spaces: Iterable[AnySpace] = (),
        intake: str | None = None,
    ) -> None:
        """Describe a team; `topics` are those that no agent of it names, `intake` is checked."""
        self.agents = tuple(agents)
        self.tools = tuple(tools)
        by_name = {tool.name: tool for tool in self.tools}
        for tool in self.tools:
            if (undo := by_name.get(tool.terms.undo or "")) is not None:
                tool.undo_takes = takes_of(undo)
        self.intake = intake
        self._spaces = tuple(spaces)
        self.spaces: dict[str, AnySpace] = {space.name: space for space in self._spaces}
        named = [t for a in self.agents for t in (a.reads, *a.writes)]
        self._declared = (*named, *topics)
        self.topics: dict[str, AnyTopic] = {t.name: t for t in self._declared}

    def readers_of(self, topic: AnyTopic) -> tuple[AnyAgent, ...]:
        """Give the agents that read a topic; in a team without problems at most one."""
        return tuple(a for a in self.agents if a.reads.name == topic.name)

    def writers_of(self, topic: AnyTopic) -> tuple[AnyAgent, ...]:
        """Give the agents that may write to a topic."""
        return tuple(a for a in self.agents if any(t.name == topic.name for t in a.writes))

    def gathers_of(self, agent: AnyAgent) -> tuple[AnyTopic, ...]:
        """Give every topic on which a fan-out of this agent could be gathered, in name order.

        The topics are followed from the agent to the first gathering agent; a fan-out that is
        opened on the way is closed by its own gathering agent first.
        """
        found: dict[str, AnyTopic] = {}
        seen: set[tuple[str, int]] = set()
        frontier = [(topic, 1) for topic in agent.writes]
        while frontier:
            topic, open_count = frontier.pop()
            if (topic.name, open_count) in seen or open_count > HOP_COUNT_MAX:
                continue
            seen.add((topic.name, open_count))
            for reader in self.readers_of(topic):
                left = open_count - 1 if reader.gathers else open_count
                if left == 0:
                    found[topic.name] = topic
                else:
                    depths = {left} if reader.sends_one else set[int]()
                    depths |= {left + 1} if reader.fans_out else set[int]()
                    frontier.extend((t, depth) for t in reader.writes for depth in depths)
        return tuple(found[name] for name in sorted(found))

    def gather_of(self, agent: AnyAgent) -> AnyTopic | None:
        """Give the topic on which a fan-out of this agent is gathered; None when nobody gathers it.

        Raises TeamInvalid when several could.
        """
        gathers = self.gathers_of(agent)
        if len(gathers) > 1:
            raise _team_invalid([_ambiguous(agent, gathers)])
        return gathers[0] if gathers else None

    def problems(self) -> tuple[Problem, ...]:
        """Give everything that is wrong, in a fixed order."""
        return (
            *self._same_names(),
            *self._topics_that_differ(),
            *self._topics_that_collide(),
            *self._several_readers(),
            *self._unanswered_questions(),
            *self._undos_that_cannot_be(),
            *self._ambiguous_gathers(),
            *self._spaces_that_differ(),
            *self._strangers_to_spaces(),
            *self._intake(),
        )

    def notes(self) -> tuple[Problem, ...]:
        """Give what is allowed but perhaps not meant; a part of a team, run alone, has some."""
        return (*self._unread_topics(), *self._unreached_gathers())

    def check(self) -> None:
        """Raise TeamInvalid when anything is wrong."""
        problems = list(self.problems())
        if problems:
            raise _team_invalid(problems)

    def _same_names(self) -> Iterable[Problem]:
        if not self.agents:
            yield Problem("it has no agent", "write one into agents/, see `handrail init`")
        for kind, names in (
            ("agents", [a.name for a in self.agents]),
            ("tools", [t.name for t in self.tools]),
        ):
            for name in sorted({n for n in names if names.count(n) > 1}):
                files = sorted({a.source_file for a in self.agents if a.name == name} - {""})
                where = f" in {' and '.join(files)}" if kind == "agents" and files else ""
                yield Problem(f"two {kind} are called {name}{where}", "rename one, or give name=")

    def _topics_that_differ(self) -> Iterable[Problem]:
        by_name: dict[str, list[AnyTopic]] = defaultdict(list)
        for topic in self._declared:
            if topic not in by_name[topic.name]:
                by_name[topic.name].append(topic)
        for name, topics in sorted(by_name.items()):
            if len(topics) > 1:
                if len({t.priorities for t in topics}) > 1:
                    yield Problem(
                        f"topic {name} is declared with priorities=True and without",
                        "declare it once, in topics/, and import it",
                    )
                    continue
                carried = " and ".join(", ".join(t.models) or "anything" for t in topics)
                yield Problem(
                    f"topic {name} is declared with different messages: {carried}",
                    "declare it once, in topics/, and import it",
                )

    def _topics_that_collide(self) -> Iterable[Problem]:
        # Apache Kafka 4.4.0 refuses a topic whose name differs from another's by . and _ alone.
        owners = {
            f"{lanes}_{side}": f"agent {a.name}"
            for a in self.agents
            for lanes in (a.name, f"{a.name}_high")
            for side in SIDES
        }
        owners |= {f"{name}_high": f"topic {name}" for name in self.topics}
        for name in sorted(self.topics):
            if name in owners or name.startswith("memory_"):
                yield Problem(
                    f"topic {name} is called like a side topic of {owners.get(name, 'the memory')}",
                    "rename the topic",
                )
        urgent = {f"{a.name}_high": a.name for a in self.agents if a.reads.priorities}
        for agent in self.agents:
            if (other := urgent.get(agent.name)) is not None:
                yield Problem(
                    f"agent {agent.name} is called like the lanes of high priority of {other}",
                    "rename the agent",
                )

    def _several_readers(self) -> Iterable[Problem]:
        for name, topic in sorted(self.topics.items()):
            readers = self.readers_of(topic)
            if len(readers) > 1:
                names = ", ".join(sorted(a.name for a in readers))
                yield Problem(
                    f"topic {name} is the inbox of several agents: {names}",
                    "give each agent a topic of its own",
                )

    def _undos_that_cannot_be(self) -> list[Problem]:
        known = {tool.name: tool for tool in self.tools}
        found: list[Problem] = []
        for tool in self.tools:
            named = tool.terms.undo
            undo = known.get(named or "")
            if named is not None and undo is None:
                cure = f"declare {named} in a file of tools/, or correct undo="
                found.append(Problem(f"{tool.name} is undone by {named}, and no tool is", cure))
            elif undo is not None and (left := unbound(undo, tool)):
                detail = f"{undo.name} undoes {tool.name} and wants {', '.join(left)}"
                cure = f"call it like an argument of {tool.name}, a field of its result, or result"
                found.append(Problem(detail, cure))
        return found

    def _unanswered_questions(self) -> Iterable[Problem]:
        for name, topic in sorted(self.topics.items()):
            if topic.reply is not None and not self.readers_of(topic):
                yield Problem(
                    f"topic {name} has replies=, and no agent reads it: nobody would answer",
                    "add the agent that answers, or remove replies= from the topic",
                )

    def _spaces_that_differ(self) -> Iterable[Problem]:
        for name, space in sorted(self.spaces.items()):
            if any(one != space for one in self._spaces if one.name == name):
                yield Problem(
                    f"memory space {name} is declared twice, in different ways",
                    "declare it once, in memory/, and import it",
                )

    def _strangers_to_spaces(self) -> Iterable[Problem]:
        names = {agent.name for agent in self.agents}
        for name, space in sorted(self.spaces.items()):
            named = {*space.access.readers, *space.access.writers}
            for stranger in sorted(named - names):
                yield Problem(
                    f"memory space {name} names agent {stranger}, which this team does not have",
                    "correct the name in memory/, or leave it out",
                )

    def _unread_topics(self) -> Iterable[Problem]:
        for name, topic in sorted(self.topics.items()):
            if self.writers_of(topic) and not self.readers_of(topic) and not topic.is_open:
                writers = ", ".join(sorted(a.name for a in self.writers_of(topic)))
                yield Problem(
                    f"topic {name}, written by {writers}, is read by no agent",
                    "write to `results` what the task gives back, or add the agent that reads it",
                )

    def _ambiguous_gathers(self) -> Iterable[Problem]:
        for agent in self.agents:
            gathers = self.gathers_of(agent) if agent.fans_out else ()
            if len(gathers) > 1:
                yield _ambiguous(agent, gathers)

    def _unreached_gathers(self) -> Iterable[Problem]:
        gathered = {t.name for a in self.agents if a.fans_out for t in self.gathers_of(a)}
        for agent in self.agents:
            if agent.gathers and agent.reads.name not in gathered:
                yield Problem(
                    f"agent {agent.name} gathers from {agent.reads.name}, where no fan-out leads",
                    "let an agent before it return a list, or take one message instead of Parts",
                )

    def _intake(self) -> Iterable[Problem]:
        if self.intake is not None and all(a.reads.name != self.intake for a in self.agents):
            inboxes = ", ".join(sorted({a.reads.name for a in self.agents})) or "none"
            yield Problem(
                f"no agent reads the intake {self.intake}; inboxes are {inboxes}",
                "set `intake` in handrail.toml to one of them",
            )


def check_team(
    agents: Iterable[AnyAgent],
    *,
    tools: Iterable[AnyTool] = (),
    topics: Iterable[AnyTopic] = (),
    intake: str | None = None,
) -> None:
    """Check a team as a whole; raises TeamInvalid, which carries `problems`."""
    TeamDescription(agents, tools=tools, topics=topics, intake=intake).check()


def _ambiguous(agent: AnyAgent, gathers: tuple[AnyTopic, ...]) -> Problem:
    names = " and ".join(topic.name for topic in gathers)
    return Problem(
        f"a fan-out of {agent.name} could be gathered on {names}",
        "let all its parts lead to one gathering agent, or split the agent in two",
    )


def _team_invalid(problems: list[Problem]) -> TeamInvalid:
    return TeamInvalid(
        summary="; ".join(p.detail for p in problems),
        cure="\n".join(dict.fromkeys(p.cure for p in problems)),
        problems=tuple(problems),
    )
