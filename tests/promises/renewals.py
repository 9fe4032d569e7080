"""Large bodies of unfinished work outlive the broker's own deletion, on either broker."""

from collections.abc import Callable

from handrail import Context, Effect, Parts, Topic, agent, results
from handrail.runtime.worker.lane_runner import LaneRunner
from handrail.runtime.worker.packing import BLOBS, DAY_MS, RENEWED_AFTER_MS
from handrail.runtime.worker.renewing import renew_claims
from handrail.testing import Team
from handrail.wire.limits import CLAIM_OVER_BYTES
from handrail.wire.record import TopicPartition
from tests.waiting import until

TeamOf = Callable[..., Team]

jobs, asks, halves = (Topic(name, carries=str) for name in ("jobs", "asks", "halves"))
LARGE = "x" * (CLAIM_OVER_BYTES + 1)
RESTS_S = 1_800
MADE: list[str] = []


async def make(text: str) -> str:
    """Make a large text of a large text."""
    MADE.append(text)
    return text.upper()


@agent(reads=jobs, writes=results)
async def sleeper(text: str, ctx: Context) -> str:
    made = await ctx.step(make, text, effect=Effect.READ)
    await ctx.sleep(RESTS_S)
    return f"{len(text)} {len(made)}"


@agent(reads=asks, writes=halves)
async def splitter(text: str) -> list[str]:
    return [f"{text}{number}" for number in range(2)]


@agent(reads=halves, writes=results)
async def joiner(parts: Parts[str], ctx: Context) -> str:
    await ctx.sleep(RESTS_S)
    return " ".join(str(len(part)) for part in parts)


def runner_of(team: Team, name: str) -> LaneRunner:
    """Give the one lane of an agent of a team with one partition."""
    (member,) = [one for one in team.members if one.agent.name == name]
    (runner,) = member.process._workers[0].lanes.values()
    return runner


async def renewed(team: Team, name: str, after_ms: int) -> int:
    """Let a lane look for old claims as if so much time had passed; give how many it renewed."""
    carrier = runner_of(team, name)._carrier
    assert carrier is not None
    return await renew_claims(carrier.ground, team.clock.now_ms() + after_ms)


async def let_the_broker_delete(team: Team, below: int) -> None:
    """Delete what was on the blobs topic before the renewal, as the broker does by its age."""
    blobs = TopicPartition(team.full(BLOBS), 0)
    await team.bus.admin.delete_records({blobs: below})


async def blobs_end(team: Team) -> int:
    return await team.bus.end_offset(TopicPartition(team.full(BLOBS), 0))


async def resting(team: Team, name: str) -> None:
    """Wait until the one invocation of an agent rests and the journal has it."""
    runner = runner_of(team, name)

    async def rests() -> bool:
        await team.advance(seconds=2)
        lane, committer = runner.lane, runner._committer
        return bool(lane and committer and lane.parked_count == 1 and committer.is_idle)

    await until(rests, within_s=60, what="it rests")


async def test_message_and_outcome_of_what_rests_are_written_again_and_found_by_the_next_owner(
    team_of: TeamOf,
) -> None:
    MADE.clear()
    async with team_of(sleeper, partitions=1) as team:
        task = await team.submit(jobs, LARGE)
        await resting(team, "sleeper")
        end = await blobs_end(team)

        assert await renewed(team, "sleeper", RENEWED_AFTER_MS - DAY_MS) == 0, "younger than that"
        assert await blobs_end(team) == end
        assert await renewed(team, "sleeper", RENEWED_AFTER_MS + DAY_MS) == 2
        await let_the_broker_delete(team, end)
        await team.kill(sleeper)
        await team.restart(sleeper)
        await team.advance(seconds=RESTS_S)

        assert await task.result(str) == f"{len(LARGE)} {len(LARGE)}"
        assert MADE == [LARGE]


async def test_the_parts_of_a_gather_that_rests_are_written_again(team_of: TeamOf) -> None:
    async with team_of(splitter, joiner, partitions=1) as team:
        task = await team.submit(asks, LARGE)
        await resting(team, "joiner")
        end = await blobs_end(team)

        assert await renewed(team, "joiner", RENEWED_AFTER_MS + DAY_MS) == 2
        await let_the_broker_delete(team, end)
        await team.advance(seconds=RESTS_S)

        assert await task.result(str) == f"{len(LARGE) + 1} {len(LARGE) + 1}"


async def test_what_has_ended_is_not_written_again(team_of: TeamOf) -> None:
    async with team_of(sleeper, partitions=1) as team:
        task = await team.submit(jobs, LARGE)
        await resting(team, "sleeper")
        await team.advance(seconds=RESTS_S)
        await task.result(str)
        end = await blobs_end(team)

        assert await renewed(team, "sleeper", RENEWED_AFTER_MS + DAY_MS) == 0
        assert await blobs_end(team) == end
