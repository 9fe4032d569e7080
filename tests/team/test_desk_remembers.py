"""The shipped desk remembers what it has proved, and only for as long as it can be proved."""

from pathlib import Path

import pytest

from handrail.models.extractive import ExtractiveModel
from handrail.models.port import ModelReply, ModelRequest
from handrail.testing import Team
from tests.team.desk import BRIDGE, TIDES, Desk

WHEN = "When was the harbour bridge of Lund opened?"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk.in_folder(tmp_path, monkeypatch)


async def ask(team: Team, text: str) -> dict:
    task = await team.submit("intake", {"text": text, "collection": "papers"})
    result = await task.result()
    assert isinstance(result, dict)
    return {"task": task.id, **result}


async def test_what_was_proved_once_is_not_looked_up_again_and_the_brief_says_so(
    desk: Desk,
) -> None:
    desk.write("lund.md", f"{BRIDGE}\n")
    async with desk.team() as team:
        first = await ask(team, WHEN)
        again = await ask(team, "when was harbour bridge of LUND opened")

        assert (first["searched"], again["searched"]) == (1, 0)
        assert first["brief"]["claims"][0]["quotes"] == again["brief"]["claims"][0]["quotes"]
        assert "remembered" not in first["markdown"]
        assert "1 of them is remembered from earlier tasks" in again["markdown"]
        assert ", remembered" in again["markdown"]


async def test_a_fact_says_from_which_bytes_of_which_source_it_comes(desk: Desk) -> None:
    desk.write("lund.md", f"# Lund\n\n{BRIDGE}\n")
    async with desk.team() as team:
        await ask(team, WHEN)

        (hit,) = await team.memory(desk.loaded.spaces["facts"]).search("harbour bridge")
        (claim,) = hit.record.value.claims
        place = claim.quotes[0].place
        data = (desk.papers / "lund.md").read_bytes()
        assert data[place.start : place.end].decode() == BRIDGE
        assert len(claim.quotes[0].source_sha256) == 64
        assert hit.record.provenance.agent == "reviewer"
        sha256 = claim.quotes[0].source_sha256
        assert hit.record.derived_from == (f"document:papers/lund.md@{sha256}",)


async def test_a_fact_whose_model_was_shown_another_fact_is_derived_from_it(desk: Desk) -> None:
    desk.write("lund.md", f"{BRIDGE}\n\n{TIDES}\n")
    async with desk.team() as team:
        await ask(team, WHEN)
        facts = team.memory(desk.loaded.spaces["facts"])
        (first,) = await facts.search("harbour bridge")

        await ask(team, "Which mayor has opened the harbour bridge of Lund?")

        later = next(
            one
            for one in await facts.search("harbour bridge by whom", k=9)
            if one.record.key != first.record.key
        )
        assert first.record.reference in later.record.derived_from
        assert any(one.startswith("document:papers/lund.md@") for one in later.record.derived_from)


async def test_a_source_whose_bytes_changed_takes_its_facts_with_it(desk: Desk) -> None:
    desk.write("lund.md", f"{BRIDGE}\n")
    async with desk.team() as team:
        await ask(team, WHEN)
        desk.write("lund.md", f"{BRIDGE.replace('1932', '1938')}\n")

        again = await ask(team, WHEN)

        assert again["searched"] == 1
        assert "1938" in again["markdown"]
        (hit,) = await team.memory(desk.loaded.spaces["facts"]).search("harbour bridge 1938")
        key = hit.record.key
        versions = await team.memory(desk.loaded.spaces["facts"]).history(key)
        assert [bool(one.value.gone) for one in versions] == [False, True, False]
        assert "has changed since it was quoted" in str(versions[1].value.gone)


class Watched(ExtractiveModel):
    """The model without a language model; it keeps what of memory was put before it."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    async def respond(self, request: ModelRequest) -> ModelReply:
        self.shown.append(request.context)
        return await super().respond(request)


async def test_a_source_whose_bytes_changed_takes_its_facts_from_other_questions_too(
    desk: Desk,
) -> None:
    from desk.remembering import key_of

    desk.write("lund.md", f"{BRIDGE}\n")
    desk.write("tides.md", f"{TIDES}\n")
    model, facts = Watched(), desk.loaded.spaces["facts"]
    async with desk.team(model) as team:
        await ask(team, WHEN)
        await ask(team, "How far does the tide at Lund rise?")
        desk.write("lund.md", f"{BRIDGE.replace('1932', '1938')}\n")
        model.shown.clear()

        await ask(team, "Which mayor has opened the harbour bridge of Lund?")

        (shown,) = [text for text in model.shown if text]
        assert "1932" not in shown
        assert "four metres" in shown
        marked = await team.memory(facts).get(key_of("papers", WHEN))
        assert marked is not None
        assert (marked.version, marked.value.claims) == (2, ())
        assert "has changed since it was quoted" in str(marked.value.gone)

        model.shown.clear()
        await ask(team, "Who was there when the harbour bridge of Lund was opened?")

        assert "has changed" not in "".join(model.shown)


async def test_questions_that_were_not_asked_before_are_looked_up_beside_those_that_were(
    desk: Desk,
) -> None:
    desk.write("lund.md", f"{BRIDGE}\n\n{TIDES}\n")
    async with desk.team() as team:
        await ask(team, WHEN)

        both = await ask(team, f"{WHEN} How far does the tide at Lund rise?")

        assert both["searched"] == 1
        assert [claim["remembered"] for claim in both["brief"]["claims"]] == [True, False]


async def test_a_reviewers_decision_is_kept_and_nobody_changes_it(desk: Desk) -> None:
    desk.write("lund.md", f"{BRIDGE}\n")
    async with desk.team() as team:
        task = (await ask(team, WHEN))["task"]

        decisions = team.memory(desk.loaded.spaces["decisions"])
        kept = await decisions.get(f"{task}/0")
        assert kept is not None
        assert (kept.value.verdict, kept.value.claims, kept.version) == ("passed", 1, 1)
        after = await decisions.put(f"{task}/0", kept.value.model_copy(update={"claims": 9}))
        assert after is not None
        assert (after.value.claims, after.version) == (1, 1)


async def test_what_memory_refuses_is_answered_all_the_same_and_looked_up_again(
    desk: Desk,
) -> None:
    desk.write("lund.md", "The harbour master of Lund is reached at master@lund.example.\n")
    who = "Where is the harbour master of Lund reached?"
    async with desk.team() as team:
        first = await ask(team, who)
        again = await ask(team, who)

        assert "master@lund.example" in first["markdown"]
        assert (first["searched"], again["searched"]) == (1, 1)
        assert await team.memory(desk.loaded.spaces["facts"]).search("harbour master") == []


def test_the_same_question_has_one_key_and_another_order_of_words_another() -> None:
    from desk.remembering import key_of

    asked = key_of("papers", "Does the river feed the lake?")

    assert asked == key_of("papers", "  does River feed a LAKE ")
    assert asked != key_of("papers", "Does the lake feed the river?")
    assert asked != key_of("papers", "Does the river not feed the lake?")
    assert asked != key_of("other", "Does the river feed the lake?")
    assert key_of("papers", "What is version 1.2?") != key_of("papers", "What is version 12?")
