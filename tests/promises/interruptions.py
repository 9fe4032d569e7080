"""What a lane promises when it is interrupted, on whatever broker the fixture `team_of` uses."""

import asyncio
from collections.abc import Callable

import pytest

from handrail import Context, Topic, agent, results
from handrail.bus.port import GroupConsumer, Membership
from handrail.errors import BrokerUnreachable, MembershipRefused, ProducerFenced
from handrail.lane.bounds import BUFFERED_COUNT_MAX
from handrail.lane.journal import LANE, Kind, decode_entry, tombstone
from handrail.runtime.worker.agent_worker import POLL_RECORDS_MAX
from handrail.runtime.worker.lane_runner import LaneRunner
from handrail.runtime.worker.lane_state import LaneState
from handrail.runtime.worker.opening import open_lane
from handrail.runtime.worker.silence import SILENCE_S_MAX, Silence
from handrail.testing import Team, TeamTask
from handrail.testing.accounting import read_all
from handrail.wire.record import Record
from tests.promises.gate import Gate
from tests.waiting import until

TeamOf = Callable[..., Team]

jobs = Topic("jobs", carries=str)
queries = Topic("queries", carries=str, replies=str)


class LosesOneProof:
    """A consumer whose first proof of membership gets no answer, although nothing has changed."""

    def __init__(self, consumer: GroupConsumer) -> None:
        self._consumer = consumer
        self._lost = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._consumer, name)

    async def prove_membership(self, membership: Membership, *args, **kwargs) -> None:
        if not self._lost:
            self._lost = True
            raise MembershipRefused(group=membership.group, where="here", reason="no answer")
        await self._consumer.prove_membership(membership, *args, **kwargs)


class AsksWhoIsFenced:
    """A consumer that looks, as it proves its membership, whether the lane's writer is fenced."""

    def __init__(self, runner: LaneRunner) -> None:
        assert runner._committer is not None
        self.is_fenced = False
        self._consumer, self._place = runner._consumer, runner.place
        self._writer = runner._committer.producer

    def __getattr__(self, name: str) -> object:
        return getattr(self._consumer, name)

    async def prove_membership(self, membership: Membership, *args, **kwargs) -> None:
        try:
            await self._writer.commit([tombstone(b"nothing", self._place.journal)])
        except ProducerFenced:
            self.is_fenced = True
        await self._consumer.prove_membership(membership, *args, **kwargs)


def lane_of(team: Team) -> LaneRunner:
    """Give the one lane of a team with one partition."""
    (runner,) = team.members[0].process._workers[0].lanes.values()
    return runner


async def in_journal(team: Team, kind: bytes) -> bool:
    """Say whether the asker's journal has a record of this kind."""
    found = await read_all(team.bus, team.full("asker.journal"))
    return any(kind in (record.key or b"") for record in found)


