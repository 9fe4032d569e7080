"""Takes secrets out of words before anybody keeps them, and says which an HTTP header can carry.

Pure. Found are a secret itself, as JSON, Python, a URL and base64 write it, also within a longer
text in base64 and in JSON that is a text of JSON, and what looks like a token behind `Bearer` or
`Basic`. Not found is what a program makes of a secret in any other way, and one of fewer than four
characters.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast
from urllib.parse import quote, quote_plus

CHARS_MIN: Final = 4  #: a shorter one is a word like others, and is not looked for
#: What an HTTP header can carry: visible ASCII, with blanks in between.
_IN_A_HEADER: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
#: What follows is no parameter of a scheme, such as `realm="api"`.
_SHOWN: Final = re.compile(
    r"""\b(Bearer|Basic)(\s+)(?![a-z_]+=")([^\s'"\\,;]{8,})""", re.IGNORECASE
)
#: A digit, capitals within, a sign of base64 or of a key's prefix, two hyphens: no word has them.
_AS_A_TOKEN: Final = re.compile(r"[0-9_=+~]|[a-z][A-Z]|[A-Z]{2}[a-z]|-.*-|[A-Za-z]{25}")
_ESCAPED: Final = re.compile(r"\\(?:u([0-9a-f]{4})|.)")
#: What writers of JSON escape because HTML has a meaning for it: those of Go, and of Java's Gson.
_OF_HTML: Final = (re.compile("[<>&]"), re.compile("[<>&'=]"))


def as_read(secret: str) -> str:
    """Give a secret as it is meant: without the white space that files and copies end in."""
    return secret.rstrip()


def unsendable(secret: str) -> str | None:
    """Say why no HTTP header can carry a secret, without a part of it; None when one can."""
    if _IN_A_HEADER.fullmatch(secret):
        return None
    return "holds a line break, a control character or another that no HTTP header may hold"


def cleared(text: str, secrets: Mapping[str, str]) -> str:
    """Give a text with every secret in it replaced by its name, also as it is written elsewhere."""
    return _without(text, _written(tuple(secrets.items())))


# The forms of a secret of 64 KiB take a megabyte, so that few sets of them are kept.
@lru_cache(maxsize=16)
def _written(secrets: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Give every form of these secrets and what stands in its place."""
    found = {(form, f"[secret {name}]") for name, value in secrets for form in forms(value)}
    # The longest first: one secret may be the beginning of another.
    return tuple(sorted(found, key=lambda one: (-len(one[0]), one)))


def _without(text: str, written: tuple[tuple[str, str], ...]) -> str:
    if not written or len(text) < len(written[-1][0]):
        return text  # shorter than the shortest form, as most texts of a long value are
    for form, instead in written:
        text = text.replace(form, instead)
    return text


def cleared_words(text: str, secrets: Mapping[str, str]) -> str:
    """Give the words of somebody else's error, cleared; also of a token that a header showed.

    A word behind `Bearer` or `Basic` is left, and a token that looks like one.
    """
    return _SHOWN.sub(_shown_without, cleared(text, secrets))


def _shown_without(found: "re.Match[str]") -> str:
    scheme, between, behind = found.groups()
    return f"{scheme}{between}[secret]" if _AS_A_TOKEN.search(behind) else found[0]


def cleared_values(value: Any, secrets: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON value
    """Give a JSON value with every text, name and number in it cleared; the same one if all is.

    Each text is looked at by itself: within JSON that is a text of JSON a secret is escaped once
    more. A value may be long: to be called in a thread.
    """
    written = _written(tuple(secrets.items()))
    return _each_without(value, written) if written else value


def _each_without(value: object, written: tuple[tuple[str, str], ...]) -> object:
    if isinstance(value, str):
        return _without(value, written)
    if value is None or isinstance(value, bool):
        return value
    changed = False
    if isinstance(value, Mapping):
        named: dict[str, object] = {}
        for name, one in cast("Mapping[str, object]", value).items():
            told, clear = _without(name, written), _each_without(one, written)
            changed = changed or told != name or clear is not one
            named[told] = clear
        return named if changed else cast("object", value)
    if isinstance(value, list):
        listed: list[object] = []
        for one in cast("list[object]", value):
            clear = _each_without(one, written)
            changed = changed or clear is not one
            listed.append(clear)
        return listed if changed else cast("object", value)
    said = str(value)
    clear_said = _without(said, written)
    return value if clear_said == said else clear_said


def forms(value: str) -> Iterator[str]:
    """Give the ways in which a secret may be written; one that is too short has none."""
    if len(value) < CHARS_MIN:
        return
    body = value.encode("utf-8", "surrogateescape")  # as variables of a process are read
    yield from {value, repr(value)[1:-1], quote(body, safe=""), quote_plus(body), *_in_json(value)}
    for ahead in range(3):  # bytes before it in its group of three
        whole = base64.b64encode(bytes(ahead) + body).rstrip(b"=").decode()
        # What its neighbours have a part in is left out.
        own = whole[(0, 2, 3)[ahead] : len(whole) - bool((ahead + len(body)) % 3)]
        if len(own) >= CHARS_MIN:
            yield from {own, own.replace("+", "-").replace("/", "_")}


def _in_json(value: str) -> set[str]:
    """Give what the writers of JSON in several languages make of a text."""
    ascii_only = json.dumps(value)[1:-1]
    upper = _ESCAPED.sub(lambda one: f"\\u{one[1].upper()}" if one[1] else one[0], ascii_only)
    found = {json.dumps(value, ensure_ascii=False)[1:-1], ascii_only, upper}
    found |= {
        signs.sub(lambda one: f"\\u{ord(one[0]):04x}", form) for signs in _OF_HTML for form in found
    }
    return found | {form.replace("/", "\\/") for form in found}  # as PHP writes it
