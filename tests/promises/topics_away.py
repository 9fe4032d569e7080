"""What a team promises when somebody deletes a topic by hand, on whatever broker `team_of` uses."""

from collections.abc import Callable

from handrail import Topic, agent
from handrail.bus.in_process import InProcessBus
from handrail.bus.kafka_admin import KafkaAdmin
from handrail.bus.port import TopicSpec
from handrail.testing import Team
from handrail.wire.record import TopicPartition
from tests.waiting import until

TeamOf = Callable[..., Team]

jobs = Topic("jobs", carries=str)
drafts = Topic("drafts", carries=str)
HEARD: list[str] = []


@agent(reads=jobs, writes=drafts)
async def drafter(text: str) -> str:
    HEARD.append(text)
    return text


async def delete(team: Team, topic: str) -> None:
    if isinstance(team.bus, InProcessBus):
        team.bus.broker.delete_topic(topic)
        return
    assert isinstance(team.bus.admin, KafkaAdmin)
    await team.bus.admin.delete_topics([topic])
    while topic in await team.bus.admin.topics():
        pass


async def test_what_is_to_be_written_to_a_deleted_topic_waits_until_it_is_there_again(
    team_of: TeamOf,
) -> None:
    HEARD.clear()
    async with team_of(drafter, partitions=1) as team:
        where = TopicPartition(team.full(drafts.name), 0)
        dead = TopicPartition(team.full("drafter.dead"), 0)
        await delete(team, where.topic)

        await team.submit(jobs, "x")
        await until(lambda: len(HEARD) > 1, within_s=30)  # its lane has opened anew
        await team.bus.admin.create([TopicSpec(where.topic, 1)])

        await until(lambda: has_records(team, where), within_s=30)
        assert not await has_records(team, dead)


async def has_records(team: Team, where: TopicPartition) -> bool:
    return await team.bus.end_offset(where) > 0
