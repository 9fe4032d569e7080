"""What is promised of deleted topics, on a broker in memory; the same bodies run on Kafka."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from handrail import Refused, State, agent
from handrail.bus.in_process import InProcessBus
from handrail.bus.port import TopicSpec
from handrail.testing import Team
from handrail.wire.codec import JSON_TYPE, encode_headers
from handrail.wire.record import Outgoing, TopicPartition
from tests.promises.questions import Price, prices
from tests.promises.topics_away import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.topics_away import PART, asker, has_records, requests
from tests.waiting import until


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team


@agent(reads=prices)
async def picky(name: str) -> Price:
    if name == "no":
        raise Refused(State.INVALID_INPUT, name)
    return Price(of=name, cents=5)


@pytest.mark.parametrize("name", ["x", "no"])
async def test_a_question_whose_answer_may_not_be_written_is_a_dead_letter_and_stops_nobody(
    name: str,
) -> None:
    async with Team(asker, picky, partitions=1) as team:
        answers, dead = team.full("strangers.answers"), team.full("picky.dead")
        await team.bus.admin.create([TopicSpec(answers, 1)])
        assert isinstance(team.bus, InProcessBus)
        team.bus.broker.forbid_writing(answers)
        asked = replace(PART, type=prices.type_of("x"), fan_outs=(), reply_to="strangers.answers/0")
        body = b'"%s"' % name.encode()
        headers = encode_headers(asked, JSON_TYPE)
        await team.bus.sender().send(Outgoing(team.full(prices.name), b"q", body, headers, 0))

        async def is_dead() -> bool:
            await team.advance(seconds=10)  # the right may come back within a minute
            return await has_records(team, TopicPartition(dead, 0))

        await until(is_dead, within_s=30)

        await (await team.submit(requests, "later")).until("completed")
