"""A team is checked as a whole: every problem at once, each with its cure."""

import pytest
from pydantic import BaseModel

from handrail import Access, Effect, Memory, MemoryClass, Parts, Topic, agent, results, tool
from handrail.contract.team import AnyAgent, AnyTopic, TeamDescription, check_team
from handrail.errors import TeamInvalid


class Work(BaseModel):
    text: str


class Other(BaseModel):
    text: str


def topic(name: str) -> Topic[Work]:
    return Topic(name, carries=Work)


def one(name: str, reads: AnyTopic, *writes: AnyTopic) -> AnyAgent:
    @agent(reads=reads, writes=writes or (results,), name=name)
    async def handler(work: Work) -> Work | None:
        return None

    return handler


def fans(name: str, reads: AnyTopic, *writes: AnyTopic) -> AnyAgent:
    @agent(reads=reads, writes=writes or (results,), name=name)
    async def handler(work: Work) -> list[Work]:
        return []

    return handler


def gathers(name: str, reads: AnyTopic, *writes: AnyTopic) -> AnyAgent:
    @agent(reads=reads, writes=writes or (results,), name=name)
    async def handler(parts: Parts[Work]) -> Work | None:
        return None

    return handler


INTAKE, QUESTIONS, FINDINGS = topic("intake"), topic("questions"), topic("findings")
DRAFTS, REVISIONS, FINAL = topic("drafts"), topic("revisions"), topic("final")
DESK = [
    fans("planner", INTAKE, QUESTIONS),
    one("researcher", QUESTIONS, FINDINGS),
    gathers("writer", FINDINGS, DRAFTS),
    one("reviewer", DRAFTS, REVISIONS, FINAL),
    one("reviser", REVISIONS, DRAFTS),
    one("publisher", FINAL, results),
]


def test_a_whole_team_with_a_loop_and_results_is_sound() -> None:
    team = TeamDescription(DESK, intake="intake")

    check_team(DESK, intake="intake")
    assert team.notes() == ()
    assert team.gather_of(DESK[0]) == FINDINGS
    assert [a.name for a in team.readers_of(DRAFTS)] == ["reviewer"]
    assert [a.name for a in team.writers_of(DRAFTS)] == ["writer", "reviser"]


def test_the_gather_is_found_behind_agents_that_fan_out_on_their_own() -> None:
    inner, inner_found = topic("inner"), topic("inner-found")
    outer = fans("planner", INTAKE, QUESTIONS)
    nested = fans("splitter", QUESTIONS, inner)
    team = TeamDescription(
        [
            outer,
            nested,
            one("worker", inner, inner_found),
            gathers("joiner", inner_found, FINDINGS),
            gathers("writer", FINDINGS, results),
        ]
    )

    assert team.gather_of(nested) == topic("inner-found")
    assert [t.name for t in team.gathers_of(outer)] == ["findings"]


def test_a_fan_out_that_may_be_gathered_in_two_places_is_refused_with_a_cure() -> None:
    agents = [
        fans("planner", INTAKE, QUESTIONS, FINDINGS),
        gathers("writer", FINDINGS),
        gathers("counter", QUESTIONS),
    ]

    with pytest.raises(TeamInvalid, match="planner could be gathered on findings and questions"):
        check_team(agents)
    with pytest.raises(TeamInvalid, match="one gathering agent"):
        TeamDescription(agents).gather_of(agents[0])


def test_a_fan_out_that_nobody_gathers_runs_as_separate_handoffs() -> None:
    planner = fans("planner", INTAKE, QUESTIONS)

    assert TeamDescription([planner, one("worker", QUESTIONS)]).gather_of(planner) is None


def test_a_loop_without_end_does_not_stop_the_check() -> None:
    loop = [fans("a", INTAKE, QUESTIONS), fans("b", QUESTIONS, INTAKE)]

    assert TeamDescription(loop).gather_of(loop[0]) is None


