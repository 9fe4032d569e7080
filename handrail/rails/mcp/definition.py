"""What a server says of one tool, and the digest by which a change is found.

Everything that a model or a person may be shown is in the digest: name, title, description, both
schemas and annotations. What is hidden in a text is no text: characters that nobody sees make a
definition unusable.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

import orjson

from handrail.contract.json_schema import unusable
from handrail.contract.quoting import UNSEEN

DEFINITION_BYTES_MAX = 64 * 1024
DEPTH_MAX = 24
NAME = re.compile(r"[A-Za-z0-9_.\-/]{1,128}")
#: What has to be looked at: most texts of most servers have none of it.
_ODD = re.compile(r"[^\x20-\x7e\n\r\t]")
_OF_EMOJI = frozenset("\ufe0e\ufe0f")


@dataclass(frozen=True, slots=True)
class Definition:
    """One tool as its server describes it."""

    name: str
    title: str | None
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None
    annotations: Mapping[str, Any] | None

    @property
    def canonical(self) -> bytes:
        """The definition as the one JSON text that every machine writes of it."""
        return orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS)

    @property
    def digest(self) -> str:
        """The SHA-256 of everything in it."""
        return hashlib.sha256(self.canonical).hexdigest()

    @classmethod
    def of(cls, pinned: Mapping[str, Any]) -> "Definition":
        """Read a definition that `asdict` has written. Raises KeyError, TypeError."""
        return cls(**{name: pinned[name] for name in cls.__slots__})


def problem(found: Definition) -> str | None:
    """Say why a definition cannot be used, whatever a person thinks of it; None: it can."""
    if not NAME.fullmatch(found.name):
        return f"{found.name[:80]!r} is no name of a tool"
    try:
        count = len(found.canonical)
    except orjson.JSONEncodeError as error:
        return f"its definition holds what cannot be kept: {error}"
    if count > DEFINITION_BYTES_MAX:
        return f"its definition is longer than {DEFINITION_BYTES_MAX} bytes"
    if _depth(asdict(found)) > DEPTH_MAX:
        return f"its schemas are nested more than {DEPTH_MAX} levels deep"
    if hidden := hidden_characters("".join(_texts(asdict(found)))):
        return f"its definition holds characters that nobody sees: {hidden}"
    for name, schema in (("input", found.input_schema), ("output", found.output_schema)):
        if schema is not None and (wrong := unusable(schema)):
            return f"its {name} schema is none: {wrong}"
    if found.input_schema.get("type") != "object":
        return "its input schema does not describe an object"
    return None


def hidden_characters(text: str) -> str:
    """Name up to three characters of a text that are written and not seen."""
    found = sorted({one[0] for one in _ODD.finditer(text) if _is_hidden(one)})
    return ", ".join(f"U+{ord(one):04X}" for one in found[:3])


def without_hidden(text: str) -> str:
    """Give a text with what nobody sees in it taken out."""
    return _ODD.sub(lambda one: "" if _is_hidden(one) else one[0], text)


def _is_hidden(found: "re.Match[str]") -> bool:
    character, at = found[0], found.start()
    if character in UNSEEN:
        # One behind a sign says how that is drawn; any other may be a letter that is not seen.
        return character not in _OF_EMOJI or at == 0 or not _is_drawn(found.string[at - 1])
    # Cf are marks of direction, joiners and tags; Cc controls; Co private use; Cn unassigned.
    return unicodedata.category(character) in {"Cf", "Cc", "Co", "Cn", "Cs"}


def _is_drawn(sign: str) -> bool:
    if sign.isascii():
        return sign in "0123456789#*"
    return unicodedata.category(sign) in {"So", "Sm", "Sk", "Po", "Pd"}


def differences(before: Definition, after: Definition) -> list[str]:
    """Say in words what has changed, the most telling first."""
    wider = _widened(before.input_schema, after.input_schema)
    found = [f"its input takes {wider}"] if wider else []
    parts = ("description", "input_schema", "output_schema", "annotations", "title")
    changed = [part for part in parts if getattr(before, part) != getattr(after, part)]
    return found + [f"its {part.replace('_', ' ')} is another one" for part in changed]


def _widened(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Name what an input takes now that it did not take before."""
    old, new = _properties(before), _properties(after)
    if added := sorted(new.keys() - old.keys()):
        return f"more: {', '.join(added)}"
    loosened = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
    if loosened:
        return f"other values of {', '.join(loosened)}"
    dropped = sorted(set(_required(before)) - set(_required(after)))
    return f"calls without {', '.join(dropped)}" if dropped else None


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = schema.get("properties")
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _required(schema: Mapping[str, Any]) -> list[str]:
    found = schema.get("required")
    return [str(one) for one in cast("list[object]", found)] if isinstance(found, list) else []


def _texts(value: object) -> Iterator[str]:
    """Give every text in a JSON value, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in cast("dict[str, object]", value).items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _texts(one)


def _depth(value: object) -> int:
    deepest, left = 0, [(value, 1)]
    while left:
        one, depth = left.pop()
        deepest = max(deepest, depth)
        if depth > DEPTH_MAX:
            break
        inside: list[object] = []
        if isinstance(one, dict):
            inside = list(cast("dict[str, object]", one).values())
        elif isinstance(one, list):
            inside = cast("list[object]", one)
        left += [(each, depth + 1) for each in inside]
    return deepest