async def test_a_lane_that_somebody_fenced_opens_anew_when_its_partition_comes_back(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        return text

    async with team_of(worker, partitions=1) as team:
        lane = lane_of(team)
        intruder = team.bus.lane_producer(lane.place.transactional_id)
        await intruder.init(deadline_s=10)
        await intruder.close()
        lane.check()

        assert await (await team.submit(jobs, "after")).result(str) == "after"


async def test_a_stale_membership_is_refused_and_the_lane_opens_under_the_next_one(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        return text

    async with team_of(worker, partitions=1) as team:
        lane = lane_of(team)
        now = team.members[0].process._workers[0].membership
        assert now is not None
        lane.hold()
        lane.keep(Membership(now.group, now.generation - 1, now.member_id))
        await until(lambda: lane.state is LaneState.GIVEN_UP, what="the lane is given up")
        await team.start(worker)

        assert await (await team.submit(jobs, "after")).result(str) == "after"


async def test_an_opener_of_an_earlier_membership_gives_up_and_whoever_has_the_lane_opens_anew(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        return text

    async def nothing() -> None:
        return

    async with team_of(worker, partitions=1) as team:
        runner = lane_of(team)
        asked = AsksWhoIsFenced(runner)
        now = team.members[0].process._workers[0].membership
        assert now is not None
        assert runner.lane is not None
        stale = Membership(now.group, now.generation - 1, now.member_id)

        with pytest.raises(MembershipRefused):
            await open_lane(
                team.bus,
                asked,
                stale,
                runner.place,
                runner.lane.settings,
                team.clock.now_ms(),
                nothing,
            )

        # Its init has fenced the one who has the lane, and it may not have it for that. It comes
        # first: a proof that is older than the init would say nothing about the time after it.
        assert asked.is_fenced
        assert await (await team.submit(jobs, "after")).result(str) == "after"


async def test_a_proof_whose_answer_is_lost_leaves_no_partition_without_an_owner(
    team_of: TeamOf,
) -> None:
    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        return text

    async with team_of(worker, partitions=1) as team:
        lane = lane_of(team)
        lane._consumer = LosesOneProof(lane._consumer)
        lane.check()

        assert await (await team.submit(jobs, "after")).result(str) == "after"


async def test_what_is_in_hand_goes_on_when_the_lane_only_had_to_prove_itself(
    team_of: TeamOf,
) -> None:
    gate = Gate()
    began: list[str] = []

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        began.append(text)
        await gate.pass_through()
        return text

    async with team_of(worker, partitions=1) as team:
        task = await team.submit(jobs, "slow")
        await gate.entered.wait()
        lane_of(team).check()
        gate.opened.set()

        assert await task.result(str) == "slow"
        assert began == ["slow"]


class Stopped:
    """A clock that stands still until it is moved, and a poll that says what it finds."""

    def __init__(self, team: Team) -> None:
        self.now_s = 0.0
        self.lane = lane_of(team)
        self.states: list[LaneState] = []  #: of the lane each time that a poll begins
        self.gap: str = ""  #: in what the clock moves on next
        self.before = 0  #: how many polls had begun when it last moved
        self.worker = team.members[0].process._workers[0]
        self.worker._silence = Silence(lambda: self.now_s)
        consumer, admit = self.worker._consumer, self.lane.admit
        assert consumer is not None
        poll = consumer.poll

        async def polls(**limits) -> object:
            self.states.append(self.lane.state)
            found = await poll(**limits)
            if found:
                self._pass("poll")
            if self.gap == "failing poll":
                self._pass("failing poll")
                raise BrokerUnreachable(bootstrap="here", reason="it was away")
            return found

        def admits(records: list[Record]) -> None:
            admit(records)
            self._pass("admission")

        consumer.poll, self.lane.admit = polls, admits  # type: ignore[method-assign]

    def _pass(self, gap: str) -> None:
        if self.gap == gap:
            self.gap = ""
            self.now_s += SILENCE_S_MAX + 1
            self.before = len(self.states)

    async def passed(self) -> LaneState:
        """Wait for the poll after the clock has moved; give what its lane was when it began."""
        await until(lambda: self.gap == "", what="the clock has moved on")
        await until(lambda: len(self.states) > self.before, what="the next poll")
        return self.states[self.before]


async def test_what_a_poll_brought_to_a_silent_process_runs_once_its_lane_has_proved_itself(
    team_of: TeamOf,
) -> None:
    epochs: list[int] = []

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        lane = lane_of(teams[0]).lane
        assert lane is not None
        epochs.append(lane.epoch)
        return text

    teams: list[Team] = []
    async with team_of(worker, partitions=1) as team:
        teams.append(team)
        stopped = Stopped(team)
        assert await (await team.submit(jobs, "before")).result(str) == "before"
        stopped.gap = "poll"

        assert await (await team.submit(jobs, "silent")).result(str) == "silent"
        assert await (await team.submit(jobs, "after")).result(str) == "after"

    before, silent, after = epochs
    assert silent == before + 1, "nothing was taken in before the lane had proved itself"
    assert after == silent, "and it does so once"


async def test_a_process_that_was_silent_closes_its_lanes_before_it_polls(team_of: TeamOf) -> None:
    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        return text

    async with team_of(worker, partitions=1) as team:
        stopped = Stopped(team)
        stopped.gap = "admission"
        task = await team.submit(jobs, "x")

        assert await stopped.passed() is LaneState.SUSPENDED
        assert await task.result(str) == "x"
        stopped.gap = "failing poll"
        assert await stopped.passed() is LaneState.SUSPENDED
        assert await (await team.submit(jobs, "after")).result(str) == "after"


async def test_a_drain_lets_what_runs_commit_takes_in_nothing_and_says_closed(
    team_of: TeamOf,
) -> None:
    gate = Gate()
    began: list[str] = []

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        began.append(text)
        await gate.pass_through()
        return text

    async with team_of(worker, partitions=1) as team:
        first = await team.submit(jobs, "first")
        await gate.entered.wait()
        leaving = asyncio.create_task(team.stop(worker))
        await until(lambda: team.members == [])
        second = await team.submit(jobs, "second")
        gate.opened.set()
        await leaving
        assert began == ["first"], "a draining process takes in nothing"
        assert await last_word(team, "worker.journal") == Kind.CLOSED
        await team.start(worker)

        assert [await first.result(str), await second.result(str)] == ["first", "second"]
        assert began == ["first", "second"], "what had ended was committed before the end"


async def test_three_processes_share_the_partitions_evenly(team_of: TeamOf) -> None:
    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        return text

    async with team_of(worker, partitions=6) as team:
        await team.start(worker)
        await team.start(worker)
        await until(lambda: shares(team) == [2, 2, 2], what="two partitions for each")
        tasks = [await team.submit(jobs, f"{n}") for n in range(60)]

        assert [await task.result(str) for task in tasks] == [f"{n}" for n in range(60)]
        assert all(member.process.status()[0].finished for member in team.members)


async def test_a_full_lane_pauses_its_partition_and_goes_on_when_there_is_room(
    team_of: TeamOf,
) -> None:
    gate = Gate()
    held_max = BUFFERED_COUNT_MAX + POLL_RECORDS_MAX  # one poll may bring that many more
    count = held_max + 100

    @agent(reads=jobs, writes=results)
    async def worker(text: str) -> str:
        await gate.pass_through()
        return text

    async with team_of(worker, partitions=1) as team:
        tasks: list[TeamTask] = []
        for start in range(0, count, 50):
            some = range(start, min(start + 50, count))
            tasks += await asyncio.gather(*(team.submit(jobs, f"{n}") for n in some))
        lane = lane_of(team)
        await until(lambda: lane._paused, what="the lane is full")
        assert lane.lane is not None
        assert lane.lane.held_count <= held_max
        gate.opened.set()
        (member,) = team.members
        # So many take a busy machine longer than any one of them may.
        await until(lambda: member.process.status()[0].finished == count, within_s=60)

        assert await tasks[-1].result(str) == f"{count - 1}"


def shares(team: Team) -> list[int]:
    return [len(member.process.status()[0].partitions) for member in team.members]


async def last_word(team: Team, topic: str) -> Kind | None:
    """Give the last thing that an owner of the lane said about the lane itself."""
    found = [decode_entry(record) for record in await read_all(team.bus, team.full(topic))]
    own = [entry.kind for entry in found if entry is not None and entry.invocation == LANE]
    words = [kind for kind in own if kind is not Kind.PROGRESS]
    return words[-1] if words else None


async def test_a_handler_that_goes_on_before_it_came_to_rest_ends_with_its_process(
    team_of: TeamOf,
) -> None:
    answer, unwinding, going_on = Gate(), Gate(), Gate()
    let_go = list[str]()

    @agent(reads=queries)
    async def slow(name: str) -> str:
        await answer.pass_through()
        return f"the {name}"

    @agent(reads=jobs, writes=results)
    async def asker(text: str, ctx: Context) -> str:
        try:
            found = await ctx.ask(queries, text)
        except asyncio.CancelledError:
            await unwinding.pass_through()
            raise
        try:
            await going_on.pass_through()
        except asyncio.CancelledError:
            let_go.append(text)
            raise
        return found

    async with team_of(asker, slow, partitions=1) as team:
        task = await team.submit(jobs, "x")
        await answer.entered.wait()
        await until(lambda: in_journal(team, b"/intent/"))
        await team.advance(seconds=31)
        await unwinding.entered.wait()
        answer.opened.set()
        await until(lambda: in_journal(team, b"/outcome/"))
        unwinding.opened.set()
        await going_on.entered.wait()
        await team.kill(asker)

        assert let_go == ["x"]
        going_on.opened.set()
        await team.restart(asker)
        assert await task.result(str) == "the x"
