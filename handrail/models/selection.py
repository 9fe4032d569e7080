"""Chooses the sentences of given passages that answer a question, or refuses: it never invents.

Guarantees: pure and deterministic; what is chosen is a range of a passage as it stands; a refusal
gives its reason in a sentence for people. Not guaranteed: that a chosen sentence is the answer.
The judgement is lexical, by what the sentence covers of the question and by the kind of thing
that is asked for, and it is stricter about names than about ordinary words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handrail.models.evidence import HARD, answers
from handrail.models.question import WEIGHT_GENERIC, Answer, Question, Term, read
from handrail.models.sentences import Piece, pieces
from handrail.models.words import Word, folded, likeness, words

#: At most this many quotes are chosen for one question.
PICKS_MAX = 3
#: A further quote must score at least this part of the best one's score.
FURTHER_PART_MIN = 0.9
#: Passages beyond this number, and characters beyond this length of one, are not read.
PASSAGES_MAX, PASSAGE_CHARS_MAX = 64, 20_000
#: What a question says beyond this length is not read.
QUESTION_CHARS_MAX = 2_000
#: Nor what the heading of a passage does.
HEADING_CHARS_MAX = 1_000
#: The part of the question's weight that a quote with its surroundings must cover.
COVER_MIN = 0.68
#: The part of it that the quote's own words must cover.
OWN_COVER_MIN = 0.25
#: The part of the question's ordinary words that stand in one piece with the figure asked for.
ABOUT_MIN, ABOUT_MIN_SOFT = 0.45, 0.3
#: The part of its names that must stand there, or be what "it" refers to; and how like its verb.
NAMES_MIN, PIVOT_MIN = 0.45, 0.85
assert OWN_COVER_MIN < COVER_MIN < 1.0

#: A question of generic words alone needs at least so many of them.
TERMS_MIN = 2

#: What a term counts that is met not in the quote but beside it, in the heading, in the passage.
CREDIT_BESIDE, CREDIT_HEADING, CREDIT_PASSAGE = 0.8, 0.85, 0.45


@dataclass(frozen=True, slots=True)
class SourcePassage:
    """A passage that may be quoted; the heading is read for what it is about, never quoted."""

    id: str
    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Pick:
    """One chosen range of one passage, in characters of its text; the score is 0 to 1."""

    passage: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen ranges, best first, or none of them and why."""

    picks: tuple[Pick, ...]
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """A passage with its words counted out once."""

    source: SourcePassage
    pieces: tuple[Piece, ...]
    stems: tuple[frozenset[str], ...]  #: of each piece
    heading: frozenset[str]
    every: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Judged:
    """One piece, or two that stand side by side, held against the question."""

    pick: Pick
    cover: float
    own: float
    missing: tuple[Term, ...]
    kind: bool
    typed: bool


def select(question: str, passages: Sequence[SourcePassage]) -> Selection:
    """Choose at most three quotes that answer the question, or refuse and say why."""
    asked = read(question[:QUESTION_CHARS_MAX])
    if not any(term.weight >= 1.0 for term in asked.terms) and len(asked.terms) < TERMS_MIN:
        return Selection((), "The question has no word to search by.")
    kept = [_read(passage) for passage in passages[:PASSAGES_MAX]]
    kept = [passage for passage in kept if passage.pieces]
    if not kept:
        return Selection((), "There is no text to quote from.")
    unknown = _unknown_name(asked, kept)
    if unknown is not None:
        return Selection((), f"Nothing that was found mentions “{unknown}”.")
    judged = sorted(
        (one for passage in kept for one in _judge(asked, passage, _rarity(asked, kept))),
        key=lambda one: -one.pick.score,
    )
    good = [one for one in judged if _is_answer(one)]
    if not good:
        return Selection((), _why_not(asked, judged))
    return Selection(tuple(_distinct(good)))


