"""What a team promises when somebody deletes a topic by hand, on whatever broker `team_of` uses."""

from collections.abc import Callable

import orjson
import pytest

from handrail import Context, Refused, State, Topic, agent, results
from handrail.bus.in_process import InProcessBus
from handrail.bus.kafka_admin import KafkaAdmin
from handrail.bus.port import TopicSpec
from handrail.runtime.worker.outputs import EMPTY
from handrail.testing import Team
from handrail.wire.codec import JSON_TYPE, encode_headers
from handrail.wire.envelope import Envelope, FanOutHeader
from handrail.wire.marker import MARKER_TYPE
from handrail.wire.record import Outgoing, TopicPartition
from tests.promises.questions import Price, prices
from tests.promises.questions_again import PATIENCE, impatient, repeats, slow
from tests.promises.step_tools import TOOLS, real
from tests.promises.step_tools import jobs as requested
from tests.waiting import until

TeamOf = Callable[..., Team]

jobs = Topic("jobs", carries=str)
drafts = Topic("drafts", carries=str)
requests = Topic("requests", carries=str)
HEARD: list[str] = []
NO_MORE = "no more"


@agent(reads=jobs, writes=drafts)
async def drafter(text: str) -> str:
    HEARD.append(text)
    if text == NO_MORE:
        raise Refused(State.INVALID_INPUT, text)
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


@pytest.mark.parametrize("how", ["ends well", "dies", "is passed on"])
async def test_a_part_whose_gather_is_no_more_is_a_dead_letter_and_keeps_its_lane_from_nothing(
    team_of: TeamOf, how: str
) -> None:
    HEARD.clear()
    async with team_of(drafter, partitions=1) as team:
        dead = TopicPartition(team.full("drafter.dead"), 0)
        is_marker, text = how == "is passed on", NO_MORE if how == "dies" else "x"
        envelope = PART.but(type=MARKER_TYPE) if is_marker else PART
        headers = encode_headers(envelope, JSON_TYPE)
        body = EMPTY.encode() if is_marker else orjson.dumps(text)
        part = Outgoing(team.full(jobs.name), b"part", body, headers, 0)
        await team.bus.sender().send(part)

        await until(lambda: has_records(team, dead), within_s=30)
        task = await team.submit(jobs, "later")
        await task.until("completed")


@agent(reads=requests, writes=results)
async def asker(text: str, ctx: Context) -> int:
    return (await ctx.ask(prices, text)).cents


async def test_a_question_asked_anew_before_its_topic_of_answers_was_deleted_is_answered_after(
    team_of: TeamOf,
) -> None:
    # What it held stays lost, which is told when the team ends.
    with pytest.raises(AssertionError, match=r"is not on impatient\.answers"):
        await asks_anew_across_a_deletion(team_of)


async def asks_anew_across_a_deletion(team_of: TeamOf) -> None:
    async with team_of(impatient, slow, tools=TOOLS, partitions=1) as team:
        for text in ("a", "b", "c"):
            earlier = await real(team).submit(requested, text)
            await earlier.until("input_required")
            await team.answer(earlier, 5)
            await earlier.until("completed")
        task = await team.submit(requested, "x")
        await task.until("input_required")
        PATIENCE[-1].reschedule(0)
        await task.until("failed")
        await team.redrive(task)
        await until(lambda: repeats(team), what="the question lies there once more")
        answers = team.full("impatient.answers")
        await delete(team, answers)
        await team.bus.admin.create([TopicSpec(answers, 1)])

        await team.answer(task, 5)

        async def is_done() -> bool:
            await team.advance(seconds=1)  # answers are looked at once a second
            return await task.state() == "completed"

        await until(is_done, within_s=30)


@agent(reads=prices)
async def pricer(name: str) -> Price:
    return Price(of=name, cents=5)


async def test_answers_whose_topic_was_deleted_are_heard_again_once_it_is_made_anew(
    team_of: TeamOf,
) -> None:
    # What it held stays lost, which is told when the team ends.
    with pytest.raises(AssertionError, match=r"is not on asker\.answers"):
        await asks_across_a_deletion(team_of)


async def asks_across_a_deletion(team_of: TeamOf) -> None:
    async with team_of(asker, pricer, partitions=1) as team:
        for text in ("a", "b", "c"):
            await (await team.submit(requests, text)).until("completed")
        answers = team.full("asker.answers")
        await delete(team, answers)
        await team.bus.admin.create([TopicSpec(answers, 1)])

        task = await team.submit(requests, "d")

        async def is_done() -> bool:
            await team.advance(seconds=1)  # answers are looked at once a second
            return await task.state() == "completed"

        await until(is_done, within_s=30)


PART = Envelope(
    id="11111111-1111-5111-8111-111111111111",
    type=jobs.type_of("x"),
    source="handrail/test/opener",
    time_ms=0,
    task_id="11111111-1111-5111-8111-111111111112",
    tenant="default",
    causation_id="11111111-1111-5111-8111-111111111113",
    hop=1,
    fan_outs=(FanOutHeader("gone", "11111111-1111-5111-8111-111111111114", 0, 2),),
)
