"""Says how alike two texts are, and what must never be taken for the same.

Two texts that differ in a number, a date or a negation are different, however alike their words
are. Pure; linear in the length of what it is given.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Final, cast

import orjson

SHINGLE_WORDS = 5  #: of which an echo is made up
ECHO_SHARE = 0.8  #: of its shingles: from here on a text is what its writer had just been told
SEEN_COUNT_MAX = 20_000  #: shingles of one text that are looked at
SKETCH_WORDS, SKETCH_COUNT = 2, 24  #: of a text's word pairs, the smallest digests
NEAR_SHARE = 0.7  #: of their sketches: from here on two texts are nearly the same
WORDS_COUNT_MIN = 6  #: shorter texts are compared as a whole only
WORDS_COUNT_MAX = 20_000  #: of one value that are looked at

_WORD: Final = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
#: English and German; what turns a sentence into its opposite.
NEGATIONS: Final = frozenset(
    "no not never none nobody nothing nowhere neither nor without"
    " nicht kein keine keinen keinem keiner keines nie niemals niemand nichts ohne weder".split()
)
_MONTHS: Final = frozenset(
    "january february march april may june july august september october november december"
    " januar februar märz mai juni juli oktober dezember"
    " monday tuesday wednesday thursday friday saturday sunday"
    " montag dienstag mittwoch donnerstag freitag samstag sonntag"
    " today tomorrow yesterday heute morgen gestern".split()
)
_NUMBERS: Final = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve hundred thousand million"
    " null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf hundert tausend".split()
)
_IN_FULL: Final = {"can't": "can not", "cannot": "can not", "won't": "will not"}
_IRREGULAR: Final = re.compile(r"\b(?:can't|cannot|won't)\b")
_SHORTENED: Final = re.compile(r"(?<=[a-z])n't\b")
_INSERTED: Final = sorted(NEGATIONS)
_OPAQUE: Final = re.compile(r"[0-9a-f]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def text_of(value: object) -> str:
    """Give everything that a value says, names of fields left out, in a fixed order."""
    return " ".join(_leaves(value))


def _leaves(value: object) -> Iterable[str]:
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        for name in sorted(fields):
            yield from _leaves(fields[name])
    elif isinstance(value, list | tuple):
        for item in cast("list[object]", value):
            yield from _leaves(item)
    elif value is not None:
        yield str(value)


def words_of(text: str) -> list[str]:
    """Give the words and numbers of a text in one spelling, at most 20,000."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    # A negation is a word of its own, so that its coming and going is one of a word.
    spelt = _SHORTENED.sub(r" not", _IRREGULAR.sub(_in_full, plain))
    return _WORD.findall(spelt)[:WORDS_COUNT_MAX]


def _in_full(found: re.Match[str]) -> str:
    return _IN_FULL[found[0]]


def is_guarded(word: str) -> bool:
    """Say whether a word alone makes another statement: a number, a date or a negation."""
    return word[0].isdigit() or word in NEGATIONS or word in _MONTHS or word in _NUMBERS


def is_opaque(key: str) -> bool:
    """Say whether a key's last part is a digest or a UUID, which tells nothing of what it names."""
    return _OPAQUE.fullmatch(key.rpartition("/")[2].lower()) is not None


def same_digest(value: object) -> bytes:
    """Give what two values share exactly when they differ in spelling at most."""
    return _digest(orjson.dumps(_spelt(value), option=orjson.OPT_SORT_KEYS), 16)


def _spelt(value: object) -> object:
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    if isinstance(value, dict):
        return {k: _spelt(v) for k, v in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_spelt(item) for item in cast("list[object]", value)]
    return value


def guard_digest(value: object) -> bytes:
    """Give what two values share when their numbers, dates and negations are the same, in order."""
    kept = [word for word in words_of(text_of(value)) if is_guarded(word)]
    return _digest("\0".join(kept).encode(), 8)


def sketch_of(value: object) -> tuple[int, ...]:
    """Give some numbers of which like texts share many; none for a text that is too short."""
    words = words_of(text_of(value))
    if len(words) < WORDS_COUNT_MIN:
        return ()
    numbers = {_number(words[at : at + SKETCH_WORDS]) for at in range(len(words) - 1)}
    return tuple(sorted(numbers)[:SKETCH_COUNT])


def shared(one: Collection[int], other: Collection[int]) -> float:
    """Estimate which part of two texts' word pairs is in both, from their sketches."""
    smallest = sorted({*one, *other})[:SKETCH_COUNT]
    both = set(one) & set(other)
    return sum(number in both for number in smallest) / len(smallest) if smallest else 0.0


def shingle_digests(*texts: str) -> tuple[str, ...]:
    """Give the digests of the shingles of texts that are put before a writer, at most 20,000."""
    found: dict[str, None] = {}
    for text in texts:
        for shingle in _shingles(words_of(text)):
            found[shingle] = None
            if len(found) >= SEEN_COUNT_MAX:
                return tuple(found)
    return tuple(found)


def is_echo(value: object, seen: Collection[str]) -> bool:
    """Say whether a value says nothing but what its writer had just been told.

    Never for one in which a number, a date or a negation was put in, changed or left out.
    """
    if not seen:
        return False
    words = words_of(text_of(value))
    shingles = _shingles(words)
    if not shingles:
        return False
    told = frozenset(seen)
    fresh = [at for at, shingle in enumerate(shingles) if shingle not in told]
    if len(fresh) > (1 - ECHO_SHARE) * len(shingles):
        return False
    if any(is_guarded(word) for at in fresh for word in words[at : at + SHINGLE_WORDS]):
        return False
    return not any(_was_negated(words, at, told) for at in fresh)


def _was_negated(words: list[str], at: int, told: Collection[str]) -> bool:
    """Say whether a shingle that is new was told with a negation that is now left out."""
    piece = words[at : at + SHINGLE_WORDS]
    for place in range(1, SHINGLE_WORDS):
        for negation in _INSERTED:
            before = [*piece[:place], negation, *piece[place:]][:SHINGLE_WORDS]
            if _shingle(before) in told:
                return True
    return False


def _shingles(words: list[str]) -> list[str]:
    last = len(words) - SHINGLE_WORDS + 1
    return [_shingle(words[at : at + SHINGLE_WORDS]) for at in range(last)]


def _shingle(words: list[str]) -> str:
    return _digest(" ".join(words).encode(), 5).hex()


def _number(words: list[str]) -> int:
    return int.from_bytes(_digest(" ".join(words).encode(), 7))


def _digest(data: bytes, size: int) -> bytes:
    return hashlib.blake2b(data, digest_size=size).digest()
