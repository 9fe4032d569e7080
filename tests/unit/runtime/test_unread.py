"""What lies in inboxes and is not carried out."""

import time

from handrail import Topic, agent
from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import TopicSpec
from handrail.cli.checks import State, judged_inboxes
from handrail.contract.team import TeamDescription
from handrail.runtime.unread import Unread, unread_inboxes
from handrail.wire.record import Outgoing

DAY_MS = 24 * 3_600_000
jobs = Topic("jobs", carries=str)


@agent(reads=jobs)
async def worker(text: str) -> None:
    del text


async def test_a_second_inbox_that_is_no_longer_declared_is_seen_while_something_lies_there() -> (
    None
):
    bus = InProcessBus(InProcessBroker(lambda: time.time_ns() // 1_000_000))
    await bus.admin.create([TopicSpec(f"desk.{name}", 2) for name in ("jobs", "jobs.high")])
    team = TeamDescription([worker])
    assert await unread_inboxes(bus, "desk", team) == []
    await bus.sender().send(Outgoing("desk.jobs.high", b"k", b'"x"'))

    (found,) = await unread_inboxes(bus, "desk", team)

    assert (found.topic, found.agent, found.is_removed) == ("jobs.high", "worker", True)
    outcome = judged_inboxes([found], found.oldest_ms)
    assert outcome.state is State.WARNING
    assert "jobs no longer declares priorities=True" in outcome.finding


async def test_what_its_agent_has_not_come_to_for_a_month_is_warned_of_before_it_loses_bodies() -> (
    None
):
    def waiting(days: int) -> Unread:
        return Unread("jobs", "worker", 1, 100 * DAY_MS - days * DAY_MS, is_removed=False)

    young = judged_inboxes([waiting(29)], 100 * DAY_MS)
    old = judged_inboxes([waiting(1), waiting(31)], 100 * DAY_MS)

    assert young.state is State.OK
    assert old.state is State.WARNING
    assert "for 31 days" in old.finding
