"""The shipped desk in one test: the very files of `agents/` over a small collection."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from handrail.contract.tool import Tool
from handrail.models.extractive import ExtractiveModel
from handrail.models.port import Model
from handrail.runtime.discovery import LoadedTeam, load_team
from handrail.testing import Team, TeamTask

ROOT = Path(__file__).resolve().parents[2]

BRIDGE = "The harbour bridge of Lund was opened in 1932 by the mayor."
TIDES = "The tide at Lund rises by four metres in spring."


class Desk:
    """The shipped team over one folder of documents, and the briefs it has published."""

    def __init__(self, folder: Path) -> None:
        self.papers = folder / "papers"
        self.papers.mkdir()
        self.briefs = folder / "briefs"
        self.loaded: LoadedTeam = load_team(ROOT)

    def team(self, model: Model | None = None, more: Sequence[Tool[..., Any]] = ()) -> Team:
        team = Team(
            *self.loaded.agents.values(),
            tools=[*self.loaded.tools.values(), *more],
            memory=self.loaded.spaces.values(),
            model=model or ExtractiveModel(),
            partitions=1,
        )
        team.allow(self.loaded.tools["publish_brief"])
        return team

    def write(self, name: str, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        (self.papers / name).write_bytes(data)

    async def left_on(self, task: TeamTask, topic: str) -> list:
        return await task.output(self.loaded.topics[topic])

    def published(self) -> list[str]:
        return [path.read_text() for path in sorted(self.briefs.glob("*"))]

    @classmethod
    def in_folder(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> "Desk":
        """Let the shipped team work in a folder of the test."""
        (folder / "handrail.toml").write_text('[documents]\npapers = "papers"\n')
        monkeypatch.setenv("HANDRAIL_PROJECT", str(folder))
        monkeypatch.setenv("HANDRAIL_BRIEFS", str(folder / "briefs"))
        return cls(folder)
