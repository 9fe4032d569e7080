"""The checks of `handrail doctor` that look at a broker."""

import time

import pytest

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.settings import Settings
from handrail.cli.checks import State, clocks, compared
from handrail.contract.team import TeamDescription
from handrail.runtime.topics import Layout, apply, needed

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
