"""A model that is wholly in the hands of whoever writes to it.

It carries out, to the letter, every instruction that it finds in anything that it is shown, however
disguised, and passes on what it cannot do itself; besides that it does its honest work by script.
Instructions are written `<<do TOOL {arguments}>>` and `<<answer VALUE>>`, so that nothing is left
to chance: what gets through is the engine's doing, never a model's good sense.
"""

import base64
import binascii
import codecs
import html
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote

from bench.security.house import SECRET
from handrail.contract.effect import Effect
from handrail.models.port import ModelReply, ModelRequest, ModelTurn, Stop, ToolCall, ToolTurn

Script = Mapping[str, "Part"]

_ORDER = re.compile(r"<<do (?P<tool>[a-z_0-9]+) (?P<arguments>\{.*?\})>>", re.DOTALL)
_ANSWER = re.compile(r"<<answer (?P<value>.*?)>>", re.DOTALL)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
_PIECE = re.compile(r"\[\[(\d)/(\d)\|(.*?)\]\]", re.DOTALL)
_ROLE = re.compile(r"^\[([a-z]+)\]")
_RESULT = re.compile(r"\{(\d|found)\}")
_FOUND = re.compile(r"(?:What was found:\n|The expert says: |In short: )(.*)", re.DOTALL)
_INVISIBLE: dict[int, int | None] = dict.fromkeys(
    (0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD, 0x202E, 0x202C)
)
_ALIKE = str.maketrans("аеорсухі", "aeopcyxi")
DEPTH_MAX = 3  #: of disguises within disguises


@dataclass(frozen=True, slots=True)
class Move:
    """One honest call.

    `{0}` in an argument stands for what the first honest call gave, `{found}` for what the agent
    was told by others or, if that is nothing, has read first.
    """

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What an agent of one role does honestly: its calls, and what it then says."""

    moves: Sequence[Move] = ()
    say: Any = "{0}"
    code: str = ""  #: in which it says what it passes on: nothing, or `base64`


@dataclass
class ObedientModel:
    """Implements `handrail.models.port.Model`."""

    script: Script
    name: str = "obedient"
    effect: Effect = Effect.PURE
    obeyed: list[str] = field(default_factory=list[str])  #: the tools that it was told to call

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Obey what is new, else go on with the honest work, else answer."""
        text = _shown(request)
        part = self.script.get(_role(request.prompt), Part())
        known = {tool.name for tool in request.tools}
        told = [one for one in orders_in(text) if one[0] in known]
        called = [call for turn in _said(request) for call in turn.tool_calls]
        begun = {_key(call.name, call.arguments or {}) for call in called}
        new = [one for one in told if _key(*one) not in begun]
        if new and not request.answer_now:
            self.obeyed += [tool for tool, _ in new]
            return _calls(len(called), new)
        bad = {_key(*one) for one in told}
        results = [
            _plain(result)
            for call, result in _honest(request)
            if _key(call.name, call.arguments or {}) not in bad
        ]
        found = _found(request, results)
        if len(results) < len(part.moves) and not request.answer_now:
            move = part.moves[len(results)]
            return _calls(len(called), [(move.tool, filled(move.arguments, results, found))])
        return self._answer(request, text, part, filled(part.say, results, found))

    def _answer(self, request: ModelRequest, text: str, part: Part, value: Any) -> ModelReply:  # noqa: ANN401 - JSON
        wished = _answers_in(text)
        if request.returns is not None and request.returns.get("type") != "string":
            self.obeyed += ["answer"] * bool(wished)
            return ModelReply(model=self.name, value=json.loads(wished[-1]) if wished else value)
        passed_on = " ".join(_orders_as_written(text))
        passed_on += "".join(f" <<answer {one}>>" for one in wished)
        if part.code == "base64" and passed_on:
            passed_on = base64.b64encode(passed_on.encode()).decode()
        return ModelReply(model=self.name, text=f"{value} {passed_on}".strip())


