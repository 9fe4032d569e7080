"""How a team's processes look on terminals of all sizes."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from handrail.cli.live_team import STOP, LiveTeam
from handrail.runtime.child import Child, ChildSpec
from handrail.runtime.supervisor import Event, What


def painted(folder: Path, names: list[str], width: int, height: int, *events: Event) -> list[str]:
    children = [Child(folder, ChildSpec(name, ("true",))) for name in names]
    live = LiveTeam(names)
    for event in events:
        live.tell(event)
    console = Console(file=io.StringIO(), record=True, width=width, height=height)
    console.print(live.picture(children, height))
    for child in children:
        child.close()
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [10, 40, 120])
@pytest.mark.parametrize("height", [6, 12, 24])
@pytest.mark.parametrize("count", [1, 8, 60])
def test_a_table_is_never_higher_or_wider_than_its_terminal(
    tmp_path: Path, width: int, height: int, count: int
) -> None:
    lines = painted(tmp_path, [f"agent-{number}" for number in range(count)], width, height)

    assert len(lines) < height
    assert max(map(len, lines)) <= width


def test_processes_without_room_are_counted(tmp_path: Path) -> None:
    lines = painted(tmp_path, [f"agent-{number}" for number in range(20)], 120, 10)

    assert "14 more processes have no room here." in lines[0]
    assert lines[-1] == STOP


def test_a_crash_loop_is_named_in_the_table(tmp_path: Path) -> None:
    looping = Event("writer", What.LOOPING, "writer keeps crashing.")

    lines = painted(tmp_path, ["planner", "writer"], 80, 24, looping)

    assert "down, starting again" in lines[2]
    assert "crash loop" in lines[3]
