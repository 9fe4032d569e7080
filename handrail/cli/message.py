"""Makes a message of a topic out of what was typed: plain text where the topic lets one, else JSON.

A topic that carries `str` takes the text as it is. A model with exactly one text that it requires
takes it there, unless the text is a JSON object or array: that was meant as the message, and is
refused where it does not fit. Anything else is written as JSON.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
import orjson

from handrail.errors import HandrailError, IntakeUnclear, MessageMisfit, NothingGiven, TooLarge

if TYPE_CHECKING:
    from handrail.contract.message_model import MessageModel
    from handrail.contract.team import TeamDescription
    from handrail.contract.topic import Topic

BYTES_MAX = 64 << 20  #: of a file that is read as a message; the wire's own bound comes later


def given_text(
    text: str | None,
    file: str | None,
    command: str,
    incoming: TextIO | None = None,
    *,
    cure: str | None = None,
) -> str:
    """Give what was typed, what the file holds, or what comes in; raises NothingGiven.

    What comes in is standard input unless another stream is given. `command` is what the text
    was to follow, such as `send names`; it is advised again unless there is another `cure`.
    """
    verb = command.split(" ", 1)[0]
    cure = cure or (
        f'handrail {command} "TEXT"    gives it on the command line\n'
        f"handrail {command} -f FILE    reads it from a file; - reads standard input"
    )
    if text is not None and file is not None:
        message = "Give either a TEXT or a file with -f, not both."
        raise click.UsageError(message, click.get_current_context(silent=True))
    if text is not None and text != "-":
        return text
    if file is not None and file != "-":
        found, source = _text_of(Path(file)), f"{file} is empty."
    else:
        stream: TextIO = sys.stdin if incoming is None else incoming
        if stream.isatty() and text != "-" and file != "-":
            reason = "no text was given, no file was named and standard input is a terminal."
            raise NothingGiven(verb=verb, reason=reason, cure=cure)
        found = _decoded(stream.buffer.read(BYTES_MAX), "standard input")
        source = "standard input is empty."
    if not found.strip():
        # A pipe that broke before us: a task about nothing is never what was meant.
        raise NothingGiven(verb=verb, reason=source, cure=cure)
    return found


def given_value(value: str, incoming: TextIO | None = None) -> str:
    """Give a value of the command line, or where it is `-` what standard input holds."""
    if value != "-":
        return value
    stream: TextIO = sys.stdin if incoming is None else incoming
    return _decoded(stream.buffer.read(), "standard input")


def _text_of(file: Path) -> str:
    try:
        return _decoded(file.read_bytes()[:BYTES_MAX], str(file))
    except OSError as error:
        message = f"{file} cannot be read as text: {error}"
        raise click.UsageError(message, click.get_current_context(silent=True)) from error


def _decoded(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{source} cannot be read as text: {error}"
        raise click.UsageError(message, click.get_current_context(silent=True)) from error


def message_of(topic: "Topic[Any, Any]", text: str, extra: dict[str, str] | None = None) -> Any:  # noqa: ANN401  # whatever the topic carries
    """Make the message that a text means; `extra` sets further fields.

    Raises MessageMisfit, and TooLarge or TooDeep, which no other field would mend.
    """
    extra = extra or {}
    if absent := _untaken(topic, extra):
        reason = f"its messages have no field `{absent}`, so nothing could be done with it there."
        raise MessageMisfit(topic=topic.name, carries=", ".join(topic.models), reason=reason)
    tried: list[HandrailError] = []
    for candidate in _candidates(topic, text, extra):
        try:
            return topic.decode(None, candidate)
        except HandrailError as error:
            tried.append(error)
    if (too_large := next((one for one in tried if isinstance(one, TooLarge)), None)) is not None:
        raise too_large
    reason = tried[0].why or tried[0].what if tried else _wanted(topic, text)
    raise MessageMisfit(topic=topic.name, carries=", ".join(topic.models), reason=reason)


def intake_of(team: "TeamDescription") -> "Topic[Any, Any]":
    """Give the topic on which tasks arrive: the one that is set, else the one nobody writes to.

    What agents only ask on (`replies=`) is meant if there is no other, and the engine's own topic
    for undoing never is. Raises IntakeUnclear.
    """
    from handrail.runtime.undo import UNDO

    if team.intake is not None:
        return team.topics[team.intake]
    read = {agent.reads.name: agent.reads for agent in team.agents if agent.reads is not UNDO}
    written = {topic.name for agent in team.agents for topic in agent.writes}
    open_ends = [topic for name, topic in sorted(read.items()) if name not in written]
    told = [topic for topic in open_ends if topic.replies is None]
    if len(found := told or open_ends) == 1:
        return found[0]
    meant = [topic.name for topic in found or read.values()]
    raise IntakeUnclear(names=", ".join(meant), first=meant[0] if meant else "TOPIC")


def _untaken(topic: "Topic[Any, Any]", extra: dict[str, str]) -> str | None:
    """Name a further field that no message of the topic has; unknown ones would be passed over."""
    fields: set[str] = set()
    for model in topic.models.values():
        fields.update(model.adapter.json_schema().get("properties", {}))
    return next((name for name in extra if name not in fields), None)


def _candidates(topic: "Topic[Any, Any]", text: str, extra: dict[str, str]) -> list[bytes]:
    """Give the bodies that a text may stand for, the likeliest first."""
    found: list[bytes] = []
    as_json = _json(text)
    if isinstance(as_json, dict):
        found.append(_dumped({**as_json, **extra}))
    for model in topic.models.values():
        if model.python_type is str and not extra:
            found.append(orjson.dumps(text))
        elif not isinstance(as_json, dict | list) and (field := the_text_field(model)) is not None:
            found.append(orjson.dumps({field: text, **extra}))
    if as_json is not None and not isinstance(as_json, dict) and not extra:
        found.append(_dumped(as_json))
    return found


def the_text_field(model: "MessageModel") -> str | None:
    """Give the one required field of a model if it is a text; None otherwise."""
    schema = model.adapter.json_schema()
    required = schema.get("required", [])
    if len(required) != 1:
        return None
    field = schema.get("properties", {}).get(required[0], {})
    return required[0] if field.get("type") == "string" else None


def _dumped(value: Any) -> bytes:  # noqa: ANN401  # whatever JSON holds
    # The wire refuses what is nested deeper than it lets through, and says how deep that is.
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _json(text: str) -> Any:  # noqa: ANN401  # whatever JSON holds
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _wanted(topic: "Topic[Any, Any]", text: str) -> str:
    models = ", ".join(topic.models)
    if text.lstrip().startswith(("{", "[")) and _json(text) is None:
        return f"it begins like JSON and is none, and {models} is written as JSON."
    return f"a plain text does not say enough for {models}; write it as JSON."