def _read(passage: SourcePassage) -> _Read:
    text = passage.text[:PASSAGE_CHARS_MAX]
    cut = pieces(text)
    stems = tuple(frozenset(w.stem for w in words(text[p.start : p.end])) for p in cut)
    heading = frozenset(w.stem for w in words(passage.heading[:HEADING_CHARS_MAX]))
    return _Read(passage, cut, stems, heading, heading.union(*stems))


def _unknown_name(asked: Question, kept: Sequence[_Read]) -> str | None:
    """Find a name of the question that no passage mentions."""
    every = kept[0].every.union(*(passage.every for passage in kept))
    for term in asked.terms:
        if term.name and _best(term.stem, every) == 0.0:
            return term.text
    texts = [folded(p.source.heading + "\n" + p.source.text) for p in kept]
    for name in asked.identifiers:
        if not any(name in text for text in texts):
            return name
    return None


def _rarity(asked: Question, kept: Sequence[_Read]) -> dict[str, float]:
    """Weigh each term: what every passage mentions tells them apart the least."""
    weights: dict[str, float] = {}
    for term in asked.terms:
        held = sum(_best(term.stem, passage.every) > 0 for passage in kept) / len(kept)
        # That a loose word is missing everywhere says nothing: it may be said in other words.
        weights[term.stem] = term.weight * (1.0 - 0.4 * (held if term.weight >= 1.0 else 1.0))
    return weights


def _best(wanted: str, found: frozenset[str]) -> float:
    if wanted in found:
        return 1.0
    return max((likeness(wanted, stem) for stem in found), default=0.0)


def _judge(asked: Question, passage: _Read, weights: dict[str, float]) -> Iterator[_Judged]:
    """Hold every piece, alone and with the one after it, against the question."""
    texts = passage.source.text
    credit = {
        term.stem: tuple(_best(term.stem, stems) for stems in passage.stems) for term in asked.terms
    }
    # Of the whole passage once: it may have a piece for every few of its letters.
    most = {one: max(got) for one, got in credit.items()}
    for first in range(len(passage.pieces)):
        for last in range(first, min(first + 2, len(passage.pieces))):
            start, end = passage.pieces[first].start, passage.pieces[last].end
            own, cover, missing = _cover(asked, passage, weights, (credit, most), (first, last))
            text = texts[start:end]
            kind = any(
                answers(asked, texts[p.start : p.end])
                and _is_about(asked, passage, weights, credit, at)
                for at, p in enumerate(passage.pieces[first : last + 1], start=first)
            )
            score = 0.75 * cover + 0.25 * own - 0.06 * (last - first)
            score += 0.08 if kind and asked.answer is not Answer.ANYTHING else 0.0
            score += 0.08 if _defines(asked, text) else 0.0
            pick = Pick(passage.source.id, start, end, round(min(max(score, 0.0), 1.0), 4))
            typed = _instances(asked, passage, text)
            yield _Judged(pick, cover, own, missing, kind, typed)


def _is_about(
    asked: Question,
    passage: _Read,
    weights: dict[str, float],
    credit: dict[str, tuple[float, ...]],
    at: int,
) -> bool:
    """Say whether a piece that holds a figure or a name also says what it is the figure of."""
    # "It" and "they" stand for what the sentence before speaks of.
    refers = at > 0 and bool(_REFERS.match(passage.source.text, passage.pieces[at].start))
    before = (CREDIT_BESIDE if refers else CREDIT_PASSAGE) if at else 0.0

    def held(terms: Sequence[Term], nearby: float) -> float:
        got = sum(
            weights[term.stem]
            * max(
                credit[term.stem][at],
                CREDIT_HEADING * _best(term.stem, passage.heading),
                nearby * credit[term.stem][at - 1],
            )
            for term in terms
        )
        total = sum(weights[term.stem] for term in terms)
        return got / total if total else 1.0

    hard = asked.answer in HARD
    pivot = credit.get(asked.pivot or "")
    near = range(at - 1 if refers else at, at + 1) if hard else range(at - 1, at + 2)
    if pivot is not None and not any(
        pivot[one] >= PIVOT_MIN for one in near if 0 <= one < len(pivot)
    ):
        return False
    names = [term for term in asked.terms if term.name]
    if hard and held(names, before) < NAMES_MIN:
        return False
    common = [t for t in asked.terms if not t.name and t.weight > WEIGHT_GENERIC]
    return held(common, before) >= (ABOUT_MIN if hard else ABOUT_MIN_SOFT)


