"""The error of a step as the journal keeps it: JSON out, and an error of the same class back.

Guarantee: what a handler sees on the first run is what it sees on every later one. An error that
its record cannot make again is given as StepFailed from the start, with the original as its cause.
"""

import sys
from typing import Any, cast

import orjson

from handrail.contract.failure import Refused, State
from handrail.errors.root import HandrailError, every_error
from handrail.errors.steps import StepFailed

TEXT_CHARS_MAX = 8_000  #: of each text that an error carries
INT_MAX = (1 << 63) - 1  #: what orjson 3.11 writes; a larger one is given as text


def encode_error(error: Exception) -> bytes:
    """Give what is recorded of an error."""
    kind = type(error)
    facts: dict[str, object] = {"class": f"{kind.__module__}:{kind.__qualname__}"}
    if isinstance(error, Refused):
        facts |= {
            "state": str(error.state),
            "detail": _text(error.detail),
            "title": _text(error.title),
            "remedy": _text(error.remedy),
            "retry_after_s": error.retry_after_s,
            "retry": str(error.retry),
        }
    elif isinstance(error, HandrailError):
        facts |= {"code": error.code, "facts": {n: _plain(v) for n, v in error.facts.items()}}
    else:
        plain = [_plain(one) for one in error.args]
        facts |= {"arguments": plain if plain == list(error.args) else None}
    facts["text"] = _text(str(error))
    return orjson.dumps(facts, default=str)


def decode_error(name: str, body: bytes) -> Exception:
    """Give an error of the recorded class; StepFailed when the class is not here any more."""
    facts = cast("dict[str, Any]", orjson.loads(body))
    made = _made(facts)
    if made is not None and str(made)[:TEXT_CHARS_MAX] == facts["text"]:
        return made
    return StepFailed(
        name=name, kind=str(facts["class"]).replace(":", "."), detail=facts["text"] or "no words"
    )


def as_recorded(name: str, error: Exception, body: bytes) -> Exception:
    """Give the error itself if its record makes the same again, else what the record makes."""
    again = decode_error(name, body)
    if type(again) is type(error) and str(again) == str(error):
        return error
    again.__cause__ = error
    return again


def _made(facts: dict[str, Any]) -> Exception | None:
    module, _, path = str(facts["class"]).partition(":")
    if "state" in facts:
        found: object = Refused
    elif "code" in facts:
        named = {error.__qualname__: error for error in every_error()}
        found = named.get(path)
    else:
        found = sys.modules.get(module)
        for part in path.split("."):
            found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        return None
    try:
        if "state" in facts:
            return Refused(
                State(facts["state"]),
                facts["detail"],
                title=facts["title"],
                remedy=facts["remedy"],
                retry_after_s=facts["retry_after_s"],
                retry=facts.get("retry"),
            )
        if "code" in facts:
            return found(**facts["facts"])
        return found(*facts["arguments"])
    except Exception:  # noqa: BLE001 - a constructor of the team's; there is another way
        return None


def _plain(value: object) -> object:
    """Give a fact as JSON has it; what has no JSON form is given as text."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) <= INT_MAX:
        return int(value)
    return _text(str(value))


def _text(text: str) -> str:
    """Give a text as it can be recorded: half a character, as in names of files, is shown."""
    return text[:TEXT_CHARS_MAX].encode(errors="backslashreplace").decode()[:TEXT_CHARS_MAX]
