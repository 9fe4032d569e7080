"""The checks of `handrail doctor`: each looks at one thing and gives one fix.

A check never raises what it can say, and changes nothing, except that the check of clocks writes
one empty record to the topic of switches, which nobody acts on.
"""

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from handrail.errors import HandrailError

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings
    from handrail.runtime.unread import Unread

PYTHON_MIN = (3, 11)
DISK_BYTES_MIN = 1 << 30
OFFSETS_KEPT_DAYS_MIN = 30
UNREAD_DAYS_MAX = 30  #: a week before the large bodies of what lies there are deleted
CLEANUP_EVERY_MS_MIN = 10_000  #: Kafka's default; docs/adr/0014 says what happens below it
#: The request whose version 5 came with Kafka 4.3; 4.2.1 understands 4 of it (docs/adr/0036).
DESCRIBE_LOG_DIRS, SINCE_KAFKA_4_3 = 35, 5
CLOCK_SKEW_MS_MAX = 1_000
JAVA_PATIENCE_S = 30
CLOCK_KEY = b"doctor/clock"


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"  #: works, but not as it should
    FAILED = "failed"
    SKIPPED = "skipped"  #: what it needs is not there, as an earlier check says


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found, and the one thing that mends it."""

    state: State
    finding: str
    fix: str | None = None


def python_version() -> Outcome:
    """Look at the version of Python."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= PYTHON_MIN:
        return Outcome(State.OK, f"Python {found}.")
    return Outcome(State.FAILED, f"Python {found} is too old.", "install Python 3.11 or later")


def event_loop() -> Outcome:
    """Look for the fast event loop."""
    if importlib.util.find_spec("uvloop"):
        return Outcome(State.OK, "uvloop is installed.")
    return Outcome(State.WARNING, "uvloop is missing; agents are slower.", "pip install uvloop")


def java(settings: "Settings") -> Outcome:
    """Try the Java that would run the local Kafka."""
    if settings.broker.bootstrap is not None:
        return Outcome(State.SKIPPED, "A cluster is configured, so no local Kafka is needed.")
    from handrail.bus.broker_java import find_java

    fix = 'pip install "handrail[local]"'
    try:
        asked = [str(find_java()), "-version"]
        answer = subprocess.run(
            asked, capture_output=True, text=True, timeout=JAVA_PATIENCE_S, check=False
        )
    except HandrailError as error:
        return Outcome(State.FAILED, error.what, error.do[0] if error.do else fix)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Outcome(State.FAILED, f"Java does not start: {error}.", fix)
    if answer.returncode != 0:
        return Outcome(State.FAILED, f"Java ended with code {answer.returncode}.", fix)
    return Outcome(State.OK, f"{(answer.stderr or answer.stdout).splitlines()[0]}.")


def disk(settings: "Settings") -> Outcome:
    """Look at the free space of the project's disk."""
    free = shutil.disk_usage(settings.project_dir).free
    said = f"{free / (1 << 30):.1f} GiB free."
    if free >= DISK_BYTES_MIN:
        return Outcome(State.OK, said)
    return Outcome(State.WARNING, said, f"make room below {settings.project_dir}")


def team(settings: "Settings") -> Outcome:
    """Load the team and check that its parts fit."""
    from handrail.cli.team import checked_team

    try:
        loaded = checked_team(settings).loaded
    except HandrailError as error:
        return Outcome(State.FAILED, f"{error.what} {error.why}", f"handrail runbook {error.code}")
    agents, topics = len(loaded.agents), len(loaded.topics)
    found = f"{agents} agent{'s' * (agents != 1)}, {topics} topic{'s' * (topics != 1)}."
    return Outcome(State.OK, found)


def contracts(settings: "Settings") -> Outcome:
    """Look for tools whose contract leaves something out; no MCP server is asked."""
    from handrail.cli.tools import tool_rows

    try:
        rows = tool_rows(settings)
    except HandrailError as error:
        return Outcome(State.SKIPPED, f"The team cannot be loaded: {error.what}")
    lacking = [f"{row.tool} ({len(row.missing)})" for row in rows if row.missing]
    if not lacking:
        said = "Every tool has a complete contract." if rows else "This team has no tools."
        return Outcome(State.OK, said)
    said = f"Incomplete, and read the safe way until they say more: {', '.join(lacking)}."
    return Outcome(State.WARNING, said, "handrail tools check")


