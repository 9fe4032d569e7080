"""Says how a secret may be written: in JSON, Python, a URL, HTML, base64 and hex, also in another.

Pure. A pattern finds what these writers make of a secret at any depth, such as JSON that is a text
of JSON that is a text of JSON, in time that grows with the text alone. Where a text is cut off no
pattern helps: for that the forms themselves are given, of JSON down to `LEVELS` of it.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby, product
from typing import Final
from urllib.parse import quote, quote_plus

CHARS_MIN: Final = 4  #: a shorter one is a word like others, and is not looked for
LEVELS: Final = 3  #: of JSON within JSON, where a text is cut off
#: A pattern of a longer one takes too long to make; its forms are looked for one by one.
PATTERN_CHARS_MAX: Final = 8 * 1024
#: Shorter base64 of base64, and hex, is a part of others by chance.
AGAIN_CHARS_MIN: Final = 8
#: Shorter base64 of a word is a part of others by chance.
WORD_BASE64_CHARS_MIN: Final = 5

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]*")  #: what no writer writes in another way
_ESCAPED: Final = re.compile(r"\\(?:u([0-9a-f]{4})|.)")
#: What writers of JSON escape because HTML has a meaning for it: those of Go, and of Java's Gson.
_OF_HTML: Final = (re.compile("[<>&]"), re.compile("[<>&'=]"))
_SHORT: Final = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v"}
_ENTITIES: Final = {"&": "AMP", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_BACKSLASH: Final = "\\"
_SLASH: Final = r"(?:\\|%(?:25)*+5[cC])"  #: one, also as a URL writes it
_FIRST_RUN: Final = r"(?:(?<!\\)\\++|(?:%(?:25)*+5[cC]){1,64}+)"
#: The same where a `%` follows in the secret, maybe of a `%5c` of its own: it gives back.
_FIRST_RUN_BEFORE_PERCENT: Final = r"(?:(?<!\\)\\+|(?:%(?:25)*+5[cC]){1,64})"
#: What stands before and behind a word: no letter or digit, but for the end of an escape.
_BEFORE: Final = (
    r"(?:(?<![^\W_])|(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{4})|(?<=\\x[0-9a-fA-F]{2})"
    r"|(?<=%[0-9a-fA-F]{2}))"
)
_BEHIND: Final = r"(?![^\W_])"


class Word(str):
    """A secret that may be a part of other words, and is found only where it stands as one."""

    __slots__ = ()


def forms(value: str) -> Iterator[str]:
    """Give the ways in which a secret may be written; one that is too short has none."""
    if len(value) >= CHARS_MIN:
        levels = LEVELS if len(value) <= PATTERN_CHARS_MAX else 1
        yield from {*_as_it_stands(value), *in_base64(value), *_in_json(value, levels)}


def literal_forms(value: str) -> set[str]:
    """Give those of them that `pattern_of` does not find."""
    if len(value) < CHARS_MIN:
        return set()
    if isinstance(value, Word):
        return {form for form in in_base64(value) if len(form) >= WORD_BASE64_CHARS_MIN}
    if len(value) > PATTERN_CHARS_MAX:
        return set(forms(value))
    own = {str(value)} if _PLAIN.fullmatch(value) else set[str]()
    return own | in_base64(value)


def pattern_of(value: str) -> "re.Pattern[str] | None":
    """Give a pattern of what is written in place of a secret; None where its forms are all."""
    if not CHARS_MIN <= len(value) <= PATTERN_CHARS_MAX:
        return None
    if isinstance(value, Word):
        return re.compile(f"{_BEFORE}{_escaped(value)}{_BEHIND}")
    return None if _PLAIN.fullmatch(value) else re.compile(_escaped(value))


def _escaped(value: str) -> str:
    """Write a pattern: each sign as it stands or is numbered, behind any number of backslashes.

    What repeats gives back only where the secret may go on with the same, which is then fixed by
    what is behind it, and at the beginning no run is tried from within: no text takes longer than
    it is long. A secret that itself holds a backslash as URLs write it is the exception: a
    long run of those takes longer.
    """
    parts: list[str] = []
    before, at = "", 0
    for sign, signs in groupby(value):
        count = len(list(signs))
        at += count
        if sign == _BACKSLASH:
            # Each level doubles them; what is behind them may be escaped by more.
            if value[at : at + 1] == "%":
                parts.append(f"{_SLASH}+" if parts else _FIRST_RUN_BEFORE_PERCENT)
            else:
                parts.append(f"{_SLASH}++" if parts else _FIRST_RUN)
        elif _PLAIN.fullmatch(sign):
            parts.append(re.escape(sign * count))
        else:
            run = f"{_SLASH}++" if parts else _FIRST_RUN
            parts.append(_sign(sign, run, is_taken=before == _BACKSLASH))
            parts += [_sign(sign, f"{_SLASH}++", is_taken=False)] * (count - 1)
        before = sign
    return "".join(parts)


def _sign(sign: str, run: str, *, is_taken: bool) -> str:
    """Write a pattern of one; `is_taken`: the run before it belongs to a backslash already."""
    as_it_is = "|".join([re.escape(sign), _percent(sign), *_entity(sign, run), *_plus(sign)])
    escaped = "|".join(_numbered(sign))
    if is_taken:
        return f"(?:{as_it_is}|{escaped})"
    return f"(?:{as_it_is}|{run}(?:{as_it_is}|{escaped}))"


def _plus(sign: str) -> Iterator[str]:
    if sign == " ":
        yield "[+]|%(?:25)*+2[bB]"  # in the query of a URL, and in one within a URL


def _numbered(sign: str) -> Iterator[str]:
    """Give what follows a backslash in JSON and Python, of a sign and of its bytes."""
    number = ord(sign)
    if sign in _SHORT:
        yield _SHORT[sign]
    if number < 1 << 16:
        yield _any_case(f"u{number:04x}")
    else:
        high, low = 0xD800 + ((number - 0x10000) >> 10), 0xDC00 + ((number - 0x10000) & 0x3FF)
        yield f"{_any_case(f'u{high:04x}')}{_SLASH}++{_any_case(f'u{low:04x}')}"
    yield _any_case(f"U{number:08x}")
    if number < 1 << 8:
        yield _any_case(f"x{number:02x}")
    body = sign.encode("utf-8", "surrogateescape")
    if len(body) > 1:
        yield f"{_SLASH}++".join(_any_case(f"x{one:02x}") for one in body)


def _percent(sign: str) -> str:
    """Give a sign as URLs write it; each URL within a URL writes its `%` as `%25`."""
    if sign == "%":
        return "%(?:25)+"  # gives back: what follows in the secret may be a `25` of its own
    body = sign.encode("utf-8", "surrogateescape")
    return "".join(f"%(?:25)*+{_any_case(f'{one:02x}')}" for one in body)


def _entity(sign: str, run: str) -> Iterator[str]:
    """Give a sign as HTML and XML write it; each of them writes the `&` of another as `&amp;`.

    What stands around its name may be written by JSON or a URL in turn.
    """
    if sign not in _ENTITIES:
        return
    lead, end = f"(?:&|%(?:25)*+26|(?:{run})?u0026)", "(?:;|%(?:25)*+3[bB])"
    number = f"(?:#|%(?:25)*+23)(?:0*+{ord(sign)}|[xX]0*+{_any_case(f'{ord(sign):x}')})"
    yield f"{lead}(?:amp{end})*+(?:{_ENTITIES[sign]}|{number}){end}"
    if sign == "&":
        yield f"{lead}(?:amp{end})+"  # gives back: the secret may go on with an `amp;` of its own


def _any_case(digits: str) -> str:
    """Write hexadecimal digits as they may be; what is before them is kept as it is."""
    head, rest = (digits[0], digits[1:]) if digits[0] in "uUx" else ("", digits)
    return head + "".join(f"[{one}{one.upper()}]" if one.isalpha() else one for one in rest)


def _as_it_stands(value: str) -> set[str]:
    body = value.encode("utf-8", "surrogateescape")  # as variables of a process are read
    return {str(value), repr(str(value))[1:-1], quote(body, safe=""), quote_plus(body)}


def in_base64(value: str) -> set[str]:
    """Give what base64 and hex make of a secret, of it within JSON, and of what base64 made of it.

    Each as it stands within what is made of a longer text.
    """
    bodies = [
        one.encode("utf-8", "surrogateescape") for one in {value, _plainly(value), _in_ascii(value)}
    ]
    found = {one for body in bodies for one in _base64_of(body) if len(one) >= CHARS_MIN}
    if len(value) > PATTERN_CHARS_MAX:
        return found
    bodies += (within := [one.encode() for one in found])
    again = {one for body in within for one in _base64_of(body)}
    again |= {one for body in bodies for one in (body.hex(), body.hex().upper())}
    return found | {one for one in again if len(one) >= AGAIN_CHARS_MIN}


def _base64_of(body: bytes) -> Iterator[str]:
    for ahead in range(3):  # bytes before it in its group of three
        whole = base64.b64encode(bytes(ahead) + body).rstrip(b"=").decode()
        # What its neighbours have a part in is left out.
        own = whole[(0, 2, 3)[ahead] : len(whole) - bool((ahead + len(body)) % 3)]
        yield own
        yield own.replace("+", "-").replace("/", "_")


def _in_json(value: str, levels: int) -> set[str]:
    """Give what the writers of JSON in several languages make of a text, and of that again."""
    found: set[str] = set()
    for first, then, last in product(_FIRST, _THEN, (_as_it_is, _as_php)):
        text = value
        for _ in range(levels):
            text = last(then(first(text)))
            found.add(text)
    return found


def _plainly(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _in_ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def _in_capitals(text: str) -> str:
    return _ESCAPED.sub(lambda one: f"\\u{one[1].upper()}" if one[1] else one[0], _in_ascii(text))


def _for_html(signs: "re.Pattern[str]", written: str) -> str:
    return signs.sub(lambda one: f"\\u{ord(one[0]):04x}", written)


def _as_php(written: str) -> str:
    return written.replace("/", "\\/")


def _as_it_is(written: str) -> str:
    return written


_FIRST: Final = (_plainly, _in_ascii, _in_capitals)
_THEN: Final[tuple[Callable[[str], str], ...]] = (
    _as_it_is,
    *(partial(_for_html, signs) for signs in _OF_HTML),
)
