"""Asks the desk every question of a set and counts: `python -m bench.desk.run [--misses]`.

A set is a folder of documents and a file of questions, one JSON object a line. `question` is asked;
`source` and `answer` name the file and the words that answer it, and are absent where nothing in
the documents does. No Kafka and no model take part: it is the index, the selection and the proof.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from desk.collections import Collection
from desk.index import Library
from desk.quotes import Proved, Quote, prove_all, quote
from handrail.models.selection import SourcePassage, select

HERE = Path(__file__).parent
SETS = {
    "library": (HERE.parents[1] / "desk" / "library", HERE / "questions.jsonl"),
    "town": (HERE / "town" / "documents", HERE / "town" / "questions.jsonl"),
    "valley": (HERE / "valley" / "documents", HERE / "valley" / "questions.jsonl"),
    "parish": (HERE / "parish" / "documents", HERE / "parish" / "questions.jsonl"),
    "coast": (HERE / "coast" / "documents", HERE / "coast" / "questions.jsonl"),
    "held-out": (HERE / "held_out" / "documents", HERE / "held_out" / "questions.jsonl"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, what it should give, what it gave."""

    question: str
    source: str | None
    answer: str | None
    quotes: tuple[Quote, ...]
    passages: tuple[str, ...]  #: the whole text of each quote's passage
    found: bool  #: whether the answer's passage was among those that were searched out
    refused: str | None

    @property
    def cited(self) -> bool:
        """Whether a quote was taken from the passage that answers."""
        return any(
            one.source == self.source and _plain(self.answer or "") in _plain(text)
            for one, text in zip(self.quotes, self.passages, strict=True)
        )

    @property
    def answered(self) -> bool:
        """Whether a quote holds the answer's very words."""
        return any(
            one.source == self.source and _plain(self.answer or "") in _plain(one.text)
            for one in self.quotes
        )


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def ask_all(library: Library, questions: Path) -> Iterator[Asked]:
    """Ask every question of a file."""
    for line in questions.read_text("utf-8").splitlines():
        facts = json.loads(line)
        passages = library.search(facts["question"])
        by_id = {one.id: one for one in passages}
        chosen = select(
            facts["question"],
            [SourcePassage(one.id, one.text, one.heading) for one in passages],
        )
        yield Asked(
            question=facts["question"],
            source=facts.get("source"),
            answer=facts.get("answer"),
            quotes=tuple(quote(by_id[p.passage], p.start, p.end) for p in chosen.picks),
            passages=tuple(by_id[p.passage].text for p in chosen.picks),
            found=any(
                one.source == facts.get("source")
                and _plain(facts.get("answer") or "") in _plain(one.text)
                for one in passages
            ),
            refused=chosen.refused,
        )


def _rate(part: int, whole: int) -> str:
    return f"{part}/{whole} = {100 * part / max(whole, 1):.1f} %"


def measure(name: str, folder: Path, questions: Path, *, misses: bool) -> bool:
    """Print the figures of one set; say whether they reach what the desk promises."""
    with tempfile.TemporaryDirectory() as home:
        collection = Collection(name, folder.resolve())
        library = Library(collection, Path(home))
        begun = time.perf_counter()
        shelf = library.refresh()
        built = time.perf_counter()
        asked = list(ask_all(library, questions))
        took_ms = 1000 * (time.perf_counter() - built) / max(len(asked), 1)
        verdicts = prove_all([q for one in asked for q in one.quotes], {name: collection})
    known = [one for one in asked if one.answer is not None]
    unknown = [one for one in asked if one.answer is None]
    cited, refused = sum(one.cited for one in known), sum(not one.quotes for one in unknown)
    true = sum(isinstance(verdict, Proved) for verdict in verdicts)
    click.echo(f"{name}: {shelf.files} files, {shelf.passages} passages, {len(asked)} questions")
    click.echo(f"  index built in            {built - begun:.2f} s, {took_ms:.1f} ms a question")
    click.echo(f"  quotes proved             {_rate(true, len(verdicts))}")
    click.echo(f"  right passage searched out {_rate(sum(one.found for one in known), len(known))}")
    click.echo(f"  right passage cited       {_rate(cited, len(known))}")
    click.echo(f"  answer in the quote       {_rate(sum(o.answered for o in known), len(known))}")
    click.echo(f"  unanswerable refused      {_rate(refused, len(unknown))}")
    if misses:
        _print_misses(known, unknown)
    return true == len(verdicts) and cited >= 0.7 * len(known) and refused >= 0.8 * len(unknown)


def _print_misses(known: list[Asked], unknown: list[Asked]) -> None:
    for one in known:
        if not one.cited:
            said = one.refused or " | ".join(_plain(q.text) for q in one.quotes)
            searched = "" if one.found else " (not searched out)"
            click.echo(f"  MISSED {one.question}{searched}\n         {said}")
    for one in unknown:
        if one.quotes:
            click.echo(f"  ANSWERED {one.question}\n         {_plain(one.quotes[0].text)}")


@click.command()
@click.option("--set", "name", type=click.Choice([*SETS, "all"]), default="all")
@click.option("--misses", is_flag=True, help="Show every question that went wrong.")
def main(name: str, *, misses: bool) -> None:
    """Measure the desk without a model; exit 1 when a promised figure is not reached."""
    chosen = SETS if name == "all" else {name: SETS[name]}
    good = [
        measure(each, *places, misses=misses)
        for each, places in chosen.items()
        if places[1].exists()
    ]
    raise SystemExit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
