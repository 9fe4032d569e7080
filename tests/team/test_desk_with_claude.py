"""The shipped team with Claude: the real SDK against a local server that speaks its API."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic  # noqa: F401 - it takes seconds to load, which no task is to wait for
import pytest

from handrail.models.claude import ClaudeModel, ClaudeSettings
from handrail.runtime.discovery import load_team
from handrail.testing import Team
from tests.messages_api import KEY, Message, MessagesApi, Status, says, serving
from tests.waiting import until
from tools.publish_brief import publish_brief
from topics.briefs import PublishedBrief
from topics.intake import Ask, intake

ROOT = Path(__file__).resolve().parents[2]
ROOF = "The roof of the town hall was repaired in 1987 by the firm Keller."


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "roof.txt").write_text(f"{ROOF}\n\nIt cost 12,400 francs.\n")
    (tmp_path / "handrail.toml").write_text('[documents]\npapers = "papers"\n')
    monkeypatch.setenv("HANDRAIL_PROJECT", str(tmp_path))
    return tmp_path


@asynccontextmanager
async def the_desk(api: MessagesApi) -> AsyncIterator[Team]:
    model = ClaudeModel(ClaudeSettings(api_key=KEY, base_url=api.url))
    try:
        loaded = load_team(ROOT)
        spaces = loaded.spaces.values()
        async with Team(*loaded.agents.values(), memory=spaces, model=model) as team:
            team.allow(publish_brief)
            yield team
    finally:
        await model.close()


class Claude:
    """Answers as a model would: by what it is asked to do, not by its turn."""

    def __init__(self, excerpt: str, statement: dict[str, Any]) -> None:
        self.excerpt = excerpt
        self.statement = statement

    def __call__(self, body: dict[str, Any]) -> Message:
        asked = json.dumps(body)
        if "Split this request" in asked:
            return says(json.dumps({"questions": ["Who repaired the roof?"]}))
        if "numbered quotes" in asked:
            return says(json.dumps({"statements": [self.statement]}))
        (passage,) = {line for line in _ids(asked) if line}
        return says(
            json.dumps({"excerpts": [{"passage": passage, "text": self.excerpt}], "refusal": None})
        )


def _ids(asked: str) -> list[str]:
    from desk.place import library

    return [p.id for p in library("papers").search("roof") if p.id in asked]


async def test_claude_plans_chooses_and_writes_and_its_quotes_are_proved() -> None:
    async with serving() as api:
        api.answer_by(Claude(ROOF, {"text": "Keller repaired it in 1987.", "quotes": [1]}))
        async with the_desk(api) as team:
            task = await team.submit(intake, Ask(text="Who mended it?", collection="papers"))
            brief = await task.result(PublishedBrief)

    assert [claim.text for claim in brief.brief.claims] == ["Keller repaired it in 1987."]
    assert [q.text for q in brief.brief.claims[0].quotes] == [ROOF]
    assert brief.brief.made_by == "model"
    assert not brief.brief.struck
    assert len(api.requests) == 3


async def test_a_statement_that_rests_on_no_quote_is_not_printed() -> None:
    async with serving() as api:
        api.answer_by(Claude(ROOF, {"text": "The moon is made of cheese.", "quotes": [99]}))
        async with the_desk(api) as team:
            task = await team.submit(intake, Ask(text="Who mended it?", collection="papers"))
            brief = await task.result(PublishedBrief)

    assert "cheese" not in brief.markdown
    assert [claim.text for claim in brief.brief.claims] == [ROOF]


async def test_an_invented_excerpt_never_reaches_the_brief() -> None:
    async with serving() as api:
        api.answer_by(Claude("The roof is golden.", {"text": "Golden.", "quotes": [1]}))
        async with the_desk(api) as team:
            task = await team.submit(intake, Ask(text="Who mended it?", collection="papers"))
            brief = await task.result(PublishedBrief)

    assert "olden" not in brief.markdown
    assert brief.refused


@pytest.mark.parametrize("status", [429, 529])
async def test_an_overload_is_waited_for_and_kills_nothing(status: int) -> None:
    kind = {429: "rate_limit_error", 529: "overloaded_error"}[status]
    async with serving() as api:
        api.answer_by(lambda _: Status(status, kind, headers=(("retry-after", "20"),)))
        async with the_desk(api) as team:
            task = await team.submit(intake, Ask(text="Who mended it?", collection="papers"))

            async def rests() -> bool:
                return f"status {status}" in await task.task.explanation()

            await until(rests)
            await team.advance(seconds=15)
            assert len(api.requests) == 1, "it asked to be left alone for 20 s"
            api.answer_by(Claude(ROOF, {"text": ROOF, "quotes": [1]}))
            await team.advance(seconds=60)
            brief = await task.result(PublishedBrief)

    assert [claim.text for claim in brief.brief.claims] == [ROOF]
