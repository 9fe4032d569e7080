"""How a running task looks on terminals of all sizes."""

import io

import pytest
from rich.console import Console

from handrail.cli.live_task import LiveTask
from handrail.cli.task_rows import event_rows
from handrail.ledger.event import Event
from handrail.ledger.queries import Told
from handrail.ledger.task_state import TaskFacts
from tests.unit.ledger.told import Story, folded

NARROW, WIDE = 30, 100


def view(width: int, height: int, agents: int = 3) -> tuple[LiveTask, TaskFacts, int]:
    """A task that went through so many agents, on a terminal of this size."""
    s = Story()
    events: list[Event] = [
        s.submitted(text="\x1b[31mred"),
        s.accepted(),
        s.finished("s1", "i1@inbox-1"),
    ]
    for number in range(1, agents):
        wrote = f"i{number + 1}@inbox-{number + 1}"
        at = {"agent": f"agent-{number}", "topic": f"inbox-{number}"}
        events.append(s.finished(f"i{number}", wrote, **at, waited_ms=40, model_calls=1))
    told = [Told(0, offset, event) for offset, event in enumerate(events)]
    console = Console(
        file=io.StringIO(), record=True, width=width, height=height, force_terminal=True
    )
    live = LiveTask(console)
    live.take(told, event_rows(told))
    return live, folded(*events), s.now_ms


def painted(width: int, height: int, agents: int = 3) -> list[str]:
    live, facts, now_ms = view(width, height, agents)
    live.console.print(live.picture(facts, now_ms + 1_500))
    return live.console.export_text().splitlines()


def test_a_task_is_a_headline_a_tree_and_the_last_news() -> None:
    lines = painted(WIDE, 30)

    assert lines[0] == "Working · 5.5 s · 3 of 4 handoffs ended"
    assert lines[1].split() == ["AGENT", "STATE", "WAITED", "WORKED", "TOKENS"]
    assert lines[2].split() == ["planner", "done", "–", "400", "ms", "–"]
    assert lines[3].startswith("└ agent-1")
    assert lines[5].startswith("    └ (reader of inbox-3)")
    assert "1 open, for 1.5 s" in lines[5]
    assert "agent-2 finished in 400 ms" in lines[-1]


@pytest.mark.parametrize("width", [1, 10, 20, NARROW, 47, 60, 71, WIDE, 300])
@pytest.mark.parametrize("height", [1, 4, 8, 24])
@pytest.mark.parametrize("agents", [1, 7, 40])
def test_a_picture_is_never_higher_or_wider_than_its_terminal(
    width: int, height: int, agents: int
) -> None:
    lines = painted(width, height, agents)

    assert len(lines) < max(height, 6)
    assert max(map(len, lines)) <= width


def test_on_a_narrow_terminal_agent_and_state_are_what_stays() -> None:
    assert painted(NARROW, 24)[1].split() == ["AGENT", "STATE"]


def test_agents_without_room_are_counted() -> None:
    assert "… and 33 more agents" in painted(WIDE, 12, agents=40)


def test_what_was_asked_cannot_steer_the_terminal() -> None:
    live, facts, now_ms = view(WIDE, 30, agents=1)

    live.console.print(live.picture(facts, now_ms))

    assert "\\x1b[31mred" in live.console.export_text(styles=False)


def test_without_colours_every_state_is_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    live, facts, now_ms = view(WIDE, 30)
    terminal = io.StringIO()
    live.console = Console(file=terminal, width=WIDE, force_terminal=True)

    live.console.print(live.picture(facts, now_ms))

    shown = terminal.getvalue()
    assert "\x1b[32m" not in shown
    assert "\x1b[33m" not in shown
    assert "1 open" in shown


def test_a_ledger_that_was_folded_anew_is_told_from_its_beginning() -> None:
    live, facts, now_ms = view(WIDE, 30)
    s = Story()
    told = [Told(0, 0, s.submitted())]

    live.take(told, event_rows(told))

    live.console.print(live.picture(facts, now_ms))
    assert "agent-1" not in live.console.export_text()
