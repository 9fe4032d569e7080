"""What a lane promises that an approval for the task does not let go on, on any broker."""

from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import orjson
import pytest

from handrail.errors import AnswerRefused, DecisionNotTaken
from handrail.ledger.event import RequestKind
from handrail.rails.cedar import CedarPolicy
from handrail.runtime.approvals import approval_of
from handrail.runtime.failpoint import Countdown, Moment
from handrail.runtime.people import give_answer, one_request, step_of, taken
from handrail.testing import Team, TeamTask
from handrail.testing.clock import VirtualClock
from handrail.testing.tools import unconfined
from tests.promises.for_task_tools import (
    BY,
    EXPIRES_S,
    TOOLS,
    allowed,
    allowing,
    asked_of,
    brittle,
    clerk,
    pair,
    until_asleep,
    waits,
)
from tests.promises.step_tools import Acts, jobs
from tests.waiting import until

TeamOf = Callable[..., Team]


async def test_an_approval_for_the_task_is_worth_nothing_once_it_has_expired(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, f"pay bob; sleep {EXPIRES_S}; pay bob")
        await waits(task)
        await team.approve(task, by=BY, for_task=True)
        await until(lambda: acts.done == ["pay bob"])
        await until_asleep(team)
        await team.advance(seconds=EXPIRES_S + 1)
        await waits(task)

        assert acts.done == ["pay bob"]
        assert len(await asked_of(team)) == 2
        await team.deny(task, by=BY)
        assert await task.result(str) == "bob, approval_rejected"


async def test_an_approval_for_the_task_is_worth_nothing_under_other_rules(
    team_of: TeamOf, acts: Acts
) -> None:
    team = team_of(clerk, tools=TOOLS, partitions=1)
    team.rails = unconfined(allowing("first"))
    async with allowed(team):
        task = await team.submit(jobs, "pay bob; pay bob; sleep 60; pay bob")
        await waits(task)
        await team.approve(task, by="fay", for_task=True)
        await until(lambda: len(acts.done) == 2)
        await until_asleep(team)
        await team.kill(clerk)
        team.rails = unconfined(allowing("second"))
        await team.restart(clerk)
        await team.advance(seconds=61)
        await waits(task)

        assert acts.done == ["pay bob"] * 2
        await team.approve(task, by="fay", for_task=True)
        assert await task.result(str) == "bob, bob, bob"
        assert len(await asked_of(team)) == 2


