"""Turns text into the stems by which a question and a sentence are compared.

Guarantees: pure and deterministic; every token keeps its range in the text it came from; two
words of one group of synonyms have one group in common. English only: other languages are
compared by their bare words.
"""

import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Protocol, cast

import snowballstemmer  # pyright: ignore[reportMissingTypeStubs] - as of 3.1 it ships none

from handrail.models.synonyms import SYNONYMS
from handrail.models.vocabulary import GENERIC, IRREGULAR, LOOSE, NUMBERS, SPELLINGS, STOP

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Each run is read once, from its beginning, so that no word takes longer than it is long.
_IDENTIFIER = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z0-9]++(?:[._:/][A-Za-z0-9]++)++"
    r"|(?<![a-z])[a-z]++[A-Z]\w*|--[a-z][a-z-]+"
)
_POSSESSIVE = re.compile(r"['’](?:s|S)?$")

#: Two stems with a shared beginning of at least this many letters may be one word's forms.
SHARED_LETTERS_MIN = 5
#: ... when what they share is at least this part of the longer one.
SHARED_PART_MIN = 0.7


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: as written, its stem, and its range in characters."""

    text: str
    stem: str
    start: int
    end: int


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Give the form under which a word is compared; number words become digits."""
    plain = unicodedata.normalize("NFKD", word.lower())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = _POSSESSIVE.sub("", plain).replace("'", "").replace("’", "")
    if plain in NUMBERS:
        return NUMBERS[plain]
    plain = IRREGULAR.get(plain, plain)
    for british, american in SPELLINGS:
        plain = plain.replace(british, american)
    return _stemmer().stemWord(plain)


class _Stemmer(Protocol):
    # The name is the library's, which ships no types as of 3.1.
    def stemWord(self, word: str) -> str: ...  # noqa: N802


# snowballstemmer 3: a stemmer keeps the word it works on, so no two threads may share one.
_OF_THREAD = threading.local()


def _stemmer() -> _Stemmer:
    english: _Stemmer | None = getattr(_OF_THREAD, "english", None)
    if english is None:
        english = cast("_Stemmer", snowballstemmer.stemmer("english"))  # pyright: ignore[reportUnknownMemberType]
        _OF_THREAD.english = english
    return english


def words(text: str) -> tuple[Word, ...]:
    """Split a text into words; punctuation and markup are left out."""
    return tuple(Word(m.group(), stem(m.group()), m.start(), m.end()) for m in _WORD.finditer(text))


def identifiers(text: str) -> tuple[str, ...]:
    """Find what is written like a name in code: `max.poll.records`, `read_committed`, `--wipe`."""
    dotted = (m.group() for m in _IDENTIFIER.finditer(text.replace("_", ".")))
    return tuple(dict.fromkeys(folded(name) for name in dotted if not name.endswith("/")))


def folded(text: str) -> str:
    """Lower case, with the joints of identifiers made one sign, so that spellings compare."""
    return text.lower().replace("_", ".").strip(".:/")


@cache
def _groups() -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, line in enumerate(SYNONYMS):
        for word in line.split():
            found.setdefault(stem(word), set()).add(number)
    return {word: frozenset(numbers) for word, numbers in found.items()}


@cache
def _known() -> frozenset[str]:
    lists = (*STOP, *GENERIC, *LOOSE, *NUMBERS, *IRREGULAR)
    return frozenset(stem(word) for word in lists) | _groups().keys()


def is_known(found: str) -> bool:
    """Say whether a stem is that of a common word of these lists, and so hardly a name."""
    return found in _known()


@lru_cache(maxsize=65_536)
def likeness(wanted: str, found: str) -> float:
    """Say how far one stem stands for another: 1 the same, 0.85 a synonym, 0.7 a form, 0 not."""
    if wanted == found:
        return 1.0
    if wanted[:1].isdigit() or found[:1].isdigit():
        return 0.0
    groups = _groups()
    if not groups.get(wanted, frozenset()).isdisjoint(groups.get(found, frozenset())):
        return 0.85
    shared = 0
    for a, b in zip(wanted, found, strict=False):
        if a != b:
            break
        shared += 1
    longer = max(len(wanted), len(found))
    if shared >= SHARED_LETTERS_MIN and shared >= SHARED_PART_MIN * longer:
        return 0.7
    return 0.0
