"""A header whose name is no text stops nobody on Kafka; a broker in memory has the same tests."""

import functools
import subprocess
from collections.abc import Callable

import pytest

from handrail import Topic, agent, results
from handrail.testing import Team
from handrail.testing.accounting import read_all
from handrail.wire.dead_letter import DeadLetter
from tests.promises.ground import Ground
from tests.promises.header_names import (
    ends,
    test_a_handoff_with_such_a_header_is_refused_for_its_own_task_alone,
    test_ranges_and_tails_give_the_record_with_its_name_escaped,
    test_the_record_is_refused_in_words_and_all_around_it_are_carried_out,
    test_the_registrar_and_the_projection_count_an_event_whatever_its_headers_are_called,
)
from tests.waiting import until

__all__ = [
    "test_a_handoff_with_such_a_header_is_refused_for_its_own_task_alone",
    "test_ranges_and_tails_give_the_record_with_its_name_escaped",
    "test_the_record_is_refused_in_words_and_all_around_it_are_carried_out",
    "test_the_registrar_and_the_projection_count_an_event_whatever_its_headers_are_called",
]


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)


@pytest.fixture
def ground(broker: str) -> Ground:
    return Ground.on_kafka(broker)


jobs = Topic("jobs", carries=str)


@agent(reads=jobs, writes=results)
async def worker(text: str) -> str:
    return text.upper()


@pytest.mark.kcat
async def test_what_kcat_writes_under_such_a_header_is_refused_and_the_next_one_served(
    broker: str, team_of: Callable[..., Team]
) -> None:
    async with team_of(worker, partitions=1) as team:
        write(broker, team.full("jobs"), b"odd", b"\xff=1")
        write(broker, team.full("jobs"), b"next", b"sound=1")

        (served,) = await until(lambda: ends(team, b"next"), what="the next one is served")
        (refused,) = await until(lambda: ends(team, b"odd"), what="the end of the odd one")
        assert served.value == b'"X"'
        assert b"not UTF-8" in (refused.value or b"")
        (dead,) = await read_all(team.bus, team.full("worker.dead"))
        assert (dead.key, dead.value, dead.header("\\xff")) == (b"odd", b'"x"', b"1")
        assert DeadLetter.from_record(dead).failure.reason == "decode"


def write(broker: str, topic: str, key: bytes, header: bytes) -> None:
    command = ["kcat", "-P", "-b", broker, "-t", topic, "-k", key, "-H", header]
    subprocess.run(command, input=b'"x"\n', check=True, timeout=30)
