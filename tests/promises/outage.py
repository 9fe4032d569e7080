"""A provider is away: nothing dies of it, few calls are spent on it, and work comes back soon."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from handrail import Context, Topic, agent, results
from handrail.contract.effect import Effect
from handrail.models.port import ModelReply, ModelRequest
from handrail.runtime.clock import Clock
from handrail.testing import Team
from handrail.testing.task import TeamTask
from tests.waiting import until

CALL_S = 0.2
BACK_S_MAX = 30.0
EXTRA_SHARE_MAX = 0.1

topics_asked = Topic("asked_of_the_model", carries=str, key=lambda text: text)


@agent(reads=topics_asked, writes=results)
async def thinker(text: str, ctx: Context) -> str:
    return await ctx.model(text, returns=str)


class Provider:
    """A model that is billed, and at times away."""

    name = "the-model"
    provider = "the-provider"

    def __init__(self, effect: Effect = Effect.PAID) -> None:
        self.effect = effect
        self.away = False
        self.clock: Clock | None = None
        self.calls: Counter[str] = Counter()
        self.answered: dict[str, int] = {}

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Answer after a while, or fail after it."""
        assert self.clock is not None
        self.calls[request.prompt] += 1
        away = self.away
        await self.clock.sleep(CALL_S)
        if away:
            raise ConnectionError("the provider is away")
        self.answered[request.prompt] = self.clock.now_ms()
        return ModelReply(model=self.name, text=f"to {request.prompt}")


@dataclass
class Day:
    """What became of a steady stream of work before, during and after an outage."""

    provider: Provider
    tasks: dict[str, TeamTask] = field(default_factory=dict[str, TeamTask])
    asked_ms: dict[str, int] = field(default_factory=dict[str, int])
    back_ms: int = 0
    words_ms: int = 0
    words: str = ""

    async def run(self, team: Team, every_s: float, lasts_s: tuple[int, int, int]) -> None:
        """Let work come in; the provider is away in the second of the three spans."""
        self.provider.clock = team.clock
        for number, span_s in enumerate(lasts_s):
            self.provider.away = number == 1
            if number == 2:
                self.back_ms = team.clock.now_ms()
            for _ in range(round(span_s / every_s)):
                name = f"question {len(self.tasks)}"
                self.asked_ms[name] = team.clock.now_ms()
                self.tasks[name] = await team.submit(topics_asked, name)
                await team.advance(seconds=every_s)
            if number == 1:
                self.words = await self.tasks[name].task.explanation()
        # What had failed before the breaker opened comes back within the budget of retries.
        await team.advance(seconds=90)

    async def check(self) -> None:
        """Raise AssertionError for a lost or dead task, for waste, and for a late return."""
        states = Counter([await task.state() for task in self.tasks.values()])
        assert states == {"completed": len(self.tasks)}
        extra = self.provider.calls.total() - len(self.tasks)
        assert extra <= EXTRA_SHARE_MAX * len(self.tasks), f"{extra} extra calls"
        late = [
            name
            for name, asked_ms in self.asked_ms.items()
            if asked_ms >= self.back_ms + BACK_S_MAX * 1_000
            and self.provider.answered[name] - asked_ms > 2 * CALL_S * 1_000
        ]
        assert not late, f"{len(late)} of those that came later still had to wait"


TeamOf = Callable[..., Team]


async def outage(
    team_of: TeamOf, provider: Provider, every_s: float, spans: tuple[int, int, int]
) -> Day:
    """Live through an outage on a broker."""
    day = Day(provider)
    async with team_of(thinker, model=provider) as team:
        await day.run(team, every_s, spans)
        await day.check()
    return day


async def test_work_that_meets_an_outage_rests_and_is_done_when_the_provider_is_back(
    team_of: TeamOf,
) -> None:
    provider = Provider()
    provider.away = True
    async with team_of(thinker, model=provider) as team:
        provider.clock = team.clock
        tasks = [await team.submit(topics_asked, f"question {n}") for n in range(40)]

        async def one_waits() -> bool:
            await team.advance(seconds=0.5)
            for task in tasks:
                if "waits for a provider" in await task.task.explanation():
                    return True
            return False

        await until(one_waits, within_s=team.patience_s)
        called = provider.calls.total()
        provider.away = False

        async def all_done() -> bool:
            await team.advance(seconds=5)
            for task in tasks:
                if await task.state() != "completed":
                    return False
            return True

        await until(all_done, within_s=2 * team.patience_s)
        assert called <= 3 * len(tasks)
        assert provider.calls.total() <= called + len(tasks) + 5
