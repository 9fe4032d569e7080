"""The topics that a team needs, how they differ from what a broker has, and how that is mended.

Deciding is pure: `needed` and `differences` look at nothing. `apply` creates what is missing and
sets settings that differ; it never changes a partition count, never deletes a topic, and is safe to
repeat. Nothing else in the engine creates topics.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from handrail.bus.port import Admin, TopicSpec
from handrail.contract.team import TeamDescription
from handrail.errors import PartitionsFixed
from handrail.lane.redrives import KEPT_MS
from handrail.wire.human import HUMAN
from handrail.wire.limits import BROKER_RECORD_BYTES, MEMORY_PARTITIONS_MAX
from handrail.wire.memory import COMMANDS, HISTORY

SECOND_MS = 1000
HOUR_MS = 3600 * SECOND_MS
DAY_MS = 24 * HOUR_MS

UNREAD_KEPT_DAYS = 7  #: what stands on a topic that no agent reads
DEAD_KEPT_DAYS = 30
BLOBS_KEPT_DAYS = 37  #: a dead letter that was written on the blob's last day still finds it
LEDGER_KEPT_DAYS = 365
COMMANDS_KEPT_DAYS = 7
HISTORY_KEPT_DAYS = 365
STAMPS, STAMPED_BY_BROKER = "message.timestamp.type", "LogAppendTime"
BROKERS_OWN = -1  #: in place of a number of copies: the broker's default (Kafka 2.4 and later)

assert BLOBS_KEPT_DAYS >= DEAD_KEPT_DAYS
assert DEAD_KEPT_DAYS * DAY_MS == KEPT_MS, "as long as a lane remembers what became of one"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a project says about its topics as a whole."""

    namespace: str
    partitions: int
    replication: int | None  #: None leaves it to the broker
    ledger_days: int = LEDGER_KEPT_DAYS


@dataclass(frozen=True, slots=True)
class NeededTopic:
    """A topic as the team needs it, with what it is for and what its keys are."""

    spec: TopicSpec
    purpose: str
    key: str

    @property
    def cleanup(self) -> str:
        """What becomes of its records, in words."""
        settings = self.spec.settings
        if settings.get("cleanup.policy") == "compact":
            return "compacted"
        kept_ms = int(settings["retention.ms"])
        return "kept until read" if kept_ms < 0 else f"{kept_ms // DAY_MS} d"