async def test_what_a_stranger_has_chosen_is_covered_only_as_it_was_shown(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        # What is said to bob after the read was said by the user, then by the page.
        what = "write bob hello; fetch a; write bob bye; fetch a; repeat bob; repeat bob"
        task = await allowed(team).submit(jobs, what)
        await waits(task)
        await team.approve(task, by=BY, for_task=True)  # to write
        await waits(task)
        await team.approve(task, by=BY, for_task=True)  # to fetch
        await waits(task)

        assert acts.done == ["bob: hello", "fetch a", "bob: bye", "fetch a"]
        shown = (await asked_of(team))[-1]
        assert shown == 'write(to="bob", text="what stands at a")'
        await team.approve(task, by=BY, for_task=True)  # as it is shown
        await task.until("completed")
        assert acts.done[4:] == ["bob: what stands at a"] * 2
        assert len(await asked_of(team)) == 3


async def test_a_denial_of_a_further_call_ends_what_was_approved_for_the_task(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "pay bob; pay eve; pay bob; pay bob")
        await waits(task)
        await team.approve(task, by=BY, for_task=True)
        await waits(task)
        await team.deny(task, by=BY)
        await waits(task)

        assert acts.done == ["pay bob"]
        await team.approve(task, by=BY)
        await waits(task)
        await team.approve(task, by=BY)
        assert await task.result(str) == "bob, approval_rejected, bob, bob"


async def test_a_denial_ends_it_whichever_step_is_asked_for_first_when_the_run_comes_again(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(pair, tools=TOOLS, partitions=1) as team:
        team.client.budget = "0.5"
        task = await allowed(team).submit(jobs, "one")
        await waits(task)
        await team.approve(task, by=BY, for_task=True)
        await until(lambda: asks_in(task, "2.b0", "3.b0"), what="both ask for more of the budget")
        await team.answer(task, 0.05, step="2.b0")
        await team.answer(task, 0.4, step="3.b0")
        await until(lambda: asks_in(task, "2.bb0", "3.a0"), what="one asks to be approved")
        await team.deny(task, by=BY, step="3.a0")
        await team.answer(task, 0.4, step="2.bb0")
        await until(lambda: asks_in(task, "2.a0"), what="what would have gone on is asked about")

        assert acts.done == ["send bob: one"]
        assert (await asked_of(team))[-1] == 'send(to="bob", text="more")'
        await team.deny(task, by=BY, step="2.a0")
        assert await task.result(str) == "approval_rejected"
        assert acts.done == ["send bob: one"]


async def asks_in(task: TeamTask, *steps: str) -> bool:
    facts = await task.task.facts()
    return facts is not None and {step_of(one.id) for one in facts.requests} >= {*steps}


@pytest.mark.parametrize(("job", "tool"), [("pay bob; pay bob", "pay"), ("mark a; mark a", "mark")])
async def test_what_has_expired_before_a_further_call_begins_is_put_to_a_person(
    team_of: TeamOf, acts: Acts, job: str, tool: str
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, job)
        await waits(task)
        team.members[0].kill_point.countdown = TimePasses(tool, 2, team.clock, EXPIRES_S + 1)
        await team.approve(task, by=BY, for_task=True)
        await waits(task)

        assert len(acts.done) == 1
        assert len(await asked_of(team)) == 2
        await team.approve(task, by=BY)
        await task.until("completed")
        assert len(acts.done) == 2


async def test_what_has_expired_before_the_call_that_was_shown_begins_is_not_done(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "pay bob")
        await waits(task)
        team.members[0].kill_point.countdown = TimePasses("pay", 1, team.clock, EXPIRES_S + 1)
        await team.approve(task, by=BY)

        assert await task.result(str) == "approval_expired"
        assert acts.done == []


class TimePasses(Countdown):
    """Lets time pass when an intent is about to be written, and lets the process go on."""

    def __init__(self, step: str, count: int, clock: VirtualClock, seconds: int) -> None:
        super().__init__(Moment.BEFORE_INTENT, step, count)
        self._clock, self._until_ms = clock, clock.now_ms() + seconds * 1000

    def runs_out(self, moment: Moment, step: str) -> bool:
        if super().runs_out(moment, step):
            self._clock.move_to(self._until_ms)
        return False


async def test_what_has_expired_while_the_store_of_secrets_was_asked_is_put_to_a_person(
    team_of: TeamOf, acts: Acts
) -> None:
    store = SlowSecrets({"default/psp": "a-secret-of-the-bank"})
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        team._tools.secrets = store
        task = await allowed(team).submit(jobs, "remit bob; remit bob")
        await waits(task)
        store.answers = 1  # for the call that was shown; the next one is looked at afterwards
        await team.approve(task, by=BY, for_task=True)
        await until(store.hangs.is_set)
        await team.advance(seconds=EXPIRES_S + 1)
        store.goes_on.set()
        await waits(task)

        assert acts.done == ["remit bob"]
        assert len(await asked_of(team)) == 2
        await team.deny(task, by=BY)
        assert await task.result(str) == "bob, approval_rejected"


class SlowSecrets(dict[str, str]):
    """Hangs after so many answers, until it may go on."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        super().__init__(secrets)
        self.hangs, self.goes_on = Event(), Event()
        self.answers: int | None = None

    def get(self, key: str, default: Any = None) -> Any:
        if self.answers == 0 and not self.goes_on.is_set():
            self.hangs.set()
            assert self.goes_on.wait(60), "nobody lets it go on"
        self.answers = None if self.answers is None else max(0, self.answers - 1)
        return super().get(key, default)


async def test_it_is_for_one_handoff_of_one_task_and_for_nobody_who_has_asked(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        first = await allowed(team).submit(jobs, "pay bob; sleep 60; pay bob")
        await waits(first)
        with pytest.raises(DecisionNotTaken, match="has asked for the task"):
            await team.approve(first, by=str(team.client.asked_by), for_task=True)
        await team.approve(first, by=BY, for_task=True)
        second = await team.submit(jobs, "pay bob")
        await waits(second)

        assert acts.done == ["pay bob"]
        await team.deny(second, by=BY)
        assert await second.result(str) == "approval_rejected"
        await team.advance(seconds=61)
        assert await first.result(str) == "bob, bob"


async def test_what_is_sent_back_asks_anew_and_repeats_none_of_the_calls_that_went_on(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(brittle, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "bob")
        await waits(task)
        await team.approve(task, by=BY, for_task=5)
        await task.until("failed")
        assert acts.done == ["pay bob"] * 2
        acts.receiver["it is"] = "mended"
        await team.redrive(task)
        await waits(task)

        assert acts.done == ["pay bob"] * 2
        await team.approve(task, by=BY)
        assert await task.result(str) == "bob"
        assert acts.done == ["pay bob"] * 3


async def test_what_a_person_has_changed_is_approved_once_whoever_sends_it(
    team_of: TeamOf, acts: Acts
) -> None:
    async with team_of(clerk, tools=TOOLS, partitions=1) as team:
        task = await allowed(team).submit(jobs, "pay bob; pay bob")
        await waits(task)
        with pytest.raises(AnswerRefused, match="what was changed is approved once"):
            await team.approve(task, by=BY, arguments={"to": "ann"}, for_task=True)
        facts = await task.task.facts()
        assert facts is not None
        request = await one_request(team.bus, team.namespace, facts, kind=RequestKind.APPROVAL)
        both = {**orjson.loads(approval_of(request, for_task=3)), "arguments": {"to": "ann"}}
        given = await give_answer(team.bus, team.namespace, request, orjson.dumps(both), BY, 1)
        await team.advance(seconds=2)
        with pytest.raises(DecisionNotTaken):
            await taken(team.bus, team.namespace, given)

        assert acts.done == []
        await team.approve(task, by=BY, for_task=1)
        assert await task.result(str) == "bob, bob"


async def test_a_further_call_that_somebody_else_has_to_approve_is_put_to_them(
    team_of: TeamOf, acts: Acts
) -> None:
    rules = """
        @id("all") permit (principal, action, resource);
        @id("board") @title("Only the board says so") @remedy("Ask the board.")
        @approval("role:board")
        forbid (principal, action == Action::"tool.call", resource == Tool::"write")
        when { context.arguments.text == "closed" } unless { context.approved };
    """
    team = team_of(clerk, tools=TOOLS, partitions=1)
    team.rails = unconfined(CedarPolicy.of(rules, {"finance": ["fay", "ben"], "board": ["ben"]}))
    async with allowed(team):
        task = await team.submit(jobs, "write bob one; write bob closed; write bob two")
        await waits(task)
        await team.approve(task, by="fay", for_task=True)
        await waits(task)

        assert acts.done == ["bob: one"]
        await team.approve(task, by="ben")
        assert await task.result(str) == "one, closed, two"
        assert len(await asked_of(team)) == 2
