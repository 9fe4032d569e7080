"""Rules of the protocol that no other test states by itself."""

from collections.abc import Sequence

import pytest

from handrail import Context, Effect, Integrity, Reach, Topic, agent, results, tool
from handrail.bus.in_process import InProcessBus
from handrail.bus.port import Ahead, TopicSpec, Written
from handrail.errors.lane import PartitionCountsDiffer
from handrail.runtime.worker.process import AgentProcess, ProcessSettings
from handrail.testing import Team
from handrail.wire.record import Outgoing, TopicPartition
from tests.promises.step_tools import jobs
from tests.waiting import until

TEAMS: list[Team] = []

queries = Topic("queries", carries=str, replies=str)


def undecided() -> list[str]:
    """Give every partition on which a transaction is open now."""
    bus, found = TEAMS[-1].bus, list[str]()
    assert isinstance(bus, InProcessBus)
    for name, count in bus.broker.partitions().items():
        for number in range(count):
            log = bus.broker.log(TopicPartition(name, number))
            if log.last_stable < log.end:
                found.append(f"{name}[{number}]")
    return found


async def all_decided() -> None:
    """Wait until what others commit meanwhile has ended; what waits for us never would."""
    await until(lambda: not undecided(), what="no transaction is open")


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(text: str) -> str:
    """Pay, which takes a while."""
    await all_decided()
    return text


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    await all_decided()
    await ctx.call(pay, text)
    await all_decided()
    return await ctx.ask(queries, text)


@agent(reads=queries)
async def helper(text: str) -> str:
    await all_decided()
    return text


async def open_within_a_transaction(team: Team) -> list[str]:
    """Look while one is open, and give what was seen."""
    found: list[str] = []

    def then(places: Sequence[Written]) -> Sequence[Outgoing]:
        assert places
        found.extend(undecided())
        return ()

    producer = team.bus.lane_producer("somebody")
    await producer.init(deadline_s=5)
    record = Outgoing(team.full("results"), b"k", b'"x"', ())
    await producer.commit_ahead(Ahead([record], then))
    await producer.close()
    return found


async def test_no_transaction_is_open_while_code_of_an_agent_or_a_tool_runs() -> None:
    async with Team(clerk, helper, tools=[pay], partitions=1) as team:
        TEAMS[:] = [team]
        team.allow(pay)
        task = await team.submit(jobs, "x")

        assert await task.result(str) == "x"
        seen = await open_within_a_transaction(team)
        assert team.full("results") + "[0]" in seen, "one that is open is seen"


async def test_an_agent_whose_topics_differ_in_their_partitions_does_not_start() -> None:
    async with Team(clerk, helper, tools=[pay]) as team:
        names = {"jobs": 3, "clerk.answers": 3, "clerk.journal": 4, "clerk.dead": 3, "control": 1}
        specs = [TopicSpec(f"other.{name}", count) for name, count in names.items()]
        await team.bus.admin.create(specs)
        settings = ProcessSettings(namespace="other", process="clerk-1")
        process = AgentProcess(team.bus, [clerk], team.description, team.model, settings)

        with pytest.raises(PartitionCountsDiffer, match=r"clerk\.journal has 4 partitions"):
            await process.start()
        await process.close()