def model() -> Outcome:
    """Say which model a process started here would ask."""
    named = os.environ.get("HANDRAIL_MODEL", "")
    if ":" in named:
        return Outcome(State.OK, f"HANDRAIL_MODEL is {named}.")
    if os.environ.get("ANTHROPIC_API_KEY"):
        which = f" as {named}" if named else ""
        return Outcome(State.OK, f"ANTHROPIC_API_KEY is set; Claude plans and writes{which}.")
    if named:
        said = f"HANDRAIL_MODEL is {named}, which is Claude's, and no key is set: it is not asked."
        return Outcome(
            State.WARNING, said, "export ANTHROPIC_API_KEY=…  or MODULE:CLASS of your own"
        )
    return Outcome(
        State.OK,
        "No key is set: answers are selected from sources, and other model calls are refused.",
        "export ANTHROPIC_API_KEY=…  if a model shall plan and write",
    )


def secrets(settings: "Settings") -> Outcome:
    """Look for the secrets that tools and MCP servers need."""
    from handrail.cli.team import checked_team, lacks_secrets

    try:
        tools = checked_team(settings).loaded.tools.values()
        lacking = lacks_secrets(settings, tools)
    except HandrailError as error:
        return Outcome(State.SKIPPED, f"The team cannot be loaded: {error.what}")
    if not lacking:
        count = len({one for tool in tools for one in tool.terms.secrets})
        said = "No tool needs one." if not count else "Every secret that a tool needs is there."
        return Outcome(State.OK, said)
    said = f"{'; '.join(lacking)}. Calls that need it are refused."
    return Outcome(State.WARNING, said, "put each there, in the environment of the agents")


def documents(settings: "Settings") -> Outcome:
    """Look for the folders of the collections."""
    if not settings.documents:
        return Outcome(State.SKIPPED, "No collection of documents is configured.")
    missing = [f"{name} ({path})" for name, path in settings.documents.items() if not path.is_dir()]
    if not missing:
        there = len(settings.documents)
        found = "1 collection is there." if there == 1 else f"{there} collections are there."
        return Outcome(State.OK, found)
    return Outcome(
        State.FAILED, f"Not there: {', '.join(missing)}.", "correct [documents] in handrail.toml"
    )


async def sandbox(settings: "Settings") -> Outcome:
    """Attempt what the sandbox forbids, and say which level holds here."""
    from handrail.cli.team import checked_team
    from handrail.contract.confinement import Level
    from handrail.rails.sandbox.probe import proved
    from handrail.runtime.discovery import ToolFiles
    from handrail.runtime.sandboxed_tools import setting

    try:
        loaded = checked_team(settings).loaded
        wanted = setting(loaded.tools.values(), loaded.tool_files)
    except HandrailError:
        wanted = setting((), ToolFiles(settings.project_dir))  # the check of the team says why
    try:
        async with proved(wanted) as started:
            proof = started.proof
    except HandrailError as error:
        return Outcome(State.FAILED, f"{error.what} {error.why}", f"handrail runbook {error.code}")
    why_not_more = " ".join(proof.leaks.values())
    if proof.level is Level.NONE:
        said = f"No level holds, so tools that need one are not run. {why_not_more}"
        return Outcome(State.WARNING, said, proof.cure)
    said = f"Level {proof.level} holds: all that it forbids was attempted, and refused."
    return Outcome(State.OK, f"{said} {why_not_more}".strip(), proof.cure)


