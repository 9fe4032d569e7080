"""Names what a step was called with: a digest that is the same on any machine, and words.

Two calls have the same digest when their arguments have the same JSON form, whatever the order of
their names. Of what has no JSON form only the type counts.
"""

import hashlib
from collections.abc import Mapping, Sequence

import orjson

from handrail.contract.canonical import plain
from handrail.contract.quoting import WHOLE_CHARS_MAX
from handrail.lane.divergence import shortened

CUT_CHARS_MIN = 40  #: of one argument that is cut, and for its name and how much is left
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def digest_of(value: object) -> str:
    """Give the digest of a call's arguments."""
    return hashlib.sha256(_bytes(plain(value))).hexdigest()[:32]


def call_in_words(name: str, arguments: Mapping[str, object] | Sequence[object]) -> str:
    """Give a call as a person would write it, shortened."""
    return shortened(_call(name, arguments))


def call_in_full(name: str, arguments: Mapping[str, object]) -> str:
    """Give a call as whoever decides on it has to see it: to its last argument.

    Where it is too long for that, long arguments are cut, each with how much is left, and none is
    out of sight behind another one.
    """
    words = {one: _word(value) for one, value in arguments.items()}
    if sum(len(one) + len(word) for one, word in words.items()) > WHOLE_CHARS_MAX:
        share = max(CUT_CHARS_MIN, WHOLE_CHARS_MAX // len(words) - CUT_CHARS_MIN)
        words = {one: _cut(word, share) for one, word in words.items()}
    given = ", ".join(f"{one}={word}" for one, word in words.items())
    return whole(f"{name}({given})")


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
