"""Asks the desk every question of a set twice: `python -m bench.desk.remembering [--count N]`.

The whole shipped team runs in process, with memory, on the bus in memory and without a model. The
second time a question is spelt in capitals and without its articles. Counted are the searches in
documents of both askings, and whether the quotes are the same.
"""

import asyncio
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from handrail.models.extractive import ExtractiveModel
from handrail.runtime.discovery import load_team
from handrail.testing import Team

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = Path(__file__).parent / "questions.jsonl"
ARTICLES = frozenset({"a", "an", "the"})


@dataclass
class Counted:
    """What was counted."""

    pairs: int = 0
    answered: int = 0  #: the first time, with a quote
    first: int = 0  #: searches in documents
    second: int = 0
    same: int = 0  #: of those answered: the same quotes again, marked as remembered


def spelt_otherwise(question: str) -> str:
    """Ask the same in capitals and without articles."""
    words = [word for word in question.split() if word.lower() not in ARTICLES]
    return " ".join(words).upper()


async def count(questions: list[str]) -> Counted:
    """Ask each question, then each once more."""
    loaded = load_team(ROOT)
    found = Counted(pairs=len(questions))
    team = Team(
        *loaded.agents.values(),
        tools=loaded.tools.values(),
        memory=loaded.spaces.values(),
        model=ExtractiveModel(),
        partitions=1,
    )
    async with team:
        team.allow(loaded.tools["publish_brief"])
        before: dict[str, list[object]] = {}
        for question in questions:
            result = await _ask(team, question)
            found.first += result["searched"]
            before[question] = [claim["quotes"] for claim in result["brief"]["claims"]]
            found.answered += bool(before[question])
        for question in questions:
            result = await _ask(team, spelt_otherwise(question))
            found.second += result["searched"]
            claims = result["brief"]["claims"]
            quotes = [claim["quotes"] for claim in claims]
            marked = all(claim["remembered"] for claim in claims)
            found.same += bool(quotes) and marked and quotes == before[question]
    return found


async def _ask(team: Team, question: str) -> dict:  # type: ignore[type-arg]  # plain JSON
    task = await team.submit("intake", {"text": question})
    result = await task.result()
    assert isinstance(result, dict)
    return result


@click.command()
@click.option("--count", "wanted", default=25, show_default=True, help="So many questions.")
def main(wanted: int) -> None:
    """Print the figures as JSON."""
    lines = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    questions = [one["question"] for one in lines if one.get("answer")][:wanted]
    with tempfile.TemporaryDirectory() as briefs:
        os.environ["HANDRAIL_PROJECT"] = str(ROOT)
        os.environ["HANDRAIL_BRIEFS"] = briefs
        click.echo(json.dumps(vars(asyncio.run(count(questions)))))


if __name__ == "__main__":
    main()
