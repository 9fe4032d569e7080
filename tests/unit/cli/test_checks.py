"""The checks of `handrail doctor` that look at a broker."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from handrail.bus.in_process import InProcessAdmin, InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import Bus
from handrail.bus.settings import Settings
from handrail.cli.checks import (
    DESCRIBE_LOG_DIRS,
    Outcome,
    State,
    abandoned_transactions,
    checks,
    clocks,
    compared,
    ends_of_transactions,
    model,
    offsets_kept,
)
from handrail.contract.team import TeamDescription
from handrail.runtime.topics import Layout, apply, needed

Look = Callable[[Settings, Bus], Awaitable[Outcome]]
LAYOUT = Layout(namespace="desk", partitions=2, replication=1)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def broker_that_is_off_by(skew_ms: int, **settings: str) -> InProcessBus:
    """A broker with the engine's topics, whose clock is wrong."""
    bus = InProcessBus(InProcessBroker(lambda: now_ms() + skew_ms))
    topics = needed(TeamDescription([]), LAYOUT)
    await apply(bus.admin, topics)
    if settings:
        changed = {key.replace("_", "."): value for key, value in settings.items()}
        await bus.admin.alter_settings("desk.control", changed)
    return bus


@pytest.mark.parametrize(
    ("skew_ms", "state", "words"),
    [
        (0, State.OK, "agree to within a second"),
        (60_000, State.WARNING, "s ahead of this one."),
        (-60_000, State.WARNING, "s behind this one."),
    ],
)
async def test_a_clock_that_is_off_is_seen_by_the_brokers_own_stamp(
    skew_ms: int, state: State, words: str
) -> None:
    bus = await broker_that_is_off_by(skew_ms)

    outcome = await clocks(Settings(namespace="desk"), bus)

    assert outcome.state is state
    assert words in outcome.finding


async def test_stamps_of_the_sender_are_not_taken_for_the_brokers_clock() -> None:
    bus = await broker_that_is_off_by(60_000, message_timestamp_type="CreateTime")

    outcome = await clocks(Settings(namespace="desk"), bus)

    assert outcome.state is State.SKIPPED
    assert outcome.fix == "handrail topics apply"


@pytest.mark.parametrize(
    ("stamped_ms", "state"),
    [
        (9_000, State.OK),
        (8_999, State.WARNING),
        (10_500, State.OK),
        (12_000, State.OK),
        (12_001, State.WARNING),
    ],
)
def test_a_second_of_difference_is_allowed(stamped_ms: int, state: State) -> None:
    assert compared(10_000, stamped_ms, 11_000).state is state


CLEANUP = "transaction.abort.timed.out.transaction.cleanup.interval.ms"
KEPT = "offsets.retention.minutes"


class OutspokenAdmin(InProcessAdmin):
    """Tells settings of a broker, which one in memory has not."""

    def __init__(self, bus: InProcessBus, **told: str) -> None:
        super().__init__(bus)
        self._told = told

    async def broker_settings(self, names: Sequence[str]) -> Mapping[str, str]:
        return {name: self._told[name] for name in names if name in self._told}


class OutspokenBus(InProcessBus):
    """A bus to a broker that has these settings."""

    def __init__(self, **told: str) -> None:
        super().__init__(InProcessBroker(now_ms))
        self._outspoken = OutspokenAdmin(self, **told)

    @property
    def admin(self) -> OutspokenAdmin:
        return self._outspoken


@pytest.mark.parametrize(
    ("look", "name", "value", "state"),
    [
        (abandoned_transactions, CLEANUP, "10000", State.OK),
        (abandoned_transactions, CLEANUP, "9999", State.WARNING),
        (offsets_kept, KEPT, "43200", State.OK),
        (offsets_kept, KEPT, "43199", State.WARNING),
    ],
)
async def test_a_setting_of_the_broker_that_costs_promises_is_warned_of_with_its_name(
    look: Look, name: str, value: str, state: State
) -> None:
    outcome = await look(Settings(namespace="desk"), OutspokenBus(**{name: value}))

    assert outcome.state is state
    assert (name in (outcome.fix or "")) == (state is State.WARNING)


@pytest.mark.parametrize("look", [abandoned_transactions, offsets_kept])
async def test_settings_that_may_not_be_read_are_passed_over_in_words(look: Look) -> None:
    outcome = await look(Settings(namespace="desk"), OutspokenBus())

    assert outcome.state is State.SKIPPED
    assert "does not tell" in outcome.finding


async def test_every_check_of_the_brokers_settings_is_run() -> None:
    names = [name for name, _ in checks(Settings(namespace="desk"), None, "")]

    assert {"kept offsets", "abandoned transactions", "ends of transactions"} <= set(names)


class UnderstandingAdmin(InProcessAdmin):
    """Tells what a broker understands, which one in memory does not."""

    def __init__(self, bus: InProcessBus, newest: Mapping[int, int]) -> None:
        super().__init__(bus)
        self._newest = newest

    async def newest_requests(self) -> Mapping[int, int]:
        return self._newest


class UnderstandingBus(InProcessBus):
    """A bus to a broker that understands these requests."""

    def __init__(self, newest: Mapping[int, int]) -> None:
        super().__init__(InProcessBroker(now_ms))
        self._understanding = UnderstandingAdmin(self, newest)

    @property
    def admin(self) -> UnderstandingAdmin:
        return self._understanding


@pytest.mark.parametrize(
    ("newest", "state", "word"),
    [
        ({DESCRIBE_LOG_DIRS: 4}, State.OK, "older than Kafka 4.3"),
        ({DESCRIBE_LOG_DIRS: 5}, State.WARNING, "KAFKA-20734"),
        ({}, State.SKIPPED, "does not tell"),
    ],
)
async def test_a_broker_that_loses_the_ends_of_transactions_is_warned_of(
    newest: Mapping[int, int], state: State, word: str
) -> None:
    outcome = await ends_of_transactions(Settings(namespace="desk"), UnderstandingBus(newest))

    assert outcome.state is state
    assert word in outcome.finding
    assert ("three copies" in (outcome.fix or "")) == (state is State.WARNING)


@pytest.mark.parametrize(
    ("variables", "state", "said"),
    [
        ({}, State.OK, "No key is set"),
        ({"ANTHROPIC_API_KEY": "k"}, State.OK, "Claude plans and writes."),
        ({"ANTHROPIC_API_KEY": "k", "HANDRAIL_MODEL": "c-9"}, State.OK, "writes as c-9."),
        ({"HANDRAIL_MODEL": "mine:Model"}, State.OK, "HANDRAIL_MODEL is mine:Model."),
        ({"HANDRAIL_MODEL": "c-9"}, State.WARNING, "no key is set: it is not asked."),
    ],
)
def test_the_model_is_said_that_a_process_would_ask(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], state: State, said: str
) -> None:
    for name in ("ANTHROPIC_API_KEY", "HANDRAIL_MODEL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    outcome = model()

    assert outcome.state is state
    assert said in outcome.finding
