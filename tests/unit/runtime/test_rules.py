"""Rules of the protocol that no other test states by itself."""

import asyncio
import inspect
from collections.abc import Sequence

import pytest

from handrail import Context, Effect, Topic, agent, results, tool
from handrail.bus.in_process import InProcessBus
from handrail.bus.kafka_producer import TRANSACTION_TIMEOUT_MS
from handrail.bus.port import Ahead, TopicSpec, Written
from handrail.errors.lane import PartitionCountsDiffer
from handrail.runtime.worker.process import AgentProcess, ProcessSettings
from handrail.testing import Team
from handrail.wire.record import Outgoing, TopicPartition
from tests.promises.step_tools import jobs

TEAMS: list[Team] = []
UNDECIDED: list[str] = []

queries = Topic("queries", carries=str, replies=str)


def look_for_transactions() -> None:
    """Note every partition on which a transaction is open now."""
    bus = TEAMS[-1].bus
    assert isinstance(bus, InProcessBus)
    broker = bus.broker
    for name, count in broker.partitions().items():
        for number in range(count):
            log = broker.log(TopicPartition(name, number))
            if log.last_stable < log.end:
                UNDECIDED.append(f"{name}[{number}] during {inspect.stack()[1].function}")


@tool(effect=Effect.UNSAFE)
async def pay(text: str) -> str:
    """Pay, which takes a while."""
    look_for_transactions()
    await asyncio.sleep(0)
    look_for_transactions()
    return text


@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    look_for_transactions()
    await ctx.call(pay, text)
    look_for_transactions()
    return await ctx.ask(queries, text)


@agent(reads=queries)
async def helper(text: str) -> str:
    look_for_transactions()
    return text


async def look_within_a_transaction(team: Team) -> None:
    """Look while one is open."""

    def then(places: Sequence[Written]) -> Sequence[Outgoing]:
        assert places
        look_for_transactions()
        return ()

    producer = team.bus.lane_producer("somebody")
    await producer.init(deadline_s=5)
    record = Outgoing(team.full("results"), b"k", b'"x"', ())
    await producer.commit_ahead(Ahead([record], then))
    await producer.close()


async def test_no_transaction_is_open_while_code_of_an_agent_or_a_tool_runs() -> None:
    UNDECIDED.clear()
    async with Team(clerk, helper, tools=[pay], partitions=1) as team:
        TEAMS[:] = [team]
        team.allow(pay)
        task = await team.submit(jobs, "x")

        assert await task.result(str) == "x"
        assert UNDECIDED == []
        await look_within_a_transaction(team)
        assert UNDECIDED, "a look would have seen one"


def test_a_transaction_that_nobody_ends_is_ended_by_the_broker_after_ten_seconds() -> None:
    assert TRANSACTION_TIMEOUT_MS == 10_000


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
