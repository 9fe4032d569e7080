"""The topics that a team needs, and how they are made so."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from handrail.bus.port import TopicSpec
from handrail.contract.agent import agent
from handrail.contract.memory import Memory, MemoryClass
from handrail.contract.parts import Parts
from handrail.contract.team import TeamDescription
from handrail.contract.topic import Topic, results
from handrail.errors import PartitionsFixed
from handrail.runtime.topics import (
    Change,
    Layout,
    apply,
    differences,
    needed,
    plan,
    shell_command,
)

asks = Topic("intake", carries=str, purpose="What people ask")
questions = Topic("questions", carries=str)
findings = Topic("findings", carries=int)
greetings = Topic("greetings", carries=str)


@agent(reads=asks, writes=questions)
async def planner(ask: str) -> list[str]:
    return [ask]


@agent(reads=questions, writes=findings)
async def researcher(question: str) -> int:
    return len(question)


@agent(reads=findings, writes=(greetings, results))
async def writer(parts: Parts[int]) -> str:
    return str(sum(parts))


TEAM = TeamDescription([planner, researcher, writer])
LAYOUT = Layout(namespace="desk", partitions=12, replication=1)


class BrokerOnPaper:
    """What `plan` and `apply` use of a broker, in memory."""

    def __init__(self, *specs: TopicSpec) -> None:
        self.specs = {spec.name: spec for spec in specs}

    async def topics(self) -> Mapping[str, int]:
        return {name: spec.partitions for name, spec in self.specs.items()}

    async def topic_settings(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        return {name: self.specs[name].settings for name in names}

    async def create(self, specs: Sequence[TopicSpec]) -> None:
        for spec in specs:
            self.specs.setdefault(spec.name, spec)

    async def alter_settings(self, name: str, settings: Mapping[str, str]) -> None:
        old = self.specs[name]
        self.specs[name] = replace(old, settings={**old.settings, **settings})


def specs() -> dict[str, TopicSpec]:
    return {topic.spec.name: topic.spec for topic in needed(TEAM, LAYOUT)}


def test_every_agent_has_four_topics_of_one_partition_count() -> None:
    found = specs()

    for name, inbox in (("planner", "intake"), ("researcher", "questions"), ("writer", "findings")):
        lane = [f"desk.{inbox}", *(f"desk.{name}.{k}" for k in ("answers", "journal", "dead"))]
        assert {found[topic].partitions for topic in lane} == {12}
    names = ("results", "tasks", "ledger", "human", "control", "blobs")
    engine = {f"desk.{name}" for name in names}
    assert set(found) == engine | {"desk.greetings"} | {
        *(f"desk.{t.name}" for t in (asks, questions, findings)),
        *(f"desk.{a.name}.{kind}" for a in TEAM.agents for kind in ("answers", "journal", "dead")),
    }


def test_unfinished_work_is_never_dropped_by_age_or_size() -> None:
    found = specs()

    for name in ("desk.intake", "desk.questions", "desk.findings", "desk.writer.answers"):
        assert found[name].settings["retention.ms"] == "-1"
        assert found[name].settings["retention.bytes"] == "-1"
    assert found["desk.greetings"].settings["retention.ms"] == str(7 * 86_400_000)


def test_a_journal_is_compacted_late_and_forgets_late() -> None:
    journal = specs()["desk.planner.journal"].settings

    assert journal["cleanup.policy"] == "compact"
    assert journal["min.compaction.lag.ms"] == "3600000"
    assert journal["max.compaction.lag.ms"] == "21600000"
    assert journal["segment.ms"] == "3600000"
    assert journal["delete.retention.ms"] == "604800000"


def test_a_space_of_memory_is_compacted_within_a_day_and_tells_of_deletions_for_a_week() -> None:
    spaces = [Memory("facts", carries=str, keeps=MemoryClass.FACT)]
    team = TeamDescription([planner, researcher, writer], spaces=spaces)
    found = {topic.spec.name: topic.spec for topic in needed(team, LAYOUT)}

    assert found["desk.memory.facts"].settings == {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": "60000",  # each version is there for whoever reads along
        "max.compaction.lag.ms": "86400000",  # what was deleted is gone by then
        "segment.ms": "21600000",
        "min.cleanable.dirty.ratio": "0.1",
        "delete.retention.ms": "604800000",
        "max.message.bytes": "1048588",
    }


def test_the_history_of_memory_is_kept_for_a_year_and_its_commands_for_a_week() -> None:
    spaces = [Memory("facts", carries=str, keeps=MemoryClass.FACT)]
    team = TeamDescription([planner, researcher, writer], spaces=spaces)
    found = {topic.spec.name: topic.spec for topic in needed(team, LAYOUT)}

    kept = {
        name: (found[name].settings["cleanup.policy"], found[name].settings["retention.ms"])
        for name in ("desk.memory.history", "desk.memory.commands")
    }
    assert kept == {
        "desk.memory.history": ("delete", str(365 * 86_400_000)),
        "desk.memory.commands": ("delete", str(7 * 86_400_000)),
    }


def test_a_blob_outlives_every_dead_letter_that_names_it() -> None:
    found = specs()

    dead = int(found["desk.planner.dead"].settings["retention.ms"])
    assert dead == 30 * 86_400_000
    assert int(found["desk.blobs"].settings["retention.ms"]) >= dead


def test_each_topic_says_what_it_is_for_and_what_its_keys_are() -> None:
    topics = {topic.spec.name: topic for topic in needed(TEAM, LAYOUT)}

    assert topics["desk.intake"].purpose == "What people ask (inbox of planner)"
    assert topics["desk.findings"].key == "fan-out"
    assert topics["desk.questions"].key == "task, or fan-out/part"
    assert topics["desk.greetings"].purpose == "read by no agent of the team"
    assert topics["desk.intake"].cleanup == "kept until read"
    assert topics["desk.tasks"].cleanup == "compacted"
    assert topics["desk.planner.dead"].cleanup == "30 d"


async def test_apply_creates_what_is_missing_and_is_safe_to_repeat() -> None:
    broker = BrokerOnPaper()

    first = await apply(broker, needed(TEAM, LAYOUT))  # type: ignore[arg-type]  # what it uses
    second = await apply(broker, needed(TEAM, LAYOUT))  # type: ignore[arg-type]

    assert {d.change for d in first} == {Change.CREATE}
    assert second == []
    assert broker.specs == specs()


async def test_apply_sets_what_differs_and_leaves_other_settings_alone() -> None:
    wanted = needed(TEAM, LAYOUT)
    broker = BrokerOnPaper(*(topic.spec for topic in wanted))
    tasks = broker.specs["desk.tasks"]
    broker.specs["desk.tasks"] = replace(
        tasks, settings={"cleanup.policy": "delete", "segment.ms": "7"}
    )

    (found,) = await plan(broker, wanted)  # type: ignore[arg-type]
    await apply(broker, wanted)  # type: ignore[arg-type]

    assert found.sentence.startswith("cleanup.policy is delete, not compact; ")
    assert broker.specs["desk.tasks"].settings == {**tasks.settings, "segment.ms": "7"}


async def test_a_partition_count_is_never_changed_and_nothing_else_is_either() -> None:
    wanted = needed(TEAM, LAYOUT)
    broker = BrokerOnPaper(TopicSpec("desk.intake", 3, settings=wanted[0].spec.settings))

    with pytest.raises(PartitionsFixed) as failure:
        await apply(broker, wanted)  # type: ignore[arg-type]

    assert (failure.value.topic, failure.value.found, failure.value.wanted) == (
        "desk.intake",
        3,
        12,
    )
    assert set(broker.specs) == {"desk.intake"}


def test_nothing_is_to_be_created_before_it_is_decided_which_count_is_right() -> None:
    wanted = needed(TEAM, LAYOUT)
    has = {topic.spec.name: topic.spec.settings for topic in wanted}

    found = differences(wanted, {"desk.intake": 3, "desk.tasks": 12}, has)

    changes = {one.topic: one.change for one in found}
    assert changes.pop("desk.intake") is Change.REFUSED
    assert set(changes.values()) == {Change.WAITS}
    commands = [shell_command(one, "kafka:9092") for one in found]
    assert all(command.startswith("# desk.") for command in commands)
    assert "--partitions" not in "".join(commands)


def test_the_commands_for_a_clusters_owner_say_the_same() -> None:
    wanted = needed(TEAM, LAYOUT)
    has = {"desk.tasks": {"cleanup.policy": "delete"}}
    found = differences(wanted, {"desk.tasks": 12}, has)
    (intake,) = [topic for topic in wanted if topic.spec.name == "desk.intake"]
    found += differences([intake], {"desk.intake": 3}, {"desk.intake": intake.spec.settings})
    commands = {d.topic: shell_command(d, "kafka:9092") for d in found}

    assert commands["desk.control"] == (
        "kafka-topics.sh --bootstrap-server kafka:9092 --create --topic desk.control"
        " --partitions 12 --replication-factor 1 --config cleanup.policy=compact"
        " --config delete.retention.ms=604800000"
        " --config message.timestamp.type=LogAppendTime --config max.message.bytes=1048588"
    )
    assert commands["desk.tasks"] == (
        "kafka-configs.sh --bootstrap-server kafka:9092 --alter --entity-type topics"
        " --entity-name desk.tasks --add-config cleanup.policy=compact,"
        "delete.retention.ms=604800000,max.message.bytes=1048588"
    )
    assert commands["desk.intake"].startswith("# desk.intake has 3 partitions and should have 12")
