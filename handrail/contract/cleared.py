"""Takes secrets out of words before anybody keeps them, and says which an HTTP header can carry.

Pure. Found are a secret itself, as JSON, Python, a URL and base64 write it, also within a longer
text in base64, and whatever stands behind `Bearer` or `Basic`. Not found is what a program makes
of a secret in any other way, and one of fewer than four characters.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import quote, quote_plus

CHARS_MIN: Final = 4  #: a shorter one is a word like others, and is not looked for
#: What an HTTP header can carry: visible ASCII, with blanks in between.
_IN_A_HEADER: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_SHOWN: Final = re.compile(r"\b(Bearer|Basic)(\s+)[^\s'\"\\,;]+", re.IGNORECASE)


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
    written = ((form, name) for name, value in secrets.items() for form in forms(value))
    # The longest first: one secret may be the beginning of another.
    for form, name in sorted(written, key=lambda one: len(one[0]), reverse=True):
        text = text.replace(form, f"[secret {name}]")
    return text


def cleared_words(text: str, secrets: Mapping[str, str]) -> str:
    """Give the words of somebody else's error, cleared; also of what a header showed."""
    return _SHOWN.sub(r"\1\2[secret]", cleared(text, secrets))


def cleared_values(value: Any, secrets: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON value
    """Give a JSON value with every text, name and number in it cleared.

    A value may be long: to be called in a thread.
    """
    if not secrets:
        return value
    written = json.dumps(value, ensure_ascii=False)
    return value if cleared(written, secrets) == written else _cleared_each(value, secrets)


def _cleared_each(value: object, secrets: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return cleared(value, secrets)
    if isinstance(value, Mapping):
        inside = cast("Mapping[str, object]", value)
        return {cleared(name, secrets): _cleared_each(one, secrets) for name, one in inside.items()}
    if isinstance(value, list):
        return [_cleared_each(one, secrets) for one in cast("list[object]", value)]
    if value is None or isinstance(value, bool):
        return value
    said = cleared(str(value), secrets)
    return value if said == str(value) else said


def forms(value: str) -> Iterator[str]:
    """Give the ways in which a secret may be written; one that is too short has none."""
    if len(value) < CHARS_MIN:
        return
    in_json = json.dumps(value, ensure_ascii=False)[1:-1]
    body = value.encode("utf-8", "surrogateescape")  # as variables of a process are read
    yield from {value, in_json, repr(value)[1:-1], quote(body, safe=""), quote_plus(body)}
    for ahead in range(3):  # bytes before it in its group of three
        whole = base64.b64encode(bytes(ahead) + body).rstrip(b"=").decode()
        # What its neighbours have a part in is left out.
        own = whole[(0, 2, 3)[ahead] : len(whole) - bool((ahead + len(body)) % 3)]
        if len(own) >= CHARS_MIN:
            yield from {own, own.replace("+", "-").replace("/", "_")}
