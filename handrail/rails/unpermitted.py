"""What a team does and no rule of its policy permits, found before anybody is refused.

A policy that lets an agent call a tool and not hand on what came of it lets work begin that cannot
end. Told is only what is certain: a rule whose condition depends on arguments, a tenant or an
approval counts as one that permits. What a rule forbids is not told: it has words of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from handrail.contract.team import TeamDescription
from handrail.contract.topic import results
from handrail.rails.cedar import CedarPolicy
from handrail.rails.gateway import ROLE, facts_of
from handrail.rails.policy import ANONYMOUS, Access

#: Somebody of whom the policy has never heard; no login holds a blank.
STRANGER: Final = "somebody else"
TOLD_MAX: Final = 10  #: names told of those whom something is not permitted


@dataclass(frozen=True, slots=True)
class Unpermitted:
    """One thing that a team does and that is not permitted, and the rule that would permit it."""

    who: str  #: in words
    action: str
    kind: str
    on: str
    agents: tuple[str, ...]  #: by which it is done; none where people do it
    line: str  #: to be added to a file in policy/

    def __str__(self) -> str:
        """Say it in one sentence."""
        by = f", which {' and '.join(self.agents)} would do" if self.agents else ""
        return f"nothing permits {self.who} {self.action} on {self.kind} {self.on}{by}"


@dataclass(frozen=True, slots=True)
class Named:
    """Something that a rule names and that the team does not have."""

    kind: str
    on: str
    place: str

    def __str__(self) -> str:
        """Say it in one sentence."""
        where = f" ({self.place})" if self.place else ""
        return f"a rule names {self.kind} {self.on}, which there is not{where}; it never applies"


@dataclass(frozen=True, slots=True)
class _Act:
    access: Access  #: of nobody yet
    agents: tuple[str, ...]
    known: tuple[str, ...]  #: of its context


def unpermitted(
    policy: CedarPolicy,
    team: TeamDescription,
    intake: str | None,
    effects: Mapping[str, str] | None = None,
) -> list[Unpermitted]:
    """Give all that the agents and people of a team do and that no rule permits.

    `effects` are those that an operator has declared of tools of MCP servers, by tool.
    """
    people = _people(policy)
    starters: Sequence[str] = people
    found: list[Unpermitted] = []
    if intake is not None:
        start = _act("task.submit", "Topic", intake)
        starters = _permitted(policy, start, people)
        if not starters:
            found.append(_nobody(policy, start, people))
            starters = people
    for act in _acts(team, effects or {}):
        able = _permitted(policy, act, people)
        if not able:
            found.append(_nobody(policy, act, starters))
        elif act.access.action == "handoff.send":
            # Whose task may begin has to be able to go on; rights to tools may well differ.
            lacking = [one for one in starters if one not in able]
            if lacking:
                found.append(_told(policy, act, lacking, _named(lacking)))
    return found


def strangers(policy: CedarPolicy, team: TeamDescription) -> list[Named]:
    """Give what rules name and the team does not have."""
    tools = {tool.name for tool in team.tools}
    agents = {agent.name for agent in team.agents}
    there: Mapping[str, set[str]] = {
        "Tool": tools,
        "Request": tools,
        "Topic": {*team.topics, results.name},
        "Space": set(team.spaces),
        "DeadLetter": agents,
        "Role": {role for roles in policy.roles.values() for role in roles},
    }
    return [
        Named(kind, on, place)
        for kind, known in there.items()
        for on, place in dict(policy.named(kind)).items()
        if on not in known
    ] + [
        Named("Role", role, rule.place)
        for rule in policy.rules.values()
        if (role := (rule.approval_by or "").removeprefix(ROLE)) != (rule.approval_by or "")
        and role not in there["Role"]
    ]


def _people(policy: CedarPolicy) -> tuple[str, ...]:
    """Give one person for each set of roles, everybody whom a rule names, and two strangers."""
    of_roles = {roles: person for person, roles in sorted(policy.roles.items(), reverse=True)}
    named = dict(policy.named("Person"))
    return tuple(sorted({*of_roles.values(), *named, ANONYMOUS, STRANGER}))


def _acts(team: TeamDescription, effects: Mapping[str, str]) -> Iterator[_Act]:
    for tool in sorted(team.tools, key=lambda one: one.name):
        facts = dict(facts_of(tool))
        facts["effect"] = effects.get(tool.name, facts["effect"])
        yield _act("tool.call", "Tool", tool.name, facts=facts)
    for agent in sorted(team.agents, key=lambda one: one.name):
        if agent.of_engine:
            # A person asks it and is told; what it reports needs no right of its own.
            yield _act("task.submit", "Topic", agent.reads.name)
            continue
        for topic in agent.writes:
            yield _act("handoff.send", "Topic", topic.name, agent=agent.name)
    for name, space in sorted(team.spaces.items()):
        sides = {"read": space.access.readers, "write": space.access.writers}
        for right, named in sides.items():
            if len(named) == 1:
                yield _act(f"memory.{right}", "Space", name, agent=named[0])
            else:
                yield _act(f"memory.{right}", "Space", name)
    for tool in sorted(team.tools, key=lambda one: one.name):
        if tool.terms.approval is not None:
            yield _act("approval.decide", "Request", tool.name)
    for agent in sorted(team.agents, key=lambda one: one.name):
        yield _act("dead_letter.redrive", "DeadLetter", agent.name, agent=agent.name, told=False)


def _act(
    action: str,
    kind: str,
    on: str,
    *,
    agent: str | None = None,
    facts: Mapping[str, Any] | None = None,
    told: bool = True,
) -> _Act:
    context = {"approved": False} | ({} if agent is None else {"agent": agent})
    access = Access(person="", action=action, kind=kind, on=on, facts=facts or {}, context=context)
    # A tool may be called with an approval, which its rule may ask for.
    known = () if agent is None else ("agent",)
    return _Act(access, (agent,) if agent is not None and told else (), known)


def _permitted(policy: CedarPolicy, act: _Act, people: Sequence[str]) -> list[str]:
    return [
        person
        for person in people
        if policy.permits(replace(act.access, person=person), known=act.known)
    ]


def _nobody(policy: CedarPolicy, act: _Act, starters: Sequence[str]) -> Unpermitted:
    return _told(policy, act, starters, "anybody")


def _told(policy: CedarPolicy, act: _Act, whom: Sequence[str], who: str) -> Unpermitted:
    access = act.access
    principal = _principal(policy, whom)
    line = (
        f'@id("{access.action}-{access.on}") permit ({principal}, '
        f'action == Action::"{access.action}", resource == {access.kind}::"{access.on}");'
    )
    return Unpermitted(who, access.action, access.kind, access.on, act.agents, line)


def _principal(policy: CedarPolicy, whom: Sequence[str]) -> str:
    """Give the narrowest scope that holds all of them."""
    if len(whom) == 1 and whom[0] != STRANGER:
        return f'principal == Person::"{whom[0]}"'
    shared = set(policy.roles.get(whom[0], ()))
    for one in whom:
        shared &= policy.roles.get(one, frozenset())
    return f'principal in Role::"{min(shared)}"' if shared else "principal"


def _named(people: Sequence[str]) -> str:
    more = len(people) - TOLD_MAX
    shown = ", ".join(people[:TOLD_MAX])
    return f"{shown} and {more} more" if more > 0 else shown
