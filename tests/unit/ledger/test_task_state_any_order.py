"""Whatever a task does and in whatever order its records are read, its open count is exact."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.ledger.event import Event, PartKind
from handrail.ledger.task_state import TaskFacts, TaskState, fold
from tests.unit.ledger.told import Story

HANDOFFS_COUNT_MAX = 40


@dataclass
class Open:
    """A record that somebody has yet to read, or a gather that has all its parts."""

    id: str
    fan_out: str | None = None
    marker: bool = False
    is_gather: bool = False


@dataclass
class Team:
    """Plays a team that takes one task apart; it knows by itself what is open."""

    draw: st.DrawFn
    story: Story = field(default_factory=Story)
    open: list[Open] = field(default_factory=list[Open])
    gathered: dict[str, int] = field(default_factory=dict[str, int])
    parts: dict[str, int] = field(default_factory=dict[str, int])
    lost: int = 0
    made: int = 0

    def fresh(self) -> str:
        self.made += 1
        return f"h{self.made}"

    def step(self) -> Event:
        """End one open record, whichever; write what comes of it."""
        record = self.open.pop(self.draw(st.integers(0, len(self.open) - 1)))
        acts = ["end", "end", "die"]
        if record.marker:
            acts = ["pass", "gather"]
        elif self.made < HANDOFFS_COUNT_MAX:
            acts += ["hand on", "fan out"] if record.fan_out is None else ["hand on"]
        if record.fan_out is not None:
            acts = [act for act in acts if act not in ("end", "die")] + ["gather", "empty", "lose"]
        act = self.draw(st.sampled_from(acts))
        return self.acted(record, act)

    def acted(self, record: Open, act: str) -> Event:
        gathers = (
            {"gathered": record.id, "topic": "findings"} if record.is_gather else {"topic": "q"}
        )
        match act:
            case "hand on":
                several = self.draw(st.integers(1, 3)) if record.fan_out is None else 1
                new = [Open(self.fresh(), record.fan_out) for _ in range(several)]
                self.open += new
                return self.story.finished(record.id, *(f"{n.id}@q" for n in new), **gathers)
            case "fan out":
                fan_out = self.fresh()
                self.parts[fan_out] = self.draw(st.integers(1, 4))
                new = [Open(self.fresh(), fan_out) for _ in range(self.parts[fan_out])]
                self.open += new
                return self.story.finished(record.id, *(f"{n.id}@q" for n in new), **gathers)
            case "empty" | "lose" | "pass":
                marker = Open(self.fresh(), record.fan_out, marker=True)
                self.open.append(marker)
                wrote = f"{marker.id}@findings/marker"
                if act == "empty":
                    return self.story.finished(record.id, wrote, topic="q")
                if act == "pass":
                    return self.story.passed(record.id, wrote)
                return self.story.dead(record.id, wrote, topic="q", absorbed=True)
            case "gather":
                return self.gather(record)
            case "die":
                self.lost += 1
                return self.story.dead(record.id, topic="q")
            case _:
                return self.story.finished(record.id, "r@results/result", **gathers)

    def gather(self, record: Open) -> Event:
        assert record.fan_out is not None
        count = self.gathered[record.fan_out] = self.gathered.get(record.fan_out, 0) + 1
        if count == self.parts[record.fan_out]:
            self.open.append(Open(f"g{record.fan_out}", is_gather=True))
        what = PartKind.EMPTY if record.marker else PartKind.MESSAGE
        return self.story.part(
            record.id,
            count,
            self.parts[record.fan_out],
            first=count == 1,
            what=what,
            fan_out=record.fan_out,
        )

    @property
    def open_count(self) -> int:
        waiting = sum(1 for f, n in self.gathered.items() if n < self.parts[f])
        return len(self.open) + waiting


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_open_is_what_is_open_and_a_task_is_completed_exactly_when_everything_ended(
    data: st.DataObject,
) -> None:
    team = Team(data.draw)
    announced_after = data.draw(st.integers(0, 8))
    repeated_after = data.draw(st.integers(0, 8))
    facts: TaskFacts = fold(None, team.story.accepted())
    team.open.append(Open("s1"))

    steps = 0
    while team.open:
        facts = fold(facts, team.step())
        if steps == announced_after:
            facts = fold(facts, team.story.submitted())
        if steps == repeated_after:
            facts = fold(facts, team.story.accepted())
        steps += 1
        assert facts.open == team.open_count
        assert facts.lost == team.lost
        assert (facts.state is TaskState.WORKING) == (team.open_count > 0 and team.lost == 0)

    assert facts.open == 0
    assert facts.state is (TaskState.FAILED if team.lost else TaskState.COMPLETED)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_event_may_follow_any_other_without_an_error_or_a_negative_count(
    data: st.DataObject,
) -> None:
    from tests.unit.ledger.test_task_state import STATES  # only for its events

    events = [event for _, _, story in STATES.values() for event in story]
    facts: TaskFacts | None = None
    for event in data.draw(st.lists(st.sampled_from(events), min_size=1, max_size=30)):
        facts = fold(facts, event)
        assert facts.open >= 0
        assert (facts.ended_ms is None) == (not facts.ended)