def test_parts_may_go_round_before_they_are_gathered() -> None:
    planner = fans("planner", INTAKE, DRAFTS)
    rounds = [one("reviewer", DRAFTS, REVISIONS, FINDINGS), one("reviser", REVISIONS, DRAFTS)]

    team = TeamDescription([planner, *rounds, gathers("writer", FINDINGS)])

    assert team.gather_of(planner) == FINDINGS


def other_questions() -> AnyAgent:
    @agent(reads=Topic("questions", carries=Other))
    async def stranger(other: Other) -> None: ...

    return stranger


@pytest.mark.parametrize(
    ("agents", "said"),
    [
        ([], "it has no agent"),
        ([one("a", INTAKE), one("a", DRAFTS)], "two agents are called a"),
        ([one("a", INTAKE, QUESTIONS), other_questions()], "topic questions is declared with"),
        ([one("a", INTAKE), one("b", INTAKE)], "inbox of several agents: a, b"),
        ([one("a", INTAKE), one("b", topic("a_dead"))], "side topic of agent a"),
        ([one("a", INTAKE), one("b", topic("intake_high"))], "side topic of topic intake"),
        ([one("a", topic("memory_commands"))], "side topic of the memory"),
        ([one("a", DRAFTS)], "no agent reads the intake intake; inboxes are drafts"),
    ],
)
def test_what_cannot_work_together_is_refused_with_a_cure(
    agents: list[AnyAgent], said: str
) -> None:
    with pytest.raises(TeamInvalid, match=said) as raised:
        check_team(agents, intake=None if said.startswith(("it", "side")) else "intake")

    assert raised.value.do


def test_all_problems_are_told_at_once() -> None:
    agents = [one("a", INTAKE), one("a", DRAFTS), one("b", INTAKE)]

    with pytest.raises(TeamInvalid) as raised:
        check_team(agents, intake="letters")

    assert len(raised.value.facts["problems"]) == len(raised.value.do) == 3  # type: ignore[arg-type]


def test_one_cure_for_two_problems_is_told_once() -> None:
    access = Access(readers=("redaer",), writers=("writr",))
    notes = Memory("notes", carries=str, keeps=MemoryClass.FACT, access=access)

    with pytest.raises(TeamInvalid, match=r"names agent redaer.* names agent writr") as raised:
        TeamDescription(DESK, spaces=[notes]).check()

    assert raised.value.do == ("correct the name in memory/, or leave it out",)


def test_two_tools_of_one_name_are_refused() -> None:
    @tool(effect=Effect.READ, name="look")
    async def first(x: str) -> str:
        """Look."""
        return x

    @tool(effect=Effect.READ, name="look")
    async def second(x: str) -> str:
        """Look."""
        return x

    with pytest.raises(TeamInvalid, match="two tools are called look"):
        check_team(DESK, tools=[first, second])


def test_a_part_of_a_team_is_allowed_and_its_open_ends_are_noted() -> None:
    part = TeamDescription([one("a", INTAKE, QUESTIONS), gathers("writer", FINDINGS)])

    part.check()
    assert [note.detail for note in part.notes()] == [
        "topic questions, written by a, is read by no agent",
        "agent writer gathers from findings, where no fan-out leads",
    ]


def test_a_question_that_nobody_would_answer_is_told_when_the_team_is_loaded() -> None:
    prices = Topic("prices", carries=str, replies=Work)

    @agent(reads=prices)
    async def pricer(name: str) -> Work:
        return Work(text=name)

    with pytest.raises(TeamInvalid, match="prices has replies=, and no agent reads it"):
        check_team(DESK, topics=[prices])
    check_team([*DESK, pricer], topics=[prices])


def test_a_topic_that_is_answered_in_two_ways_is_two_topics() -> None:
    @agent(reads=Topic("prices", carries=str, replies=Work))
    async def pricer(name: str) -> Work:
        return Work(text=name)

    team = TeamDescription([*DESK, pricer], topics=[Topic("prices", carries=str, replies=Other)])

    assert "prices is declared with different messages" in str(team.problems()[0])