class Change(StrEnum):
    """What `apply` would do about a difference."""

    CREATE = "create"
    ALTER = "alter"
    REFUSED = "refused"  #: nothing; a person has to decide
    WAITS = "waits"  #: it is created once that is decided


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which the broker is not as the team needs it."""

    topic: str
    change: Change
    sentence: str
    spec: TopicSpec
    settings: Mapping[str, str]  #: those that `apply` would set


def needed(team: TeamDescription, layout: Layout) -> list[NeededTopic]:
    """Give every topic that a team needs, inboxes first, in a fixed order."""
    found: list[NeededTopic] = []
    read = {agent.reads.name: agent for agent in team.agents}
    for name, topic in sorted(team.topics.items()):
        if topic.is_open:
            continue
        reader = read.get(name)
        kept = -1 if reader else UNREAD_KEPT_DAYS * DAY_MS
        what = f"inbox of {reader.name}" if reader else "read by no agent of the team"
        purpose = f"{topic.purpose} ({what})" if topic.purpose else what
        key = "named by the topic" if topic.key else "task, or fan-out/part"
        if reader is not None and reader.gathers:
            key = "fan-out"
        for inbox in topic.inboxes:
            second = "" if inbox == name else ", high priority"
            found.append(_topic(layout, inbox, f"{purpose}{second}", key, _kept(kept)))
    for agent in sorted(team.agents, key=lambda agent: agent.name):
        for lanes in agent.lanes:
            found += _beside(layout, lanes)
    found += _of_memory(layout, team)
    found += _of_the_engine(layout)
    return found


def differences(
    topics: Sequence[NeededTopic],
    counts: Mapping[str, int],
    settings: Mapping[str, Mapping[str, str]],
) -> list[Difference]:
    """Compare what is needed with the partition counts and settings that a broker has."""
    found: list[Difference] = []
    for topic in topics:
        spec, name = topic.spec, topic.spec.name
        if name not in counts:
            sentence = f"is missing; {spec.partitions} partitions, {topic.cleanup}."
            found.append(Difference(name, Change.CREATE, sentence, spec, spec.settings))
            continue
        if counts[name] != spec.partitions:
            sentence = (
                f"has {counts[name]} partitions and should have {spec.partitions};"
                " a count is fixed for life, since keys would land elsewhere."
            )
            found.append(Difference(name, Change.REFUSED, sentence, spec, {}))
        has = settings.get(name, {})
        wrong = {key: value for key, value in spec.settings.items() if has.get(key) != value}
        if wrong:
            parts = (f"{key} is {has.get(key, 'unset')}, not {wrong[key]}" for key in wrong)
            sentence = f"{'; '.join(parts)}."
            found.append(Difference(name, Change.ALTER, sentence, spec, wrong))
    if any(one.change is Change.REFUSED for one in found):
        # Made now, it would have another count than those of the topics that it belongs to.
        return [_waiting(one) if one.change is Change.CREATE else one for one in found]
    return found


def _waiting(one: Difference) -> Difference:
    sentence = "is missing; how many partitions it gets is decided with those that differ."
    return replace(one, change=Change.WAITS, sentence=sentence)


def shell_command(difference: Difference, bootstrap: str) -> str:
    """Give the command of Kafka's own tools that would mend a difference."""
    name, spec = difference.topic, difference.spec
    server = f"--bootstrap-server {shlex.quote(bootstrap)}"
    match difference.change:
        case Change.CREATE:
            configs = "".join(f" --config {key}={value}" for key, value in spec.settings.items())
            own = spec.replication == BROKERS_OWN
            copies = "" if own else f" --replication-factor {spec.replication}"
            return (
                f"kafka-topics.sh {server} --create --topic {name} --partitions {spec.partitions}"
                f"{copies}{configs}"
            )
        case Change.ALTER:
            added = ",".join(f"{key}={value}" for key, value in difference.settings.items())
            return (
                f"kafka-configs.sh {server} --alter --entity-type topics --entity-name {name}"
                f" --add-config {added}"
            )
        case Change.REFUSED | Change.WAITS:
            return f"# {name} {difference.sentence}"


async def plan(admin: Admin, topics: Sequence[NeededTopic]) -> list[Difference]:
    """Look at the broker and give every difference; changes nothing."""
    counts = await admin.topics()
    present = [topic.spec.name for topic in topics if topic.spec.name in counts]
    settings = await admin.topic_settings(present)
    return differences(topics, counts, settings)


async def apply(admin: Admin, topics: Sequence[NeededTopic]) -> list[Difference]:
    """Create what is missing and set what differs; give what was done.

    Raises PartitionsFixed, before anything is changed, when a count is another one.
    """
    found = await plan(admin, topics)
    for difference in found:
        if difference.change is Change.REFUSED:
            counts = await admin.topics()
            raise PartitionsFixed(
                topic=difference.topic,
                found=counts.get(difference.topic),
                wanted=difference.spec.partitions,
            )
    missing = [d.spec for d in found if d.change is Change.CREATE]
    if missing:
        await admin.create(missing)
    for difference in found:
        if difference.change is Change.ALTER:
            await admin.alter_settings(difference.topic, difference.settings)
    return found


