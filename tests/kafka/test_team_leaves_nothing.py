"""What a team under test leaves on a broker that others use as well: nothing."""

from handrail import Topic, agent, results
from handrail.bus.kafka import KafkaBus
from handrail.bus.where import Connection
from handrail.testing import Team
from tests.waiting import until

names = Topic("names", carries=str)


@agent(reads=names, writes=results)
async def greeter(name: str) -> str:
    return f"Hello, {name}"


async def topics_of(broker: str, namespace: str) -> list[str]:
    bus = KafkaBus(Connection(broker, "PLAINTEXT"))
    await bus.start()
    try:
        return [name for name in await bus.admin.topics() if name.startswith(f"{namespace}.")]
    finally:
        await bus.close()


async def test_the_topics_of_a_team_under_test_go_with_it(broker: str) -> None:
    async with Team(greeter, on="kafka", broker=broker, partitions=1) as team:
        task = await team.submit(names, "Ada")
        assert await task.result(str) == "Hello, Ada"
        assert await topics_of(broker, team.namespace)

    async def are_gone() -> bool:
        return not await topics_of(broker, team.namespace)

    await until(are_gone, what="the brokers have learnt that the topics are gone")