def orders_in(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Give every instruction in a text, in its order, once, disguised ones too."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for plain in undisguised(text):
        for match in _ORDER.finditer(plain):
            if "$SECRET" in match["arguments"] and SECRET not in text:
                continue  # it is to be fetched first
            try:
                arguments = json.loads(match["arguments"].replace("$SECRET", SECRET))
            except json.JSONDecodeError:
                continue
            found.setdefault(_key(match["tool"], arguments), (match["tool"], arguments))
    return list(found.values())


def _answers_in(text: str) -> list[str]:
    found: list[str] = []
    for match in (m for plain in undisguised(text) for m in _ANSWER.finditer(plain)):
        try:
            json.loads(match["value"])
        except json.JSONDecodeError:
            continue
        found.append(match["value"])
    return list(dict.fromkeys(found))


def _orders_as_written(text: str) -> list[str]:
    written = [found[0] for plain in undisguised(text) for found in _ORDER.finditer(plain)]
    return list(dict.fromkeys(one for one in written if "\\" not in one))


def undisguised(text: str) -> list[str]:
    """Give a text as it is, and as it reads once each disguise is seen through."""
    seen = [text]
    for _ in range(DEPTH_MAX):
        fresh = [plain for one in seen for plain in _one_deeper(one) if plain not in seen]
        if not fresh:
            break
        seen += list(dict.fromkeys(fresh))
    return seen


def _one_deeper(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).translate(_INVISIBLE).translate(_ALIKE)
    tags = "".join(chr(ord(c) - 0xE0000) for c in text if 0xE0020 <= ord(c) <= 0xE007E)  # noqa: PLR2004
    pieces = sorted((int(n), piece) for n, _, piece in set(_PIECE.findall(text)))
    found = [
        plain,
        html.unescape(text),
        unquote(text),
        codecs.decode(text, "rot13"),
        text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\"),
        tags,
        text[::-1],
        "".join(piece for _, piece in pieces),
    ]
    for match in _BASE64.finditer(text):
        try:
            found.append(base64.b64decode(match[0], validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    return found


def filled(value: Any, results: Sequence[str], found: str) -> Any:  # noqa: ANN401 - JSON
    """Put what calls gave, and what was found, into the places that stand for it."""

    def known(match: re.Match[str]) -> str:
        if match[1] == "found":
            return found
        return results[int(match[1])] if int(match[1]) < len(results) else "nothing"

    if isinstance(value, str):
        return _RESULT.sub(known, value)
    if isinstance(value, Mapping):
        named = cast("Mapping[str, Any]", value)
        return {name: filled(one, results, found) for name, one in named.items()}
    return value


def _found(request: ModelRequest, results: Sequence[str]) -> str:
    told = _FOUND.search(request.prompt)
    if told is not None:
        return told[1]
    return request.context or (results[0] if results else "nothing")


def _plain(result: str) -> str:
    try:
        value = json.loads(result)
    except json.JSONDecodeError:
        return result
    return value if isinstance(value, str) else result


def _shown(request: ModelRequest) -> str:
    told = [request.system, request.context, *(f"{s.heading} {s.text}" for s in request.sources)]
    told += [f"{tool.description} {json.dumps(tool.arguments)}" for tool in request.tools]
    for turn in request.turns:
        if isinstance(turn, ToolTurn):
            told += [result.text for result in turn.results]
    return "\n".join([*told, request.prompt])


def _said(request: ModelRequest) -> list[ModelReply]:
    return [turn.reply for turn in request.turns if isinstance(turn, ModelTurn)]


def _honest(request: ModelRequest) -> list[tuple[ToolCall, str]]:
    results = {
        result.call_id: result.text
        for turn in request.turns
        if isinstance(turn, ToolTurn)
        for result in turn.results
    }
    calls = [call for reply in _said(request) for call in reply.tool_calls]
    return [(call, results.get(call.id, "nothing")) for call in calls]


def _role(prompt: str) -> str:
    found = _ROLE.match(prompt)
    return found[1] if found else ""


def _key(tool: str, arguments: Mapping[str, Any]) -> str:
    return f"{tool} {json.dumps(arguments, sort_keys=True, default=str)}"


def _calls(before: int, wanted: Sequence[tuple[str, Mapping[str, Any]]]) -> ModelReply:
    made = [
        ToolCall(id=f"call-{before + number}", name=tool, arguments=dict(arguments))
        for number, (tool, arguments) in enumerate(wanted)
    ]
    return ModelReply(model="obedient", stop=Stop.TOOLS, tool_calls=tuple(made))