_REFERS = re.compile(
    r"\W*(?:it|its|they|their|these|this|that|she|he|her|his|each|both)\b", re.IGNORECASE
)


def _cover(
    asked: Question,
    passage: _Read,
    weights: dict[str, float],
    known: tuple[dict[str, tuple[float, ...]], dict[str, float]],
    span: tuple[int, int],
) -> tuple[float, float, tuple[Term, ...]]:
    """Say how much of the question a span covers by itself and with its surroundings."""
    credit, most = known  # of each piece, and of the passage
    first, last = span
    own = cover = total = 0.0
    missing: list[Term] = []
    for term in asked.terms:
        weight, got = weights[term.stem], credit[term.stem]
        inside = max(got[first : last + 1])
        beside = max((*got[max(0, first - 1) : first], *got[last + 1 : last + 2]), default=0.0)
        heading = _best(term.stem, passage.heading)
        best = max(
            inside,
            beside * CREDIT_BESIDE,
            heading * CREDIT_HEADING,
            most[term.stem] * CREDIT_PASSAGE,
        )
        total += weight
        own += weight * inside
        cover += weight * best
        if best == 0.0:
            missing.append(term)
    return own / total, cover / total, tuple(missing)


def _instances(asked: Question, passage: _Read, text: str) -> bool:
    """Say whether "which software" is met by the word itself or by something like its name."""
    if not asked.typed or any(_best(kind, passage.every) > 0 for kind in asked.typed):
        return True
    known = {term.stem for term in asked.terms}
    return any(
        word.stem not in known and (any(c.isdigit() for c in word.text) or _is_named(text, word))
        for word in words(text)
    )


def _is_named(text: str, word: Word) -> bool:
    before = text[: word.start].rstrip(" \n")
    inside = bool(before) and before[-1] not in ".!?:|-*"
    return word.text.isupper() or (word.text[0].isupper() and inside) or before[-1:] == "`"


def _defines(asked: Question, text: str) -> bool:
    """Say whether the text opens with what "what is X" asks for, followed by a form of "to be"."""
    if asked.subject is None:
        return False
    found = words(text)[:8]
    for index, word in enumerate(found[:-1]):
        if word.stem == asked.subject:
            return any(w.text.lower() in _BE for w in found[index + 1 : index + 3])
    return False


_BE = frozenset({"is", "are", "was", "were", "means", "denotes", "describes"})


def _is_answer(one: _Judged) -> bool:
    return (
        one.kind
        and one.cover >= COVER_MIN
        and one.own >= OWN_COVER_MIN
        and not any(term.name for term in one.missing)
        and one.typed
    )


def _distinct(good: Sequence[_Judged]) -> Iterator[Pick]:
    """Yield the best picks that do not overlap and are nearly as good as the first."""
    taken: list[Pick] = []
    for one in good:
        pick = one.pick
        if len(taken) == PICKS_MAX or pick.score < FURTHER_PART_MIN * good[0].pick.score:
            return
        if any(
            p.passage == pick.passage and p.start < pick.end and pick.start < p.end for p in taken
        ):
            continue
        taken.append(pick)
        yield pick


def _why_not(asked: Question, judged: Sequence[_Judged]) -> str:
    best = judged[0]
    if any(one.cover >= COVER_MIN and one.own >= OWN_COVER_MIN for one in judged) and (
        asked.answer in HARD
    ):
        return f"What was found speaks of this, but gives no {_bare(asked.answer)}."
    lost = [term.text for term in best.missing if term.weight >= 1.0]
    if lost:
        named = " and ".join(f"“{word}”" for word in lost[:3])
        return f"The nearest passage says nothing of {named}."
    return "No passage that was found says this."


def _bare(answer: Answer) -> str:
    return answer.value.removeprefix("a ").removeprefix("an ")