async def topics(settings: "Settings", bus: "Bus") -> Outcome:
    """Compare the broker's topics with what the team needs."""
    from handrail.cli.topics import topics_of
    from handrail.contract.explain import many
    from handrail.runtime.topics import Change, plan

    try:
        found = await plan(bus.admin, topics_of(settings))
    except HandrailError as error:
        return Outcome(State.SKIPPED, f"The team cannot be loaded: {error.what}")
    if not found:
        return Outcome(State.OK, "Every topic is as planned.")
    refused = [one for one in found if one.change is Change.REFUSED]
    if refused:
        said = f"{refused[0].topic} {refused[0].sentence}"
        return Outcome(State.FAILED, said, "handrail runbook HR-PLAN-001")
    differ = f"Other than planned: {many(len(found), 'topic')}."
    return Outcome(State.FAILED, differ, "handrail topics apply")


async def inboxes(settings: "Settings", bus: "Bus") -> Outcome:
    """Look for work that nobody reads: on a second inbox that was removed, or for very long."""
    from handrail.cli.team import checked_team
    from handrail.runtime.unread import unread_inboxes

    try:
        team = checked_team(settings).description
    except HandrailError as error:
        return Outcome(State.SKIPPED, f"The team cannot be loaded: {error.what}")
    return judged_inboxes(
        await unread_inboxes(bus, settings.namespace, team), time.time_ns() // 1_000_000
    )


def judged_inboxes(found: "Sequence[Unread]", now_ms: int) -> Outcome:
    """Judge what lies in the inboxes of a team."""
    for one in (one for one in found if one.is_removed):
        topic = one.topic.removesuffix(".high")
        said = (
            f"{one.topic} holds work (up to {one.offsets_count} records) that nobody reads:"
            f" {topic} no longer declares priorities=True."
        )
        return Outcome(State.WARNING, said, f"declare it again until {one.topic} has run empty")
    for one in sorted(found, key=lambda one: one.oldest_ms):
        days = (now_ms - one.oldest_ms) // (24 * 3_600_000)
        if days < UNREAD_DAYS_MAX:
            break
        said = (
            f"The oldest work on {one.topic} has waited for {days} days, and {one.agent} has not"
            " come to it. Bodies over 64 KiB are deleted after 37 days; then it is a dead letter."
        )
        return Outcome(State.WARNING, said, f"handrail agents show {one.agent}")
    return Outcome(State.OK, "No inbox holds work that nobody comes to.")


async def offsets_kept(_settings: "Settings", bus: "Bus") -> Outcome:
    """Look how long the broker keeps the offsets of a team that stands still."""
    name = "offsets.retention.minutes"
    minutes = (await bus.admin.broker_settings([name])).get(name)
    if minutes is None:
        return Outcome(State.SKIPPED, "The broker does not tell its settings to this user.")
    days = int(minutes) / (24 * 60)
    said = f"The broker keeps offsets for {days:g} days."
    if days >= OFFSETS_KEPT_DAYS_MIN:
        return Outcome(State.OK, said)
    wanted = OFFSETS_KEPT_DAYS_MIN * 24 * 60
    return Outcome(State.WARNING, said, f"set {name}={wanted} on every broker")


async def abandoned_transactions(_settings: "Settings", bus: "Bus") -> Outcome:
    """Look how often the broker ends transactions whose time is over."""
    name = "transaction.abort.timed.out.transaction.cleanup.interval.ms"
    every_ms = (await bus.admin.broker_settings([name])).get(name)
    if every_ms is None:
        return Outcome(State.SKIPPED, "The broker does not tell its settings to this user.")
    said = f"The broker looks for abandoned transactions every {int(every_ms) / 1_000:g} s."
    if int(every_ms) >= CLEANUP_EVERY_MS_MIN:
        return Outcome(State.OK, said)
    said += " One that is killed and restarted alone may then hide records for good."
    return Outcome(State.WARNING, said, f"set {name}={CLEANUP_EVERY_MS_MIN} on every broker")