def _beside(layout: Layout, agent: str) -> list[NeededTopic]:
    """Give the three topics beside an inbox of an agent."""
    return [
        _topic(
            layout,
            f"{agent}.answers",
            f"what answers a step of {agent}",
            "by partition",
            _kept(-1),
        ),
        _topic(
            layout,
            f"{agent}.journal",
            f"what the lanes of {agent} remember",
            "invocation/kind/step or part",
            {
                **_compacted(deleted_kept_ms=7 * DAY_MS),
                "min.compaction.lag.ms": str(HOUR_MS),
                "max.compaction.lag.ms": str(6 * HOUR_MS),
                "segment.ms": str(HOUR_MS),
            },
        ),
        _topic(
            layout,
            f"{agent}.dead",
            f"handoffs that {agent} will not try again",
            "as it was",
            _kept(DEAD_KEPT_DAYS * DAY_MS),
        ),
    ]


def _of_memory(layout: Layout, team: TeamDescription) -> list[NeededTopic]:
    """Give the topics of the declared memory spaces, and what the keeper reads and keeps."""
    if not team.spaces:
        return []
    # Each message names partitions of memory in a header; inboxes may have more of them.
    layout = replace(layout, partitions=min(layout.partitions, MEMORY_PARTITIONS_MAX))
    # Lag and segments are short enough for a deletion to be one within a day, and long enough for
    # every reader that is there to have seen each version.
    state = {
        **_compacted(deleted_kept_ms=7 * DAY_MS),
        "segment.ms": str(6 * HOUR_MS),
        "min.compaction.lag.ms": str(60 * SECOND_MS),
        "max.compaction.lag.ms": str(24 * HOUR_MS),
        "min.cleanable.dirty.ratio": "0.1",
    }
    found = [
        _topic(
            layout,
            COMMANDS,
            "what the keeper of memory is asked to write",
            "memory key",
            _kept(COMMANDS_KEPT_DAYS * DAY_MS),
        ),
        _topic(
            layout,
            HISTORY,
            "every version of every record of memory",
            "memory key",
            _kept(HISTORY_KEPT_DAYS * DAY_MS),
        ),
    ]
    for _, space in sorted(team.spaces.items()):
        words = f"memory: {space.purpose}" if space.purpose else f"memory of class {space.keeps}"
        found.append(_topic(layout, space.topic, words, "memory key", state))
    return found


def _of_the_engine(layout: Layout) -> list[NeededTopic]:
    """Give the topics that every team has."""
    week = _compacted(deleted_kept_ms=7 * DAY_MS)
    # Stamped by the broker: a switch takes effect in the order of arrival, whoever's clock is
    # wrong, and its time stamp tells the broker's clock to `handrail doctor`.
    control = {**week, STAMPS: STAMPED_BY_BROKER}
    return [
        _topic(layout, "results", "how each task ended", "reference, else task", week),
        _topic(layout, "tasks", "the state of each task", "task", week),
        _topic(
            layout,
            "ledger",
            "everything that happened",
            "task",
            _kept(layout.ledger_days * DAY_MS),
        ),
        _topic(
            layout,
            HUMAN,
            "what people are asked, and for 30 days how it ended",
            "request/kind",
            week,
        ),
        _topic(layout, "control", "switches that people set", "target/switch", control),
        _topic(
            layout,
            "blobs",
            "what is too large for a message",
            "sha256",
            _kept(BLOBS_KEPT_DAYS * DAY_MS),
        ),
    ]


def _topic(
    layout: Layout, name: str, purpose: str, key: str, settings: Mapping[str, str]
) -> NeededTopic:
    whole = {**settings, "max.message.bytes": str(BROKER_RECORD_BYTES)}
    full = f"{layout.namespace}.{name}"
    copies = BROKERS_OWN if layout.replication is None else layout.replication
    return NeededTopic(TopicSpec(full, layout.partitions, copies, whole), purpose, key)


def _kept(retention_ms: int) -> dict[str, str]:
    # Without a bound on bytes: what is unfinished is never dropped because there is much of it.
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        "retention.bytes": "-1",
    }


def _compacted(*, deleted_kept_ms: int) -> dict[str, str]:
    return {"cleanup.policy": "compact", "delete.retention.ms": str(deleted_kept_ms)}
