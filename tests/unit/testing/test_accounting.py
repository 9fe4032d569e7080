"""What was lost or doubled is found, whoever did it: each test plants one such fault."""

import dataclasses
from collections.abc import Awaitable, Callable

import pytest

from handrail.ledger.event import Finished, Wrote
from handrail.ledger.event_record import decode, encode
from handrail.testing import Team
from handrail.testing.accounting import read_all, unaccounted
from handrail.wire.record import Outgoing
from tests.unit.testing.teams import greeter, names


async def finished(team: Team) -> Finished:
    events = [decode(record) for record in await read_all(team.bus, team.full("ledger"))]
    (found,) = [event for event in events if isinstance(event, Finished)]
    return found


async def end_twice(team: Team) -> None:
    await team.bus.sender().send(encode(await finished(team), team.full("ledger")))


async def claim_to_have_written(team: Team) -> None:
    said = dataclasses.replace(
        await finished(team), invocation="another", wrote=(Wrote("never-written", "greetings"),)
    )
    await team.bus.sender().send(encode(said, team.full("ledger")))


async def write_twice(team: Team) -> None:
    (record,) = await read_all(team.bus, team.full("greetings"))
    copy = Outgoing(record.topic, record.key, record.value, record.headers)
    await team.bus.sender().send(copy)


async def do_nothing(team: Team) -> None:
    del team


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (do_nothing, []),
        (end_twice, ["was ended 2 times"]),
        (claim_to_have_written, ["never-written is not on greetings"]),
        (write_twice, ["is 2 times on greetings"]),
    ],
)
async def test_a_fault_is_found_and_named(
    fault: Callable[[Team], Awaitable[None]], words: list[str]
) -> None:
    async with Team(greeter) as team:
        task = await team.submit(names, "Ada")
        await task.until("completed")
        assert await unaccounted(team.bus, team.namespace, team.agents) == []

        await fault(team)
        found = await unaccounted(team.bus, team.namespace, team.agents)

        assert all(any(word in line for line in found) for word in words)
        assert bool(found) is bool(words)
        team._judge = lambda _: None  # the fault is planted
