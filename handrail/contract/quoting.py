"""Shows arguments within a text that a person decides on, so that none passes for the text. Pure.

What is more than one word stands in quotation marks, in which each sign that nobody sees is written
as its number. Arguments that do not all fit share the room: short ones are seen whole, long ones
are cut, each with how much is left, and none puts another one out of sight.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Final

WHOLE_CHARS_MAX: Final = 4_000  #: of what a person decides on, each part of it
QUOTED_CHARS_MAX: Final = 1_500  #: of one argument
LEFT_CHARS_MAX: Final = 48  #: of the first sign of one that is cut, and how much is left of it

#: Letters and marks that Unicode has drawn as nothing (Default_Ignorable_Code_Point): fillers of
#: Hangul, vowels of Khmer, and selectors, of which 256 write any text without a trace.
UNSEEN: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
) | frozenset(chr(number) for number in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
_BLANK: Final = "\u2800"  #: a sign of Braille without a dot
#: Cf are marks of direction, joiners and tags; Zl and Zp end a line.
_ODD: Final = frozenset({"Cf", "Cc", "Co", "Cn", "Cs", "Zl", "Zp"})
#: Which reads as no more than a name or an amount.
_ONE_WORD: Final = re.compile(rf"(?:(?![{''.join(sorted(UNSEEN))}])[\w.,:;@/+#%&=~-])+")


def side_by_side(values: Sequence[object], chars_max: int) -> list[str]:
    """Give the words of arguments that stand in one text, together no longer than this.

    Each is seen, with its first sign at least, where there is room for `LEFT_CHARS_MAX` of each.
    """
    texts = [str(value) for value in values]
    bare = [_ONE_WORD.fullmatch(text) is not None for text in texts]
    # Of a very long one no more is looked at than anybody is shown.
    heads = [text[: QUOTED_CHARS_MAX + 1] for text in texts]
    words = [head if is_bare else _quoted(head) for head, is_bare in zip(heads, bare, strict=True)]
    left = chars_max
    by_length = sorted(range(len(words)), key=lambda at: len(words[at]))
    for count, at in zip(range(len(words), 0, -1), by_length, strict=True):
        share = left // count
        if len(words[at]) > min(QUOTED_CHARS_MAX, share):
            kept = max(1, min(QUOTED_CHARS_MAX, share - LEFT_CHARS_MAX))
            words[at] = _cut(texts[at], kept, is_bare=bare[at])
        left -= len(words[at])
    return words


def begun(text: str, chars_max: int) -> tuple[str, int]:
    """Give the beginning of a text with all in it seen, in so many characters, and what is left."""
    kept: list[str] = []
    room = chars_max
    for sign in text:
        shown = _seen(sign)
        room -= len(shown)
        if room < 0:
            break
        kept.append(shown)
    return "".join(kept), len(text) - len(kept)


def _quoted(text: str) -> str:
    return "".join(map(_seen, json.dumps(text, ensure_ascii=False)))


def _seen(sign: str) -> str:
    if sign.isascii():
        return sign
    hidden = sign in UNSEEN or sign == _BLANK or unicodedata.category(sign) in _ODD
    return json.dumps(sign)[1:-1] if hidden else sign


def _cut(text: str, chars_max: int, *, is_bare: bool) -> str:
    """Cut a text within its quotation marks, so that nobody takes what comes behind for its own."""
    count = min(len(text), chars_max)
    while not is_bare and count > 1 and (over := len(_quoted(text[:count])) - chars_max) > 0:
        count -= max(1, over // 12)  # a sign is twelve at most
    kept = f"{text[:count]}…"
    return f"{kept if is_bare else _quoted(kept)} ({len(text) - count} more characters)"
