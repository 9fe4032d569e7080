"""Every tool of the shipped team keeps its contract."""

from pathlib import Path

import pytest

from handrail import State
from handrail.runtime.discovery import load_team
from handrail.testing.contracts import World, contract_problems

ROOT = Path(__file__).resolve().parents[2]


def test_no_tool_of_the_team_is_left_out() -> None:
    assert set(load_team(ROOT).tools) == {"publish_brief"}


async def test_publishing_a_brief_keeps_its_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    briefs = tmp_path / "briefs"
    monkeypatch.setenv("HANDRAIL_BRIEFS", str(briefs))
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")

    def look() -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in briefs.glob("*")}

    class Unwritable:
        def __enter__(self) -> None:
            monkeypatch.setenv("HANDRAIL_BRIEFS", str(in_the_way / "briefs"))

        def __exit__(self, *_: object) -> None:
            monkeypatch.setenv("HANDRAIL_BRIEFS", str(briefs))

    world = World(look=look, arrange={State.DEPENDENCY_UNAVAILABLE: Unwritable})

    assert await contract_problems(load_team(ROOT).tools["publish_brief"], world) == []
    assert len(look()) == 1