async def ends_of_transactions(_settings: "Settings", bus: "Bus") -> Outcome:
    """Look whether the broker is of a release that can lose the ends of transactions."""
    newest = (await bus.admin.newest_requests()).get(DESCRIBE_LOG_DIRS)
    if newest is None:
        return Outcome(State.SKIPPED, "The broker does not tell what it understands.")
    if newest < SINCE_KAFKA_4_3:
        return Outcome(State.OK, "The broker is older than Kafka 4.3, and keeps them.")
    said = (
        "The broker is Kafka 4.3 or newer. 4.3.0, 4.3.1 and 4.4.0 lose the end of a transaction"
        " while a partition has no leader (KAFKA-20734): half of it may then count, and be done"
        " again."
    )
    fix = (
        "run Kafka 4.2, or a release whose notes name KAFKA-20734; until then give every topic"
        " three copies"
    )
    return Outcome(State.WARNING, said, fix)


async def clocks(settings: "Settings", bus: "Bus") -> Outcome:
    """Compare this machine's clock with the broker's, by the time stamp of one empty record."""
    from handrail.runtime.topics import STAMPED_BY_BROKER, STAMPS
    from handrail.wire.record import Outgoing, TopicPartition

    topic = f"{settings.namespace}.control"
    if topic not in await bus.admin.topics():
        return Outcome(State.SKIPPED, f"{topic} is not there yet.")
    has = (await bus.admin.topic_settings([topic])).get(topic, {})
    if has.get(STAMPS) != STAMPED_BY_BROKER:
        said = f"{topic} carries our own time stamps, which say nothing of the broker's clock."
        return Outcome(State.SKIPPED, said, "handrail topics apply")
    before_ms = time.time_ns() // 1_000_000
    partition, offset = await bus.sender().send(Outgoing(topic, CLOCK_KEY, None, (), 0))
    after_ms = time.time_ns() // 1_000_000
    async for record in bus.fetch(TopicPartition(topic, partition), offset, offset + 1):
        return compared(before_ms, record.timestamp_ms, after_ms)
    return Outcome(State.SKIPPED, "The record of the check was compacted away.")


def compared(before_ms: int, stamped_ms: int, after_ms: int) -> Outcome:
    """Judge the broker's time stamp of what was sent between two times of this machine."""
    ahead_ms, behind_ms = stamped_ms - after_ms, before_ms - stamped_ms
    if max(ahead_ms, behind_ms) <= CLOCK_SKEW_MS_MAX:
        return Outcome(State.OK, "This clock and the broker's agree to within a second.")
    word, skew_ms = ("ahead of", ahead_ms) if ahead_ms > 0 else ("behind", behind_ms)
    said = f"The broker's clock is at least {skew_ms / 1_000:.1f} s {word} this one."
    return Outcome(State.WARNING, said, "let both machines set their clocks by NTP")


Check = tuple[str, Callable[[], Awaitable[Outcome]]]


def checks(settings: "Settings", bus: "Bus | None", unreachable: str) -> list[Check]:
    """List the checks in their order; without a broker, those that need one are skipped."""

    def here(look: Callable[[], Outcome]) -> Callable[[], Awaitable[Outcome]]:
        return lambda: asyncio.to_thread(look)

    def there(
        look: Callable[["Settings", "Bus"], Awaitable[Outcome]],
    ) -> Callable[[], Awaitable[Outcome]]:
        async def skipped() -> Outcome:
            return Outcome(State.SKIPPED, "The broker cannot be reached.")

        if bus is None:
            return skipped
        reached = bus
        return lambda: look(settings, reached)

    async def broker() -> Outcome:
        if bus is None:
            return Outcome(State.FAILED, unreachable, "handrail up")
        return Outcome(State.OK, "The broker answers.")

    return [
        ("Python", here(python_version)),
        ("event loop", here(event_loop)),
        ("Java", here(lambda: java(settings))),
        ("disk", here(lambda: disk(settings))),
        ("team", here(lambda: team(settings))),
        ("contracts", here(lambda: contracts(settings))),
        ("broker", broker),
        ("topics", there(topics)),
        ("inboxes", there(inboxes)),
        ("kept offsets", there(offsets_kept)),
        ("abandoned transactions", there(abandoned_transactions)),
        ("ends of transactions", there(ends_of_transactions)),
        ("clocks", there(clocks)),
        ("model", here(model)),
        ("secrets", here(lambda: secrets(settings))),
        ("documents", here(lambda: documents(settings))),
        ("sandbox", lambda: sandbox(settings)),
    ]
