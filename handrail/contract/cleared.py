"""Takes secrets out of words before anybody keeps them, and says which an HTTP header can carry.

Pure. Found are a secret itself, and as JSON, Python, a URL, HTML, base64 and hex write it, at any
depth of one in another, of base64 as far as base64 or hex of it (`secret_forms`); and what looks
like a token behind `Bearer` or `Basic`. Not found is what a program makes of a secret in any other
way, and one of fewer than four characters.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

from handrail.contract.secret_forms import CHARS_MIN, Word, literal_forms, pattern_of

#: What an HTTP header can carry: visible ASCII, with blanks in between.
_IN_A_HEADER: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
#: What follows is no parameter of a scheme, such as `realm="api"`.
_SHOWN: Final = re.compile(
    r"""\b(Bearer|Basic)(\s+)(?![a-z_]+=")([^\s'"\\,;]{8,})""", re.IGNORECASE
)
#: A digit, capitals within, a sign of base64 or of a key's prefix, two hyphens: no word has them.
_AS_A_TOKEN: Final = re.compile(r"[0-9_=+~]|[a-z][A-Z]|[A-Z]{2}[a-z]|-.*-|[A-Za-z]{25}")


def as_read(secret: str) -> str:
    """Give a secret as it is meant: without the white space that files and copies end in."""
    return secret.rstrip()


def unsendable(secret: str) -> str | None:
    """Say why no HTTP header can carry a secret, without a part of it; None when one can."""
    if _IN_A_HEADER.fullmatch(secret):
        return None
    if not secret.strip():
        return "is empty"
    if _IN_A_HEADER.fullmatch(secret.strip(" ")):
        return "begins or ends with a blank, which no HTTP header keeps"
    return "holds a line break, a control character or another that no HTTP header may hold"


def unfindable(secret: str) -> str | None:
    """Say why a secret cannot be taken out of words; None when it can."""
    if len(secret) >= CHARS_MIN:
        return None
    return f"has fewer than {CHARS_MIN} characters, so that nobody could find it in what is kept"


def cleared(text: str, secrets: Mapping[str, str]) -> str:
    """Give a text with every secret in it replaced by its name, also as it is written elsewhere."""
    return _without(text, _sought(secrets))


@dataclass(frozen=True, slots=True)
class _Sought:
    """A secret that is looked for."""

    instead: str  #: what stands in its place
    forms: tuple[str, ...]  #: the longest first
    pattern: "re.Pattern[str] | None"
    chars_min: int  #: no shorter text holds it


def _sought(secrets: Mapping[str, str]) -> tuple[_Sought, ...]:
    # A word and a secret of the same letters are one key, and are not looked for alike.
    return _prepared(tuple((*one, isinstance(one[1], Word)) for one in secrets.items()))


# The forms of a secret of 64 KiB take a megabyte, so that few sets of them are kept.
@lru_cache(maxsize=16)
def _prepared(secrets: tuple[tuple[str, str, bool], ...]) -> tuple[_Sought, ...]:
    """Give what to look for, the longest first: one secret may be the beginning of another."""
    found: list[_Sought] = []
    for name, value, _ in sorted(secrets, key=lambda one: (-len(one[1]), one[0])):
        written = tuple(sorted(literal_forms(value), key=lambda form: (-len(form), form)))
        pattern = pattern_of(value)
        if written or pattern:
            shortest = min([len(value), *map(len, written)])
            found.append(_Sought(f"[secret {name}]", written, pattern, shortest))
    return tuple(found)


def _without(text: str, sought: tuple[_Sought, ...]) -> str:
    for one in sought:
        if len(text) < one.chars_min:
            continue  # as most texts of a long value are
        for form in one.forms:
            text = text.replace(form, one.instead)
        if one.pattern is not None:
            text = one.pattern.sub(one.instead.replace("\\", r"\\"), text)
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

    Each text is looked at by itself. A value may be long: to be called in a thread.
    """
    sought = _sought(secrets)
    return _each_without(value, sought) if sought else value


def _each_without(value: object, sought: tuple[_Sought, ...]) -> object:
    if isinstance(value, str):
        return _without(value, sought)
    if value is None or isinstance(value, bool):
        return value
    changed = False
    if isinstance(value, Mapping):
        named: dict[str, object] = {}
        for name, one in cast("Mapping[str, object]", value).items():
            told, clear = _without(name, sought), _each_without(one, sought)
            changed = changed or told != name or clear is not one
            named[told] = clear
        return named if changed else cast("object", value)
    if isinstance(value, list):
        listed: list[object] = []
        for one in cast("list[object]", value):
            clear = _each_without(one, sought)
            changed = changed or clear is not one
            listed.append(clear)
        return listed if changed else cast("object", value)
    said = str(value)
    clear_said = _without(said, sought)
    return value if clear_said == said else clear_said
