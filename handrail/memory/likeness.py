"""Says which texts are the same, which are alike, and what must never be taken for the same.

Guarantee: what is called the same, or an echo, is the same word for word: only white space within
a line, the form of quotation marks, the full stop at the end of an echo and a word or two that
merely introduce one may differ. Which single words turn a statement into another nobody can list.
Pure; linear in the length of what it is given.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterable
from itertools import dropwhile
from typing import Final, cast

from handrail.memory.telling_words import is_telling

ECHO_WORDS_COUNT_MIN = 5  #: what is said in fewer, such as that it is paid, is said of many things
TOLD_COUNT_MAX = 20_000  #: texts of one value that are looked at
SKETCH_WORDS, SKETCH_COUNT = 2, 24  #: of a text's word pairs, the smallest digests
NEAR_SHARE = 0.7  #: of their sketches: from here on two texts are nearly the same
WORDS_COUNT_MIN = 6  #: shorter texts are compared as a whole only
WORDS_COUNT_MAX = 20_000  #: of one value that are looked at

_WORD: Final = re.compile(
    r"(?:(?<![\w)\]])[+\-\u2212])?\d+(?:[.,:/-]\d+)*"  # a number with its sign, a date, a time
    r"|[^\W\d_]+(?:['\u2019][^\W\d_]+)*"
    r"|[<>=\u2260\u2264\u2265\u00b1~%\u2030$\u20ac\u00a3\u00a5\u00b0]"
)
_IN_FULL: Final = {"can't": "can not", "cannot": "can not", "won't": "will not"}
_IRREGULAR: Final = re.compile(r"\b(?:can't|cannot|won't)\b", re.IGNORECASE)
_SHORTENED: Final = re.compile(r"(?<=[a-z])n't\b", re.IGNORECASE)
_QUOTES: Final = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'}
)
#: What may stand before a text that is only said once more. Nothing of it says anything by itself.
_INTRODUCED: Final = re.compile(
    r"\A(?:well|indeed|note|in short|as remembered|from memory|according to memory)[,:]"
    r"(?:[^\S\n]+|[^\S\n]*\n)",  # never what the next line begins with
    re.IGNORECASE,
)
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
    """Give the words and numbers of a text in one spelling, at most 20,000.

    The word behind a number is spelt as it is: 5 mW are not 5 MW.
    """
    plain = unicodedata.normalize("NFC", text).translate(_QUOTES)
    # A negation is a word of its own, so that its coming and going is one of a word.
    spelt = _SHORTENED.sub(r" not", _IRREGULAR.sub(_in_full, plain))
    words = _WORD.findall(spelt)[:WORDS_COUNT_MAX]
    return [
        word if at and words[at - 1][-1].isdigit() else word.casefold()
        for at, word in enumerate(words)
    ]


def _in_full(found: re.Match[str]) -> str:
    return _IN_FULL[found[0].casefold()]


def is_opaque(key: str) -> bool:
    """Say whether a key's last part is a digest or a UUID, which tells nothing of what it names."""
    return _OPAQUE.fullmatch(key.rpartition("/")[2].lower()) is not None


def same_digest(value: object) -> bytes:
    """Give what two values share exactly when they are the same, word for word."""
    return _digest(_as_said(value), 16)


def _as_said(value: object) -> bytes:
    # Whole numbers of any size and halves of characters have a form here; orjson refuses both.
    return json.dumps(_spelt(value), sort_keys=True).encode()


def _spelt(value: object) -> object:
    if isinstance(value, str):
        return _one_spelling(value)
    if isinstance(value, dict):
        return {k: _spelt(v) for k, v in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_spelt(item) for item in cast("list[object]", value)]
    return value


def _one_spelling(text: str) -> str:
    # Lines and what they begin with stay: in code and in lists they say what belongs to what. What
    # a text's only line begins with says nothing, for there is none beside it.
    plain = unicodedata.normalize("NFC", text).translate(_QUOTES)
    kept = dropwhile(_is_blank, plain.splitlines())
    spelt = "\n".join(_indent(line) + " ".join(line.split()) for line in kept).rstrip()
    return spelt if "\n" in spelt else spelt.lstrip()


def _is_blank(line: str) -> bool:
    return not line.strip()


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def guard_digest(value: object) -> bytes:
    """Give what two values share when what tells likenesses apart is the same in both, in order.

    That are numbers with their signs and units, dates, negations and the like.
    """
    words = words_of(text_of(value))
    kept = [
        word
        for at, word in enumerate(words)
        if is_telling(word) or (at and words[at - 1][-1].isdigit())
    ]
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


def told_digests(*values: object) -> tuple[str, ...]:
    """Give the digests of what values tell a writer: each as a whole, and each text in them."""
    found: dict[str, None] = {}
    for value in values:
        for said in (value, *_texts(value)):
            digest = _echo_digest(said)
            if digest is not None:
                found[digest] = None
            if len(found) >= TOLD_COUNT_MAX:
                return tuple(found)
    return tuple(found)


def is_echo(value: object, told: Collection[str]) -> bool:
    """Say whether a value is the same, word for word, as one that its writer had been told.

    A value that holds nothing but one text is that text, whatever its field is called. With more
    in it, an empty field too, it has to have been told as a whole: the rest may be the news.
    """
    return bool(told) and _echo_digest(value) in told


def echo_of(value: object, told: Collection[str]) -> tuple[str, ...]:
    """Give the digest by which a value is an echo of what was told; nothing for one that is none.

    Whoever has it knows no more than whoever has the value.
    """
    digest = _echo_digest(value)
    return (digest,) if digest is not None and digest in told else ()


def _echo_digest(value: object) -> str | None:
    if max((len(leaf.split()) for leaf in _leaves(value)), default=0) < ECHO_WORDS_COUNT_MIN:
        return None
    said = _alone(value)
    if isinstance(said, str):
        said = _one_spelling(_INTRODUCED.sub("", _one_spelling(said), count=1)).removesuffix(".")
    return _digest(_as_said(said), 8).hex()


def _alone(value: object) -> object:
    """Give the text of a value with nothing beside it; any other value as it is."""
    found = value
    while isinstance(found, dict | list | tuple) and len(cast("list[object]", found)) == 1:
        # An empty field or list is something beside: it says that nothing is there any more.
        inside = cast("dict[str, object] | list[object]", found)
        (found,) = inside.values() if isinstance(inside, dict) else inside
    return found if isinstance(found, str) else value


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in cast("list[object]", value):
            yield from _texts(item)


def _number(words: list[str]) -> int:
    return int.from_bytes(_digest(" ".join(words).encode(), 7))


def _digest(data: bytes, size: int) -> bytes:
    return hashlib.blake2b(data, digest_size=size).digest()
