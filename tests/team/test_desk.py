"""The shipped desk, in process: the very files of `agents/` over a small collection."""

from collections.abc import Callable
from pathlib import Path

import pytest

from handrail.models.extractive import ExtractiveModel
from handrail.models.port import ModelReply, ModelRequest
from tests.team.desk import BRIDGE, TIDES, Desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk.in_folder(tmp_path, monkeypatch)


class DoesBeforeWriting(ExtractiveModel):
    """Does something once, between the research and the review."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._acts = [act]

    async def respond(self, request: ModelRequest) -> ModelReply:
        if "Written" in str((request.returns or {}).get("title")) and self._acts:
            self._acts.pop()()
        return await super().respond(request)


def ask(text: str, collection: str = "papers") -> dict:
    return {"text": text, "collection": collection}


async def test_a_question_becomes_one_published_brief_with_its_quote(desk: Desk) -> None:
    desk.write("lund.md", f"# Lund\n\n{BRIDGE}\n\n{TIDES}\n")
    async with desk.team() as team:
        task = await team.submit("intake", ask("When was the harbour bridge of Lund opened?"))
        result = await task.result()

        assert not result["refused"]
        assert f"> {BRIDGE}" in result["markdown"]
        assert desk.published() == [result["markdown"]]
        assert len(team.calls(desk.loaded.tools["publish_brief"])) == 1
        assert [one.sent_back for one in await desk.left_on(task, "drafts")] == [0]


async def test_several_questions_are_looked_up_side_by_side_and_answered_in_order(
    desk: Desk,
) -> None:
    desk.write("bridge.md", f"{BRIDGE}\n")
    desk.write("tides.txt", f"{TIDES}\n")
    async with desk.team() as team:
        text = "When was the harbour bridge of Lund opened? How far does the tide at Lund rise?"
        task = await team.submit("intake", ask(text))
        brief = (await task.result())["brief"]

        assert len(await desk.left_on(task, "questions")) == 2
        assert [claim["quotes"][0]["text"] for claim in brief["claims"]] == [BRIDGE, TIDES]


async def test_a_quote_whose_file_changed_is_sent_back_and_quoted_anew(desk: Desk) -> None:
    desk.write("lund.md", f"{BRIDGE}\n")
    changed = DoesBeforeWriting(lambda: desk.write("lund.md", f"A new first line.\n\n{BRIDGE}\n"))
    async with desk.team(changed) as team:
        task = await team.submit("intake", ask("When was the harbour bridge of Lund opened?"))
        result = await task.result()

        assert [one.sent_back for one in await desk.left_on(task, "drafts")] == [0, 1]
        assert f"> {BRIDGE}" in result["markdown"]
        assert result["brief"]["struck"] == []


async def test_a_quote_that_stands_nowhere_any_more_is_struck_after_two_returns(
    desk: Desk,
) -> None:
    desk.write("lund.md", f"{BRIDGE}\n")
    changed = DoesBeforeWriting(lambda: desk.write("lund.md", "Nothing of this is known.\n"))
    async with desk.team(changed) as team:
        task = await team.submit("intake", ask("When was the harbour bridge of Lund opened?"))
        result = await task.result()

        assert [one.sent_back for one in await desk.left_on(task, "drafts")] == [0, 1, 2]
        assert len(await desk.left_on(task, "objections")) == 2
        assert result["refused"]
        assert [one["text"] for one in result["brief"]["struck"]] == [BRIDGE]
        assert f"> {BRIDGE}" not in result["markdown"]
        assert desk.published() == [result["markdown"]]


async def test_an_empty_collection_is_a_refusal_that_says_so(desk: Desk) -> None:
    async with desk.team() as team:
        task = await team.submit("intake", ask("When was the harbour bridge opened?"))
        result = await task.result()

        assert result["refused"]
        (gap,) = result["brief"]["gaps"]
        assert "papers" in gap["reason"]
        assert desk.published() == [result["markdown"]]


async def test_a_binary_file_is_left_out_by_name_and_the_others_are_read(desk: Desk) -> None:
    desk.write("noise.md", bytes(range(256)) * 40)
    desk.write("lund.md", f"{BRIDGE}\n")
    async with desk.team() as team:
        task = await team.submit("intake", ask("When was the harbour bridge of Lund opened?"))
        result = await task.result()

        assert f"> {BRIDGE}" in result["markdown"]
        assert [one.partition(":")[0] for one in result["brief"]["left_out"]] == ["noise.md"]


async def test_an_unknown_collection_is_a_refusal_with_the_names_that_there_are(
    desk: Desk,
) -> None:
    desk.write("lund.md", f"{BRIDGE}\n")
    async with desk.team() as team:
        task = await team.submit("intake", ask("When was the bridge opened?", "elsewhere"))
        result = await task.result()

        assert result["refused"]
        (gap,) = result["brief"]["gaps"]
        assert "elsewhere" in gap["reason"]
        assert "papers" in gap["reason"]


async def test_a_question_that_nothing_answers_is_refused_and_nothing_is_claimed(
    desk: Desk,
) -> None:
    desk.write("lund.md", f"{BRIDGE}\n\n{TIDES}\n")
    async with desk.team() as team:
        task = await team.submit("intake", ask("Who wrote the symphony about volcanoes?"))
        result = await task.result()

        assert result["refused"]
        assert result["brief"]["claims"] == []
        assert len(result["brief"]["gaps"]) == 1


async def test_desk_processes_killed_in_the_middle_still_publish_one_brief(desk: Desk) -> None:
    desk.write("lund.md", f"{BRIDGE}\n\n{TIDES}\n")
    text = "When was the harbour bridge of Lund opened? How far does the tide at Lund rise?"
    async with desk.team() as team:
        task = await team.submit("intake", ask(text), reference="one brief")
        for agent in desk.loaded.agents.values():
            await team.kill(agent)
            await team.restart(agent)
        result = await task.result()

        assert desk.published() == [result["markdown"]]
        assert len(result["brief"]["claims"]) == 2
