"""Names what a step was called with: a digest that is the same on any machine, and words.

Two calls have the same digest when their arguments have the same JSON form, whatever the order of
their names. Of what has no JSON form only the type counts.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

import orjson

from handrail.contract.canonical import plain
from handrail.contract.quoting import WHOLE_CHARS_MAX, begun
from handrail.lane.divergence import shortened

CALL_CHARS_MAX = WHOLE_CHARS_MAX - 100  #: what is said around it is a part of the whole
CUT_NAME_CHARS_MAX = 24  #: of the name of an argument where not all of them fit
LEFT_CHARS_MAX = 32  #: how much is left of what is cut, in words
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def digest_of(value: object) -> str:
    """Give the digest of a call's arguments."""
    return hashlib.sha256(_bytes(plain(value))).hexdigest()[:32]


def call_in_words(name: str, arguments: Mapping[str, object] | Sequence[object]) -> str:
    """Give a call as a person would write it, shortened."""
    return begun(shortened(_call(name, arguments)), WHOLE_CHARS_MAX)[0]


def call_in_full(name: str, arguments: Mapping[str, object]) -> str:
    """Give a call as whoever decides on it has to see it: to its last argument.

    Where it is too long for that, long arguments are cut, each with how much is left, and none of
    `QUOTED_COUNT_MAX` is out of sight behind another one. Nothing in one passes for a second one:
    a name that could is quoted, and what nobody sees is written as its number.
    """
    words = {_name(one): _word(value) for one, value in arguments.items()}
    room = CALL_CHARS_MAX - len(name) - len("()")
    # Of what does not fit anyway no more is looked at than would show it.
    given = [f"{begun(one, room)[0]}={begun(word, room + 1)[0]}" for one, word in words.items()]
    if sum(len(one) + len(", ") for one in given) > room:
        share = room // len(words) - len(", =")
        given = [_share(one, word, share) for one, word in words.items()]
    return f"{name}({', '.join(given)})"


def _share(name: str, word: str, chars_max: int) -> str:
    named, left = begun(name, CUT_NAME_CHARS_MAX)
    named = f"{named}…" if left else named
    room = max(1, chars_max - len(named))
    said, left = begun(word, room)
    if left:
        said, left = begun(word, max(1, room - LEFT_CHARS_MAX))
        said = f"{said}… ({left} more characters)"
    return f"{named}={said}"


def _name(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def whole(text: str) -> str:
    """Give a text on one line, cut only where nobody would read on; it says how much is left."""
    return _cut(" ".join(text.split()), WHOLE_CHARS_MAX)


def _cut(line: str, chars_max: int) -> str:
    left = len(line) - chars_max
    return line if left <= 0 else f"{line[:chars_max]}… ({left} more characters)"


def _call(name: str, arguments: Mapping[str, object] | Sequence[object]) -> str:
    if isinstance(arguments, Mapping):
        given = [f"{name}={_word(value)}" for name, value in arguments.items()]
    else:
        given = [_word(value) for value in arguments]
    return f"{name}({', '.join(given)})"


def _word(value: object) -> str:
    return _bytes(plain(value)).decode()


def _bytes(value: object) -> bytes:
    # orjson 3.11 refuses lone surrogates and integers of more than 64 bits; their text stands in.
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        return ascii(value).encode()
